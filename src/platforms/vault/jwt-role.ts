import type { JsonNode, ObjectNode } from '../json-document.ts';
import { refuse } from '../json-members.ts';
import { Digits, type BoundValue } from './claim-match.ts';
import { goQuoted } from './go-value.ts';
import { checkKinds, ignoredNames, nativeFields, type FieldKind, type NativeFields } from './native-field.ts';
import { readTokenParameters, tokenFields, type TokenParameters } from './token-parameters.ts';

/** A role of the JWT auth method, read and checked. */
export interface JwtRole extends TokenParameters {
  readonly type: 'jwt' | 'oidc';
  readonly boundAudiences: readonly string[];
  /** Empty when none is bound. */
  readonly boundSubject: string;
  readonly globs: boolean;
  readonly boundClaims: readonly BoundClaim[];
  readonly userClaim: string;
  readonly userClaimIsPointer: boolean;
  /** Empty when there is none. */
  readonly groupsClaim: string;
  /** From claim to metadata key. */
  readonly claimMappings: ReadonlyMap<string, string>;
  // Seconds as set: 0 stands for the server's default, a negative number for none.
  readonly expirationLeeway: number;
  readonly notBeforeLeeway: number;
  readonly clockSkewLeeway: number;
  readonly templatesPolicies: boolean;
  /** Names in the document that the server does not know, and ignores. */
  readonly ignored: readonly string[];
}

/** What a role binds one claim to. */
export interface BoundClaim {
  readonly claim: string;
  /** Null when the server stores it, but refuses every login. */
  readonly values: readonly BoundValue[] | null;
  /** As it stands in the document. */
  readonly written: string;
}

const roleFields: Readonly<Record<string, FieldKind>> = {
  ...tokenFields,
  name: 'text',
  role_type: 'text',
  expiration_leeway: 'signed',
  not_before_leeway: 'signed',
  clock_skew_leeway: 'signed',
  bound_subject: 'text',
  bound_audiences: 'list',
  bound_claims_type: 'text',
  bound_claims: 'members',
  claim_mappings: 'pairs',
  oauth2_metadata: 'list',
  user_claim: 'text',
  user_claim_json_pointer: 'flag',
  groups_claim: 'text',
  oidc_scopes: 'list',
  allowed_redirect_uris: 'list',
  callback_mode: 'text',
  poll_interval: 'whole',
  verbose_oidc_logging: 'flag',
  max_age: 'seconds',
  token_policies_template_claims: 'flag',
};

/**
 * Reads a role as it is written to `auth/MOUNT/role/NAME`, with the server's refusals in the server's order.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 */
export function readJwtRole(document: ObjectNode): JwtRole {
  const fields = nativeFields(document);
  checkKinds(fields, roleFields);
  const type = fields.text('role_type') || 'oidc';
  if (type !== 'jwt' && type !== 'oidc')
    throw refuse(fields.at('role_type'), `invalid 'role_type': ${type}`, 'write "role_type": "jwt"');
  const token = readTokenParameters(fields);
  const claimsType = fields.named('bound_claims_type') ? fields.text('bound_claims_type') : 'string';
  const boundAudiences = fields.list('bound_audiences');
  const boundSubject = fields.text('bound_subject');
  if (claimsType !== 'string' && claimsType !== 'glob')
    throw refuse(
      fields.at('bound_claims_type'),
      `invalid 'bound_claims_type': ${claimsType}`,
      'write "string" or "glob"',
    );
  const globs = claimsType === 'glob';
  const boundClaims = fields.members('bound_claims').map(({ name, value }) => readBoundClaim(name, value, globs));
  const claimMappings = readMappings(fields);
  const userClaim = fields.text('user_claim');
  if (userClaim === '')
    throw refuse(
      fields.at('user_claim'),
      'a user claim must be defined on the role',
      'name one, such as terraform_workspace_id',
    );
  checkOidc(fields, type);
  if (
    type === 'jwt' &&
    boundAudiences.length === 0 &&
    token.boundCidrs.length === 0 &&
    boundSubject === '' &&
    boundClaims.length === 0
  )
    throw refuse(
      document,
      'must have at least one bound constraint when creating/updating a role',
      'set bound_audiences, and bound_claims for what the token says of its workload',
    );
  return {
    ...token,
    type,
    boundAudiences,
    boundSubject,
    globs,
    boundClaims,
    userClaim,
    userClaimIsPointer: fields.flag('user_claim_json_pointer'),
    groupsClaim: fields.text('groups_claim'),
    claimMappings,
    expirationLeeway: fields.seconds('expiration_leeway', 'signed'),
    notBeforeLeeway: fields.seconds('not_before_leeway', 'signed'),
    clockSkewLeeway: fields.seconds('clock_skew_leeway', 'signed'),
    templatesPolicies: fields.flag('token_policies_template_claims'),
    ignored: ignoredNames(document, roleFields),
  };
}

function readBoundClaim(claim: string, node: JsonNode, globs: boolean): BoundClaim {
  const nodes = node.kind === 'list' ? node.items : node.kind === 'object' || node.kind === 'null' ? null : [node];
  if (globs && nodes === null)
    throw refuse(node, `claim is not a string or list: ${writtenText(node)}`, 'give a text, or a list of texts');
  const other = globs ? nodes?.find((item) => item.kind !== 'text') : undefined;
  if (other)
    throw refuse(other, `claim is not a string: ${writtenText(other)}`, 'with glob every value must be a text');
  return { claim: claim.toWellFormed(), values: nodes?.map(boundValue) ?? null, written: writtenText(node) };
}

function boundValue(node: JsonNode): BoundValue {
  if (node.kind === 'text') return { text: node.value.toWellFormed() };
  if (node.kind === 'number') return new Digits(node.value);
  if (node.kind === 'boolean') return { flag: node.value === 'true' };
  return node.kind === 'null' ? null : 'never';
}

/** A value of the document as the server prints it (Go's %v). */
function writtenText(node: JsonNode): string {
  if (node.kind === 'null') return '<nil>';
  if (node.kind === 'list') return `[${node.items.map(writtenText).join(' ')}]`;
  if (node.kind !== 'object') return node.value;
  const members = node.members.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  return `map[${members.map(({ name, value }) => `${name}:${writtenText(value)}`).join(' ')}]`;
}

function readMappings(fields: NativeFields): ReadonlyMap<string, string> {
  const mappings = fields.pairs('claim_mappings');
  const targets = new Set<string>();
  for (const target of mappings.values()) {
    const words =
      target === 'role'
        ? 'metadata key "role" is reserved and may not be a mapping destination'
        : targets.has(target)
          ? `multiple keys are mapped to metadata key ${goQuoted(target)}`
          : null;
    if (words !== null) throw refuse(fields.at('claim_mappings'), words, 'map each claim to a key of its own');
    targets.add(target);
  }
  return mappings;
}

function checkOidc(fields: NativeFields, type: JwtRole['type']): void {
  const unknown = fields
    .list('oauth2_metadata')
    .find((name) => !['id_token', 'refresh_token', 'access_token'].includes(name));
  if (unknown !== undefined)
    throw refuse(fields.at('oauth2_metadata'), `Unrecognized oauth2 metadata name ${unknown}`, 'remove it');
  const mode = fields.named('callback_mode') ? fields.text('callback_mode') : 'client';
  if (!['device', 'direct', 'client'].includes(mode))
    throw refuse(fields.at('callback_mode'), `invalid 'callback_mode': ${mode}`, 'remove it: no JWT login looks at it');
  if (fields.list('allowed_redirect_uris').length === 0 && type === 'oidc')
    throw refuse(
      fields.at('role_type'),
      "'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.",
      'write "role_type": "jwt"',
    );
}
