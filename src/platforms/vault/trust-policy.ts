import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { Verdict } from '../../domain/trust.ts';
import { readJsonDocument, type JsonNode, type ObjectNode } from '../json-document.ts';
import { refuse } from '../json-members.ts';
import { judgeRole, type VaultIdentity } from './identity.ts';
import { judged, type Judged, type VaultError } from './judged.ts';
import { readJwtConfig, type JwtConfig } from './jwt-config.ts';
import { readJwtRole, type JwtRole } from './jwt-role.ts';
import { fitsCidrs } from './token-parameters.ts';
import { judgeToken } from './token-gate.ts';

/** A JWT auth mount with one of its roles, read and checked. */
export interface VaultTrust {
  readonly config: JwtConfig;
  readonly role: JwtRole;
}

/** One login, as far as the decision looks at it. The signature was verified before. */
export interface VaultTrustRequest {
  readonly claims: JsonObject;
  readonly at: Date;
  /** Name of the role, in lower case; stands in the token's metadata. */
  readonly role?: string;
  /** `alg` of the token's header; not checked when absent. */
  readonly algorithm?: string;
  /** The caller's address; a bound role is `unknown` without it. */
  readonly remoteAddress?: string;
}

/** Every check, passed or not; when refused, the server's own answer and the reasons that it does not give. */
export interface VaultVerdict extends Verdict {
  readonly error: VaultError | null;
  /** Sentences with both values, for people: what stood in the way. Empty when allowed. */
  readonly reasons: readonly string[];
  /** What the login gives; null when refused. */
  readonly identity: VaultIdentity | null;
}

/**
 * Reads `{ "config": …, "role": … }`: what is written to `auth/MOUNT/config` and `auth/MOUNT/role/NAME`, or what
 * `vault read -format=json` prints of them (with `data`).
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column, in the server's words
 */
export function readVaultTrust(text: string): VaultTrust {
  const root = objectOf(readJsonDocument(text), 'the document');
  const part = (name: string): ObjectNode => {
    const found = root.members.find((member) => member.name === name);
    if (found === undefined)
      throw refuse(
        root,
        `the document has no ${name}`,
        'give {"config": …, "role": …}, each as `vault read -format=json` prints it',
      );
    return unwrapped(objectOf(found.value, name));
  };
  return { config: readJwtConfig(part('config')), role: readJwtRole(part('role')) };
}

/**
 * Reads the configuration of a mount alone, in either form.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`
 */
export function readVaultConfig(text: string): JwtConfig {
  return readJwtConfig(unwrapped(objectOf(readJsonDocument(text), 'the configuration')));
}

/**
 * Reads a role alone, in either form.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`
 */
export function readVaultRole(text: string): JwtRole {
  return readJwtRole(unwrapped(objectOf(readJsonDocument(text), 'the role')));
}

function objectOf(node: JsonNode, what: string): ObjectNode {
  if (node.kind === 'object') return node;
  throw refuse(node, `${what} is not an object`, 'write a JSON object');
}

/** What `vault read -format=json` prints has the fields under `data`, next to the lease. */
function unwrapped(node: ObjectNode): ObjectNode {
  const data = node.members.find((member) => member.name === 'data')?.value;
  const isAnswer = node.members.some((member) => member.name === 'lease_duration');
  return isAnswer && data?.kind === 'object' ? data : node;
}

/**
 * Decides over a login as the server would, in its order: kind of role, caller's address, the token itself, then what
 * the role wants of the claims. Pure. What is not modelled is `unknown`, and unknown never allows.
 */
export function decideVaultTrust(trust: VaultTrust, request: VaultTrustRequest): VaultVerdict {
  const { config, role } = trust;
  const claims = wellFormed(request.claims) as JsonObject;
  const before = [typeCheck(role), addressCheck(role, request.remoteAddress)].filter((check) => check !== null);
  const { rows, identity } = judgeRole(role, claims, request.role ?? '');
  const all = [...before, ...judgeToken(config, role, claims, request.algorithm, request.at), ...rows];
  const first = all.find(({ check }) => check.result !== 'pass');
  return {
    allowed: first === undefined,
    checks: all.map(({ check }) => check),
    error: first?.error ?? null,
    reasons: all.filter(({ check }) => check.result !== 'pass').map(({ check }) => check.sentence),
    identity: first === undefined ? identity : null,
  };
}

function typeCheck(role: JwtRole): Judged | null {
  if (role.type === 'jwt') return null;
  return judged(
    { step: 'role', key: 'role_type', operator: 'equals', expected: 'jwt', actual: role.type },
    false,
    'role with oidc role_type is not allowed',
  );
}

function addressCheck(role: JwtRole, address: string | undefined): Judged | null {
  if (role.boundCidrs.length === 0) return null;
  return judged(
    {
      step: 'role',
      key: 'address',
      operator: 'within token_bound_cidrs',
      expected: role.boundCidrs.join(' or '),
      actual: address ?? null,
    },
    address === undefined ? 'unknown' : fitsCidrs(address, role.boundCidrs),
    'permission denied',
    undefined,
    '',
    403,
  );
}

/** Halves of surrogate pairs, which only escapes in JSON can bring, are U+FFFD to the server. */
function wellFormed(value: Json): Json {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return (value as readonly Json[]).map(wellFormed);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.toWellFormed(), wellFormed(member)]));
}
