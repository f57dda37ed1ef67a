import { refuse } from '../json-members.ts';
import { BlockList, isIP } from 'node:net';
import { goQuoted } from './go-value.ts';
import { goDuration, serverMaxTtlSeconds } from './token-lease.ts';
import { type FieldKind, type NativeFields } from './native-field.ts';

/** What the tokens of a role are like; 0 stands for what is not set. */
export interface TokenParameters {
  readonly policies: readonly string[];
  readonly noDefaultPolicy: boolean;
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  readonly uses: number;
  readonly tokenType: 'default' | 'service' | 'batch';
  /** Addresses and blocks that may log in; empty when all may. */
  readonly boundCidrs: readonly string[];
}

/** Each field with the older name that the server still takes where the newer is absent. */
const olderNames = {
  token_policies: 'policies',
  token_ttl: 'ttl',
  token_max_ttl: 'max_ttl',
  token_period: 'period',
  token_num_uses: 'num_uses',
  token_bound_cidrs: 'bound_cidrs',
} as const;

/** The fields of a role that shape its tokens. */
export const tokenFields: Readonly<Record<string, FieldKind>> = {
  token_policies: 'list',
  token_ttl: 'seconds',
  token_max_ttl: 'seconds',
  token_period: 'seconds',
  token_num_uses: 'whole',
  token_bound_cidrs: 'list',
  policies: 'list',
  ttl: 'seconds',
  max_ttl: 'seconds',
  period: 'seconds',
  num_uses: 'whole',
  bound_cidrs: 'list',
  token_explicit_max_ttl: 'seconds',
  token_no_default_policy: 'flag',
  token_type: 'text',
};

/**
 * Reads the `token_…` fields that every auth method of the server has.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`
 */
export function readTokenParameters(fields: NativeFields): TokenParameters {
  const say = (field: string, words: string): never => {
    throw refuse(fields.at(field), words, 'see the token_… parameters of the auth method');
  };
  const newer = {
    boundCidrs: readCidrs(fields, 'token_bound_cidrs'),
    explicitMaxTtlSeconds: fields.seconds('token_explicit_max_ttl'),
    maxTtlSeconds: fields.seconds('token_max_ttl'),
    noDefaultPolicy: fields.flag('token_no_default_policy'),
    periodSeconds: fields.seconds('token_period'),
    policies: fields.list('token_policies'),
    tokenType: readType(fields),
    uses: fields.whole('token_num_uses'),
    ttlSeconds: fields.seconds('token_ttl'),
  };
  if (newer.uses < 0) say('token_num_uses', "'token_num_uses' cannot be negative");
  if (newer.tokenType === 'batch' && newer.periodSeconds !== 0)
    say('token_type', "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens");
  if (newer.tokenType === 'batch' && newer.uses !== 0)
    say(
      'token_type',
      "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count",
    );
  if (newer.maxTtlSeconds > 0 && newer.ttlSeconds > newer.maxTtlSeconds)
    say('token_ttl', "'token_ttl' cannot be greater than 'token_max_ttl'");
  const older = (name: keyof typeof olderNames): boolean => !fields.named(name) && fields.named(olderNames[name]);
  const seconds = (name: keyof typeof olderNames): number => fields.seconds(fields.has(name) ? name : olderNames[name]);
  const read: TokenParameters = {
    ...newer,
    boundCidrs: older('token_bound_cidrs') ? readCidrs(fields, 'bound_cidrs') : newer.boundCidrs,
    policies: older('token_policies') ? sanePolicies(fields.list('policies')) : newer.policies,
    uses: older('token_num_uses') ? fields.whole('num_uses') : newer.uses,
    ttlSeconds: seconds('token_ttl'),
    maxTtlSeconds: seconds('token_max_ttl'),
    periodSeconds: seconds('token_period'),
  };
  if (read.periodSeconds > serverMaxTtlSeconds)
    say(
      'token_period',
      `'period' of '"${goDuration(read.periodSeconds)}"' is greater than the backend's maximum lease TTL of '"768h0m0s"'`,
    );
  if (read.maxTtlSeconds > 0 && read.ttlSeconds > read.maxTtlSeconds)
    say('token_ttl', 'ttl should not be greater than max ttl');
  return read;
}

/** The older field is cleaned at once: lower case, in order, no blanks, nothing twice. */
function sanePolicies(policies: readonly string[]): readonly string[] {
  return [...new Set(policies.map((policy) => policy.toLowerCase()).filter((policy) => policy !== ''))].toSorted();
}

function readType(fields: NativeFields): TokenParameters['tokenType'] {
  const type = fields.text('token_type');
  if (type === '' || type === 'default') return 'default';
  if (type === 'service' || type === 'batch') return type;
  throw refuse(fields.at('token_type'), `invalid 'token_type' value ${goQuoted(type)}`, 'write "service" or "batch"');
}

function readCidrs(fields: NativeFields, name: string): readonly string[] {
  const blocks = fields.list(name);
  // What is no address but holds a slash is the path of a UNIX socket to the server, and never fits a caller.
  const bad = blocks.find((block) => (isIP(block) === 0 || block.includes('%')) && !block.includes('/'));
  if (bad !== undefined)
    throw refuse(
      fields.at(name),
      `error parsing address ${goQuoted(bad)}: Unable to convert ${goQuoted(bad)} to an IPv4 or IPv6 address, or a UNIX Socket`,
      'give an address, or a block such as 10.0.0.0/8',
    );
  return blocks;
}

/** Whether an address may use what is bound to these addresses and blocks; all may when there are none. */
export function fitsCidrs(address: string, blocks: readonly string[]): boolean {
  if (blocks.length === 0) return true;
  const allowed = new BlockList();
  for (const block of blocks) {
    const [start, length, more] = block.split('/');
    const family = isIP(start!);
    if (family === 0 || more !== undefined) continue;
    const most = family === 4 ? 32 : 128;
    const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : most + 1;
    if (bits <= most) allowed.addSubnet(start!, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  return isIP(plain) !== 0 && allowed.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6');
}
