import type { JsonObject } from '../../domain/json.ts';
import { claimValues, Digits, fitsClaim, ownMember, seenClaim, type SeenClaim } from './claim-match.ts';
import { goQuoted, goText } from './go-value.ts';
import { judged, shownClaim, type Judged } from './judged.ts';
import type { BoundClaim, JwtRole } from './jwt-role.ts';
import { leaseOf } from './token-lease.ts';

/** What a login gives: whom the server takes the caller for, and the token that it hands out. */
export interface VaultIdentity {
  /** Name of the entity's alias: the value of `user_claim`. */
  readonly alias: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Names of the group aliases. */
  readonly groups: readonly string[];
  /** In lower case, in order, with `default` unless the role leaves it out. */
  readonly policies: readonly string[];
  readonly tokenType: 'service' | 'batch';
  /** Of the first lease. */
  readonly ttlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  readonly renewable: boolean;
  /** 0: as often as one likes. */
  readonly uses: number;
  readonly boundCidrs: readonly string[];
  /** What the server adds to its answer. */
  readonly warnings: readonly string[];
}

/** What a role wants of the claims, in the server's order, and what it makes of them. */
export function judgeRole(
  role: JwtRole,
  claims: JsonObject,
  roleName: string,
): { readonly rows: readonly Judged[]; readonly identity: VaultIdentity } {
  const user = role.userClaimIsPointer ? seenClaim(claims, role.userClaim) : ownMember(claims, role.userClaim);
  const mapped = [...role.claimMappings].map(([claim, key]) => ({ claim, key, value: seenClaim(claims, claim) }));
  const groups = role.groupsClaim === '' ? [] : groupsOf(claims, role.groupsClaim);
  const rows = [
    unboundAudience(role, claims),
    userCheck(role, user),
    ...mapped.map(({ claim, value }) => mappingCheck(claim, value)),
    role.groupsClaim === '' ? null : groupsCheck(role.groupsClaim, groups),
    ...role.boundClaims.map((bound) => boundCheck(bound, role, claims)),
    templateCheck(role),
    aliasCheck(role, user),
    rootCheck(role),
  ].filter((row) => row !== null);
  const metadata = Object.fromEntries([
    ...mapped.flatMap(({ key, value }) => (typeof value === 'string' ? [[key, value]] : [])),
    ['role', roleName],
  ]) as Record<string, string>;
  const identity: VaultIdentity = {
    alias: typeof user === 'string' ? user : '',
    metadata,
    groups: typeof groups === 'string' ? [] : groups.filter((group) => group !== ''),
    policies: policiesOf(role),
    ...lifetime(role),
    uses: role.uses,
    boundCidrs: role.boundCidrs.map((block) => block.replace(block.includes(':') ? /\/128$/ : /\/32$/, '')),
  };
  return { rows, identity };
}

function unboundAudience(role: JwtRole, claims: JsonObject): Judged | null {
  const audience = seenClaim(claims, 'aud');
  if (role.boundAudiences.length > 0 || !Array.isArray(audience) || audience.length === 0) return null;
  return judged(
    {
      step: 'role',
      key: 'aud',
      operator: 'one of bound_audiences',
      expected: 'none, since the role binds no audience',
      actual: shownClaim(claims['aud']),
    },
    false,
    'audience claim found in JWT but no audiences bound to the role',
    `the token is for ${shownClaim(claims['aud'])}, but the role has no bound_audiences`,
  );
}

function userCheck(role: JwtRole, user: SeenClaim): Judged {
  const about = {
    step: 'role',
    key: 'user_claim',
    operator: 'is a text',
    expected: role.userClaim,
    actual: user === undefined || user === null ? null : shown(user),
  };
  const pointer =
    role.userClaim.startsWith('/') && !role.userClaimIsPointer
      ? ' (a JSON pointer needs user_claim_json_pointer: true)'
      : '';
  if (user === undefined || user === null)
    return judged(
      about,
      false,
      `claim ${goQuoted(role.userClaim)} not found in token`,
      `user_claim is ${role.userClaim}, which the token does not have`,
      pointer,
    );
  return judged(
    about,
    typeof user === 'string',
    `claim ${goQuoted(role.userClaim)} could not be converted to string`,
    `user_claim: ${role.userClaim} is ${shown(user)}`,
  );
}

/** The last thing that the server does is to make the alias, and none has an empty name. */
function aliasCheck(role: JwtRole, user: SeenClaim): Judged | null {
  if (user !== '') return null;
  return judged(
    { step: 'role', key: 'user_claim', operator: 'is not empty', expected: role.userClaim, actual: '' },
    false,
    'missing name in alias',
    `user_claim: ${role.userClaim} is empty`,
    '',
    500,
  );
}

function rootCheck(role: JwtRole): Judged | null {
  const policies = policiesOf(role);
  if (!policies.includes('root')) return null;
  return judged(
    { step: 'role', key: 'token_policies', operator: 'without', expected: 'root', actual: policies.join(', ') },
    false,
    'auth methods cannot create root tokens',
  );
}

function mappingCheck(claim: string, value: SeenClaim): Judged | null {
  if (value === undefined) return null;
  return judged(
    { step: 'role', key: 'claim_mappings', operator: 'is a text', expected: claim, actual: shown(value) },
    typeof value === 'string',
    `error converting claim '${claim}' to string`,
    `claim_mappings: ${claim} is ${shown(value)}`,
  );
}

/** The names in a claim, or the server's words when there are none. */
function groupsOf(claims: JsonObject, name: string): readonly string[] | string {
  const value = seenClaim(claims, name);
  if (value === undefined) return `failed to fetch groups: ${goQuoted(name)} claim not found in token`;
  const values = claimValues(value);
  if (values === null) return `${goQuoted(name)} claim could not be converted to string list`;
  const bad = values.find((group) => typeof group !== 'string');
  if (bad === undefined) return values as readonly string[];
  return `value ${bad instanceof Digits ? bad.digits : goText(bad)} in groups claim could not be parsed as string`;
}

function groupsCheck(name: string, groups: readonly string[] | string): Judged {
  const failed = typeof groups === 'string';
  return judged(
    {
      step: 'role',
      key: 'groups_claim',
      operator: 'list of texts',
      expected: name,
      actual: failed ? null : groups.join(', '),
    },
    !failed,
    failed ? groups : '',
    failed ? `groups_claim: ${groups}` : `groups_claim: ${name} names ${groups.join(', ') || 'no group'}`,
  );
}

function boundCheck(bound: BoundClaim, role: JwtRole, claims: JsonObject): Judged {
  const { claim } = bound;
  const value = seenClaim(claims, claim);
  const operator = role.globs ? 'fits the glob' : 'equals';
  const about = {
    step: 'bound_claims',
    key: claim,
    operator,
    expected: bound.written,
    actual: value === undefined ? null : shown(value),
  };
  const refused = (words: string): Judged => judged(about, false, `error validating claims: ${words}`);
  if (value === undefined) return refused(`claim ${goQuoted(claim)} is missing`);
  const values = claimValues(value);
  if (values === null)
    return refused(`received claim is not a string, bool, int or list: ${goText(value as JsonObject)}`);
  if (bound.values === null) return refused(`bound claim is not a string, bool, int or list: ${bound.written}`);
  const found = bound.values.some((wanted) => values.some((one) => fitsClaim(wanted, one, role.globs)));
  const literal =
    !role.globs && bound.written.includes('*') ? ' ("*" is literal unless bound_claims_type is glob)' : '';
  return judged(
    about,
    found,
    `error validating claims: claim ${goQuoted(claim)} does not match any associated bound claim values`,
    undefined,
    literal,
  );
}

/** Templates of policies are programs; only names without any are read here. */
function templateCheck(role: JwtRole): Judged | null {
  const template = role.templatesPolicies ? role.policies.find((policy) => policy.includes('{{')) : undefined;
  if (template === undefined) return null;
  return judged(
    { step: 'role', key: 'token_policies', operator: 'template', expected: template, actual: null },
    'unknown',
    'the policies of this role come from templates, which are not modelled',
    `token_policies: ${template} is a template over the claims, which is not modelled here`,
  );
}

function policiesOf(role: JwtRole): readonly string[] {
  const named = role.policies.map((policy) => policy.toLowerCase().trim()).filter((policy) => policy !== '');
  return [...new Set([...named, ...(role.noDefaultPolicy ? [] : ['default'])])].toSorted();
}

/** What the server makes of the times of a role. */
function lifetime(
  role: JwtRole,
): Pick<
  VaultIdentity,
  'tokenType' | 'ttlSeconds' | 'explicitMaxTtlSeconds' | 'periodSeconds' | 'renewable' | 'warnings'
> {
  const isBatch = role.tokenType === 'batch';
  const lease = leaseOf({ ...role, ageSeconds: 0 })!;
  return {
    tokenType: isBatch ? 'batch' : 'service',
    ttlSeconds: lease.seconds,
    explicitMaxTtlSeconds: role.explicitMaxTtlSeconds,
    periodSeconds: role.periodSeconds,
    renewable: !isBatch,
    warnings: lease.warnings,
  };
}

function shown(value: Exclude<SeenClaim, undefined>): string {
  return value instanceof Digits ? value.digits : (shownClaim(value) ?? 'null');
}
