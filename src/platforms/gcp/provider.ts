import { isJsonObject, parseJsonObject, type JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import { CelError } from './cel/index.ts';
import { readJsonDocument, type JsonNode, type Member, type Place } from '../json-document.ts';
import { compileGcp, type GcpExpression } from './dialect.ts';
import { itemsOf, membersOf, objectOf, refuse, requiredText, textOf } from './native-json.ts';
import { faultOfProviderName, readProviderName } from './resource-name.ts';

/** A provider of a workload identity pool, read and checked. */
export interface GcpProvider {
  /** `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`. */
  readonly name: string;
  /** The name without `/providers/…`. */
  readonly pool: string;
  /** Neither disabled nor deleted. */
  readonly isEnabled: boolean;
  readonly issuerUri: string;
  /** Empty: the provider's own name is the audience, with or without `https:`. */
  readonly allowedAudiences: readonly string[];
  /** The uploaded key set; null when Google fetches the issuer's. */
  readonly jwks: JsonObject | null;
  /** What is mapped, `google.subject` first. */
  readonly mapping: readonly { readonly target: string; readonly expression: GcpExpression }[];
  readonly condition: GcpExpression | null;
}

const longest = { mapping: 2048, condition: 4096, audience: 256, attributeName: 100 };
const most = { audiences: 10, attributes: 50, keys: 8 };
const jwkMembers = new Set(['kty', 'alg', 'use', 'kid', 'n', 'e', 'x', 'y', 'crv']);

/**
 * Reads a provider as `gcloud iam workload-identity-pools providers describe --format=json` prints it, with Google's own
 * refusals where it would not have been created.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 * @see Google Cloud IAM API, projects.locations.workloadIdentityPools.providers
 */
export function readGcpProvider(text: string): GcpProvider {
  return providerOf(readJsonDocument(text));
}

/** {@link readGcpProvider} for a part of a larger document. */
export function providerOf(root: JsonNode): GcpProvider {
  const title = 'the provider';
  const members = membersOf(root, title, [
    'name',
    'displayName',
    'description',
    'state',
    'disabled',
    'attributeMapping',
    'attributeCondition',
    'oidc',
    'expireTime',
    'aws',
    'saml',
    'x509',
  ]);
  const other = ['aws', 'saml', 'x509'].find((kind) => members.has(kind));
  if (other !== undefined) throw refuse(members.get(other)!.at, `the provider is of the kind ${other}, not oidc`);
  const name = readName(root, members.get('name'));
  const oidcMember = members.get('oidc');
  if (oidcMember === undefined) throw refuse(root, 'the provider has no oidc');
  const oidc = membersOf(oidcMember.value, 'oidc', ['issuerUri', 'allowedAudiences', 'jwksJson', 'discoveryUri']);
  return {
    name,
    pool: name.replace(/\/providers\/[^/]+$/, ''),
    isEnabled: !isDisabled(members.get('disabled')) && isActive(members.get('state')),
    issuerUri: readIssuer(oidcMember.value, oidc.get('issuerUri')),
    allowedAudiences: readAudiences(oidc.get('allowedAudiences')),
    jwks: readKeys(oidc.get('jwksJson')),
    mapping: readMapping(root, members.get('attributeMapping')),
    condition: readCondition(members.get('attributeCondition')),
  };
}

function readName(root: Place, member: Member | undefined): string {
  const name = requiredText(root, member, 'the provider', 'name');
  const parts = readProviderName(name);
  const fault =
    parts === null
      ? 'it must be projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER'
      : faultOfProviderName(parts);
  if (fault !== null) throw refuse(member!.value, `name is ${quoted(name)}: ${fault}`);
  return name;
}

function isDisabled(member: Member | undefined): boolean {
  if (member === undefined) return false;
  if (member.value.kind !== 'boolean') throw refuse(member.value, 'disabled must be true or false');
  return member.value.value === 'true';
}

function isActive(member: Member | undefined): boolean {
  return member === undefined || ['ACTIVE', 'STATE_UNSPECIFIED'].includes(textOf(member.value, 'state'));
}

function readIssuer(at: Place, member: Member | undefined): string {
  const uri = requiredText(at, member, 'oidc', 'issuerUri');
  const url = URL.canParse(uri) ? new URL(uri) : null;
  // Google takes https alone; the sandbox's own issuer lies on the loopback.
  const isLoopback = url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || isLoopback) return uri;
  throw refuse(
    member!.value,
    `issuerUri is ${quoted(uri)} (Google: "Invalid OIDC issuer URI. The scheme must be https.")`,
    'give the https URL of the issuer, as it stands in iss',
  );
}

function readAudiences(member: Member | undefined): readonly string[] {
  const items = itemsOf(member);
  if (items.length > most.audiences) {
    throw refuse(member!.at, `allowedAudiences has ${items.length} entries; Google takes ${most.audiences}`);
  }
  return items.map((item) => {
    const audience = textOf(item, 'an allowed audience');
    if (audience !== '' && audience.length <= longest.audience) return audience;
    throw refuse(item, `an allowed audience has ${audience.length} characters; Google takes 1 to ${longest.audience}`);
  });
}

function readKeys(member: Member | undefined): JsonObject | null {
  if (member === undefined) return null;
  const text = textOf(member.value, 'jwksJson');
  // An empty key set goes back to fetching.
  if (text.trim() === '') return null;
  const keys = keySet(text);
  if (keys === null) throw refuse(member.value, 'jwksJson is not the JSON text of a key set ({"keys": […]})');
  if (keys.length > most.keys) {
    throw refuse(member.value, `jwksJson has ${keys.length} keys; Google takes ${most.keys}`);
  }
  const foreign = keys.flatMap((key) => Object.keys(key)).find((name) => !jwkMembers.has(name));
  if (foreign !== undefined) {
    throw refuse(
      member.value,
      `a key in jwksJson has the member ${quoted(foreign)} (Google: "Input JWK is not in a valid json format")`,
      `leave only ${[...jwkMembers].join(', ')}`,
    );
  }
  return { keys };
}

function keySet(text: string): readonly JsonObject[] | null {
  const keys = parseJsonObject(text)?.['keys'];
  return Array.isArray(keys) && keys.every(isJsonObject) ? keys : null;
}

function readMapping(root: Place, member: Member | undefined): GcpProvider['mapping'] {
  const members = member === undefined ? [] : objectOf(member.value, 'attributeMapping').members;
  const targets = members.map((entry) => entry.name);
  if (!targets.includes('google.subject')) {
    throw refuse(member?.at ?? root, 'attributeMapping has no google.subject', 'map it, such as to assertion.sub');
  }
  if (targets.filter((target) => target.startsWith('attribute.')).length > most.attributes) {
    throw refuse(member!.at, `attributeMapping has more than ${most.attributes} attributes of its own`);
  }
  return members
    .map((entry) => ({ target: readTarget(entry), expression: readMapped(entry) }))
    .sort((left, right) => Number(right.target === 'google.subject') - Number(left.target === 'google.subject'));
}

function readTarget({ name, at }: Member): string {
  if (name === 'google.subject' || name === 'google.groups') return name;
  if (/^attribute\.[a-z0-9_]+$/.test(name) && name.length - 'attribute.'.length <= longest.attributeName) return name;
  throw refuse(
    at,
    `attributeMapping has the target ${quoted(name)}`,
    `use google.subject, google.groups or attribute.NAME with 1 to ${longest.attributeName} of a-z, 0-9 and _`,
  );
}

function readMapped({ name, value }: Member): GcpExpression {
  const expression = readExpression(value, `the mapping of ${name}`, longest.mapping, ['assertion']);
  const result = expression.program?.result ?? 'dyn';
  const wanted = name === 'google.groups' ? 'list' : 'string';
  if (result === wanted || result === 'dyn') return expression;
  throw refuse(
    value,
    `the mapping of ${name} gives ${result}; Google wants ${wanted}`,
    'convert it, as with string(…)',
  );
}

function readCondition(member: Member | undefined): GcpExpression | null {
  if (member === undefined || (member.value.kind === 'text' && member.value.value === '')) return null;
  const variables = ['assertion', 'google', 'attribute'];
  const condition = readExpression(member.value, 'attributeCondition', longest.condition, variables);
  const result = condition.program?.result ?? 'bool';
  if (result === 'bool' || result === 'dyn') return condition;
  throw refuse(member.value, `attributeCondition gives ${result}; Google wants bool`, 'compare it with something');
}

function readExpression(node: JsonNode, title: string, limit: number, variables: readonly string[]): GcpExpression {
  const text = textOf(node, title);
  if ([...text].length > limit) {
    throw refuse(node, `${title} has ${[...text].length} characters; Google takes ${limit}`, 'shorten it');
  }
  try {
    return compileGcp(text, variables);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    throw refuse(
      node,
      `${title} is not CEL that Google takes: ${error.message} (line ${error.line}, column ${error.column} of it)`,
      'mend the expression; assertion holds the claims',
    );
  }
}
