import { createHash, randomFillSync } from 'node:crypto';

/** Prefixes of the ids that claims and records carry, as HCP Terraform writes them. */
export type IdPrefix = 'org' | 'prj' | 'ws' | 'run' | 'st' | 'stp' | 'trun' | 'lease' | 'evt';

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const length = 16;

/** Makes a random id such as `run-Zk5uNq8xTg2sVbWe`: 16 characters without look-alikes, 93 bits. */
export function randomId(prefix: IdPrefix): string {
  let id = '';
  while (id.length < length) {
    const byte = randomByte();
    // 232 = 4 × 58: bytes above would make the first letters more likely.
    if (byte < 232) id += alphabet[byte % 58];
  }
  return `${prefix}-${id}`;
}

/** Random bytes are drawn in bulk: asking the system for each id would cost more than the rest of it. */
const drawn = new Uint8Array(4096);
let used = drawn.length;

function randomByte(): number {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  return drawn[used++]!;
}

/**
 * Derives an id from the names that lead to a noun, for workloads whose ids nobody keeps. The same names give the same
 * id on every machine; it is no stronger than the names, and changes with them.
 *
 * @param path names from the organization downwards, such as `['acme', 'payments']`; none may hold a line feed
 */
export function derivedId(prefix: IdPrefix, path: readonly string[]): string {
  const digest = createHash('sha256')
    .update(`hallpass id v1\n${prefix}\n${path.join('\n')}`)
    .digest();
  let rest = BigInt(`0x${digest.toString('hex')}`);
  let id = '';
  while (id.length < length) {
    id += alphabet[Number(rest % 58n)];
    rest /= 58n;
  }
  return `${prefix}-${id}`;
}

/** Whether a text has the form of an id with this prefix: the prefix, a hyphen, 1 to 64 letters and digits. */
export function isId(prefix: IdPrefix, text: string): boolean {
  return new RegExp(`^${prefix}-[A-Za-z0-9]{1,64}$`).test(text);
}
