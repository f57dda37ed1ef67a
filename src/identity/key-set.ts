import { isJsonObject } from '../domain/json.ts';
import { isOwnPublicJwk, modulusBits, smallestModulus, type PublicJwk } from './jwk.ts';
import { parseStrictJson } from './strict-json.ts';

/** A published key that can verify our kind of token. */
export interface VerificationKey {
  readonly kid: string;
  readonly kty: 'RSA';
  readonly n: string;
  readonly e: string;
}

/** A published key set as somebody else reads it. */
export interface ReadKeySet {
  /** Every entry as it stood there. */
  readonly entries: readonly Readonly<Record<string, unknown>>[];
  /** Those that can verify RS256. */
  readonly keys: readonly VerificationKey[];
  /** What is wrong with the set or an entry, each a sentence. */
  readonly problems: readonly string[];
}

/** Members that only a private key has, of any key type (RFC 7518 section 6). */
export const privateMembers: readonly string[] = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/**
 * Reads a key set (RFC 7517 section 5). Entries of other types are skipped, as the standard asks; what must never be
 * published, or would verify nothing, is reported.
 *
 * @throws {SyntaxError} when it is not JSON or not a key set
 */
export function readKeySet(text: string): ReadKeySet {
  const value = parseStrictJson(text);
  const entries = (value as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(entries) || !entries.every(isJsonObject))
    throw new SyntaxError('it is not a key set: "keys" is no list');
  const judged = entries.map((entry, index) => ({ entry, problem: problemOf(entry, index) }));
  const usable = judged.filter(({ problem }) => problem === null).map(({ entry }) => entry);
  const keys = usable.filter((entry) => entry['kty'] === 'RSA').map(verificationKey);
  return {
    entries,
    keys: keys.filter((key) => !isAmbiguous(key, keys)),
    problems: [
      ...(entries.length === 0 ? ['the key set is empty'] : []),
      ...judged.flatMap(({ problem }) => (problem === null ? [] : [problem])),
      ...[...new Set(keys.filter((key) => isAmbiguous(key, keys)).map((key) => key.kid))].map(
        (kid) => `two different keys have the kid ${kid}`,
      ),
    ],
  };
}

/** Whether a set holds exactly this key of ours, every member as we publish it. */
export function holdsOwnKey(set: ReadKeySet, own: PublicJwk): boolean {
  return set.entries.some((entry) => isOwnPublicJwk(entry) && entry.kid === own.kid);
}

function problemOf(entry: Readonly<Record<string, unknown>>, index: number): string | null {
  const { kty, kid, use, alg, key_ops: operations, n, e } = entry;
  const name = typeof kid === 'string' ? `the key ${kid.slice(0, 100)}` : `key number ${index + 1}`;
  if (privateMembers.some((member) => member in entry)) return `${name} is published with private members`;
  if (kty !== 'RSA') return null;
  if (typeof kid !== 'string' || kid === '') return `${name} has no kid; AWS refuses such keys`;
  if (use !== undefined && use !== 'sig') return `${name} is not for signatures ("use")`;
  if (alg !== undefined && alg !== 'RS256') return `${name} is for another algorithm than RS256`;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return `${name} is not for verifying ("key_ops")`;
  if (typeof n !== 'string' || typeof e !== 'string') return `${name} lacks "n" or "e"`;
  const bits = modulusBits(n);
  return bits < smallestModulus ? `${name} has ${bits} bits; ${smallestModulus} are the least` : null;
}

function verificationKey(entry: Readonly<Record<string, unknown>>): VerificationKey {
  return { kid: entry['kid'] as string, kty: 'RSA', n: entry['n'] as string, e: entry['e'] as string };
}

function isAmbiguous(key: VerificationKey, keys: readonly VerificationKey[]): boolean {
  return keys.some((other) => other.kid === key.kid && (other.n !== key.n || other.e !== key.e));
}
