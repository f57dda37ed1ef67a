import { quoted } from '../../domain/printable.ts';
import { readJsonDocument, type JsonNode, type Member, type ObjectNode } from '../json-document.ts';
import { knownMembers, refuse } from '../json-members.ts';
import { readClaimsExpression, type ExpressionRead } from './claims-expression.ts';
import { tokenAddress } from './clouds.ts';
import { isGuid } from './configure.ts';

/** What an application (or managed identity) accepts in place of a secret of its own. */
export interface AzureTrust {
  /** Null where the document does not say. */
  readonly clientId: string | null;
  readonly tenantId: string | null;
  readonly credentials: readonly FederatedCredential[];
}

/** One federated identity credential. */
export interface FederatedCredential {
  readonly name: string;
  readonly issuer: string;
  /** Its only audience. */
  readonly audience: string;
  /** Exact subject (classic), or an expression over claims (flexible). */
  readonly match:
    | { readonly kind: 'subject'; readonly subject: string }
    | { readonly kind: 'expression'; readonly text: string; readonly read: ExpressionRead };
}

const mostCredentials = 20;
const longest = 600;
const wrapperMembers = ['clientId', 'tenantId', 'federatedCredentials'];
/** Those that are read, then those that listings carry beside them. */
const members = [
  'name',
  'issuer',
  'subject',
  'audiences',
  'description',
  'claimsMatchingExpression',
  'id',
  'resourceGroup',
  'systemData',
  'type',
];

/**
 * Reads federated identity credentials as `az ad app federated-credential list` and `az identity federated-credential
 * list` print them: a JSON array, or `{ "clientId", "tenantId", "federatedCredentials": […] }` around it. With Entra's own
 * refusals: 20 at most, lengths, exactly one audience, subject or expression, issuer and subject unique.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 * @see Microsoft Graph, resource type federatedIdentityCredential
 */
export function readAzureTrust(text: string): AzureTrust {
  const root = readJsonDocument(text);
  const wrapper = root.kind === 'object' ? membersOf(root, wrapperMembers, 'the document') : null;
  const list = wrapper === null ? root : wrapper.get('federatedCredentials')?.value;
  if (list?.kind !== 'list') {
    throw refuse(
      list ?? root,
      'there is no list of federated credentials',
      'give what "az ad app federated-credential list --id APP" prints, or { "federatedCredentials": [ … ] }',
    );
  }
  if (list.items.length > mostCredentials) {
    throw refuse(
      list.items[mostCredentials]!,
      `there are ${list.items.length} federated credentials; Entra keeps at most ${mostCredentials} for one application`,
      'spread workspaces over several applications: plan and apply need a credential each',
    );
  }
  const credentials = list.items.map(readCredential);
  refuseDoubles(credentials, list.items);
  return {
    clientId: readGuid(wrapper?.get('clientId'), 'clientId'),
    tenantId: readGuid(wrapper?.get('tenantId'), 'tenantId'),
    credentials,
  };
}

function readCredential(node: JsonNode): FederatedCredential {
  if (node.kind !== 'object') throw refuse(node, 'a federated credential is an object', 'write { "name": …, … }');
  const given = membersOf(node, members, 'a federated credential');
  const name = textMember(node, given, 'name');
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$/.test(name)) {
    throw refuse(
      given.get('name')!.value,
      `Federated Identity Credential name ${quoted(name)} is invalid`,
      'use 3 to 120 letters, digits, "-" and "_", a letter or digit first',
    );
  }
  const description = given.get('description');
  if (description !== undefined && description.value.kind !== 'null') shortText(description);
  return { name, issuer: readIssuer(node, given), audience: readAudience(node, given), match: readMatch(node, given) };
}

function readIssuer(node: ObjectNode, given: ReadonlyMap<string, Member>): string {
  const issuer = textMember(node, given, 'issuer');
  const at = given.get('issuer')!.value;
  if (issuer !== issuer.trim())
    throw refuse(at, 'the issuer has a blank at an end, so that no token can equal it', 'remove the blank');
  if (tokenAddress(issuer) === null)
    throw refuse(at, `the issuer ${quoted(issuer)} is not an https URL`, 'give iss of the tokens, letter by letter');
  return issuer;
}

function readAudience(node: ObjectNode, given: ReadonlyMap<string, Member>): string {
  const audiences = given.get('audiences');
  const list = audiences?.value;
  if (list?.kind !== 'list' || list.items.length !== 1) {
    throw refuse(
      list ?? node,
      'Federated identity credentials must have exactly one audience.',
      'give "audiences" one entry, normally api://AzureADTokenExchange',
    );
  }
  return shortText({ name: 'audiences', value: list.items[0]! });
}

function readMatch(node: ObjectNode, given: ReadonlyMap<string, Member>): FederatedCredential['match'] {
  const isSet = (name: string): boolean => given.has(name) && given.get(name)!.value.kind !== 'null';
  if (isSet('subject') === isSet('claimsMatchingExpression')) {
    throw refuse(
      node,
      isSet('subject')
        ? 'a federated credential has both subject and claimsMatchingExpression'
        : 'Federated Identity Credential from HTTP body has empty properties: subject',
      'give either "subject" (exact) or "claimsMatchingExpression" (with "subject": null)',
    );
  }
  if (isSet('subject')) return { kind: 'subject', subject: textMember(node, given, 'subject') };
  const expression = given.get('claimsMatchingExpression')!.value;
  if (expression.kind !== 'object')
    throw refuse(expression, 'claimsMatchingExpression is no object', 'write { "value": …, "languageVersion": 1 }');
  const parts = membersOf(expression, ['value', 'languageVersion'], 'claimsMatchingExpression');
  const version = parts.get('languageVersion')?.value;
  if (version?.kind !== 'number' || version.value !== '1')
    throw refuse(version ?? expression, 'languageVersion must be 1', 'write "languageVersion": 1');
  const text = textMember(expression, parts, 'value');
  return { kind: 'expression', text, read: readClaimsExpression(text) };
}

function refuseDoubles(credentials: readonly FederatedCredential[], nodes: readonly JsonNode[]): void {
  const seen = new Set<string>();
  for (const [index, { name, issuer, match }] of credentials.entries()) {
    const pair = JSON.stringify([issuer, match.kind === 'subject' ? match.subject : { expression: match.text }]);
    if (seen.has(pair)) {
      throw refuse(
        nodes[index]!,
        'Issuer and subject combination already exists for this application',
        'one credential for each subject is enough; the audience does not tell them apart',
      );
    }
    if (seen.has(name)) throw refuse(nodes[index]!, `the name ${quoted(name)} is there twice`, 'give each its own');
    seen.add(pair).add(name);
  }
}

function readGuid(member: Member | undefined, name: string): string | null {
  if (member === undefined || member.value.kind === 'null') return null;
  const id = member.value.kind === 'text' ? member.value.value.toLowerCase() : '';
  if (!isGuid(id)) throw refuse(member.value, `${name} is not a GUID`, 'give it as 8-4-4-4-12 hexadecimal digits');
  return id;
}

/** The members of an object by name; one that is not known is refused, but for annotations such as `@odata.type`. */
function membersOf(node: ObjectNode, known: readonly string[], what: string): ReadonlyMap<string, Member> {
  const own = { ...node, members: node.members.filter(({ name }) => !name.startsWith('@odata.')) };
  return knownMembers(own, known, (name, close) => [
    `${what} has no member ${quoted(name)}`,
    close ? `did you mean ${quoted(close)}?` : `it has ${known.slice(0, 6).join(', ')}`,
  ]);
}

function textMember(node: ObjectNode, given: ReadonlyMap<string, Member>, name: string): string {
  const member = given.get(name);
  if (member === undefined) throw refuse(node, `${name} is missing`, `add "${name}"`);
  return shortText(member);
}

function shortText({ name, value }: Pick<Member, 'name' | 'value'>): string {
  if (value.kind !== 'text' || value.value === '')
    throw refuse(value, `${name} is no text`, 'give it as a text in quotes');
  const length = [...value.value].length;
  if (length > longest)
    throw refuse(value, `${name} has ${length} characters; Entra keeps at most ${longest}`, 'make it shorter');
  return value.value;
}
