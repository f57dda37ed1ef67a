import type { CheckResult } from '../../domain/trust.ts';

/** Who a federated token stands for. */
export interface GcpIdentity {
  /** `projects/NUMBER/locations/global/workloadIdentityPools/POOL`. */
  readonly pool: string;
  readonly subject: string;
  readonly groups: readonly string[];
  /** By name, without `attribute.`. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** A federated identity, or a service account that it has become. */
export type GcpCaller = GcpIdentity | { readonly email: string };

const host = 'iam.googleapis.com/';

/** `principal://iam.googleapis.com/POOL/subject/SUBJECT`: what one federated identity is called in a policy. */
export function gcpPrincipal(identity: Pick<GcpIdentity, 'pool' | 'subject'>): string {
  return `principal://${host}${identity.pool}/subject/${identity.subject}`;
}

/**
 * Whether a member of an IAM binding is this caller. Everything after `subject/`, `group/` and `attribute.NAME/` is one
 * literal text, compared letter by letter. Pure.
 *
 * @returns `unknown` for groups of Google's own directory, and for a value that would match only percent-decoded
 * @see Google Cloud IAM, "Principal identifiers"
 */
export function matchMember(member: string, caller: GcpCaller): CheckResult {
  if (member === 'allUsers') return 'pass';
  if ('email' in caller) {
    if (member === 'allAuthenticatedUsers' || member === `serviceAccount:${caller.email}`) return 'pass';
    return isDirectoryMember(member) ? 'unknown' : 'fail';
  }
  const set = /^(principal|principalSet):\/\/(.*)$/s.exec(member);
  if (set === null) return isDirectoryMember(member) ? 'unknown' : 'fail';
  const inPool = `${host}${caller.pool}/`;
  const rest = set[2]!;
  if (!rest.startsWith(inPool)) return 'fail';
  return matchInPool(set[1] === 'principal', rest.slice(inPool.length), caller);
}

/** {@link matchMember} with a plain answer where there is one. */
export function isGcpMember(member: string, caller: GcpCaller): boolean | 'unknown' {
  const result = matchMember(member, caller);
  return result === 'unknown' ? result : result === 'pass';
}

function matchInPool(isOne: boolean, path: string, identity: GcpIdentity): CheckResult {
  if (isOne) return path.startsWith('subject/') ? sameText(path.slice('subject/'.length), [identity.subject]) : 'fail';
  if (path === '*') return 'pass';
  if (path.startsWith('group/')) return sameText(path.slice('group/'.length), identity.groups);
  const [, name, value] = /^attribute\.([^/]*)\/(.*)$/s.exec(path) ?? [];
  if (name === undefined || value === undefined || !Object.hasOwn(identity.attributes, name)) return 'fail';
  return sameText(value, [identity.attributes[name]!]);
}

/** Whether a percent-encoded value is decoded before it is compared is not published. */
function sameText(wanted: string, values: readonly string[]): CheckResult {
  if (values.includes(wanted)) return 'pass';
  return wanted.includes('%') && values.includes(decoded(wanted)) ? 'unknown' : 'fail';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isDirectoryMember(member: string): boolean {
  return /^(?:group|project(?:Owner|Editor|Viewer)):/.test(member);
}
