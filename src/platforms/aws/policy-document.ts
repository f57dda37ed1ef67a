import { nearest } from '../../domain/nearest.ts';
import { quoted } from '../../domain/printable.ts';
import type { TrustDocumentError } from '../../domain/trust.ts';
import { readJsonDocument, type JsonNode, type Member, type ObjectNode, type Place } from '../json-document.ts';
import { knownMembers, refuse } from '../json-members.ts';
import { operatorNames, readOperator, takesVariables, type Condition } from './condition.ts';
import { hasReadableVariables, type PolicyVersion } from './policy-variable.ts';

/** A policy document, read and checked. */
export interface PolicyDocument {
  readonly version: PolicyVersion;
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly place: Place;
  /** `statement 2 (DenyOthers)`. */
  readonly label: string;
  readonly effect: 'Allow' | 'Deny';
  /** Null in identity policies. */
  readonly principal: PrincipalClause | null;
  readonly actions: Patterns;
  /** Null in trust policies. */
  readonly resources: Patterns | null;
  readonly conditions: readonly Condition[];
}

/** `Action` or `NotAction`, `Resource` or `NotResource`. */
export interface Patterns {
  readonly negated: boolean;
  readonly patterns: readonly string[];
}

/** `Principal` or `NotPrincipal`. `anyone` stands for `"*"`. */
export interface PrincipalClause {
  readonly negated: boolean;
  readonly anyone: boolean;
  readonly federated: readonly string[];
  /** Principals of other kinds, as `AWS arn:…`; none of them is a web identity. */
  readonly others: readonly string[];
}

/** What differs between the kinds of policy. */
export interface PolicyKind {
  /** For people: `trust policy`. */
  readonly title: string;
  readonly hasPrincipal: boolean;
  readonly hasResource: boolean;
  /** Characters without white space. */
  readonly longest: number;
  /** The mend when it is longer. */
  readonly lengthMend: string;
  /** Why an action cannot stand there, or null. */
  readonly refuseAction: (action: string) => string | null;
}

const statementElements = [
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
] as const;

const versions: readonly string[] = ['2012-10-17', '2008-10-17'];
const strictMend = 'compare with the grammar of the IAM JSON policy language';

/**
 * Reads a policy document as IAM does when it is stored, with IAM's own refusals.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 * @see AWS IAM User Guide, "Grammar of the IAM JSON policy language"
 */
export function readPolicyDocument(text: string, kind: PolicyKind): PolicyDocument {
  checkCharacters(text);
  const root = readJsonDocument(text);
  checkLength(text, kind);
  const members = membersOf(root, 'the policy document', ['Version', 'Id', 'Statement']);
  const version = readVersion(members.get('Version'));
  const id = members.get('Id');
  if (id !== undefined) textOf(id.value, 'Id');
  const statement = members.get('Statement');
  if (statement === undefined) throw refuse(root, 'the policy has no Statement', 'add at least one');
  const nodes = statement.value.kind === 'list' ? statement.value.items : [statement.value];
  if (nodes.length === 0) throw refuse(statement.at, 'Statement is empty', 'add at least one statement');
  const sids = new Set<string>();
  return {
    version,
    statements: nodes.map((node, index) => readStatement(node, { kind, version, sids, number: index + 1 })),
  };
}

/** U+0009, U+000A, U+000D and U+0020 to U+00FF are all that IAM stores. */
function checkCharacters(text: string): void {
  const bad = /[^\t\n\r\u0020-\u00ff]/u.exec(text);
  if (bad === null) return;
  const before = text.slice(0, bad.index).split('\n');
  throw refuse(
    { line: before.length, column: before.at(-1)!.length + 1 },
    `the document holds ${quoted(bad[0])}, which IAM does not take`,
    'use only U+0009, U+000A, U+000D and U+0020 to U+00FF (no byte order mark, no typographic quotes)',
  );
}

function checkLength(text: string, kind: PolicyKind): void {
  const length = text.replace(/\s/g, '').length;
  if (length <= kind.longest) return;
  throw refuse(
    { line: 1, column: 1 },
    `the ${kind.title} has ${length} characters without white space; at most ${kind.longest} are allowed`,
    kind.lengthMend,
  );
}

function readVersion(member: Member | undefined): PolicyVersion {
  if (member === undefined) return '2008-10-17';
  const version = textOf(member.value, 'Version');
  if (versions.includes(version)) return version as PolicyVersion;
  throw refuse(
    member.value,
    `Version is ${quoted(version)} (IAM: "The policy must contain a valid version string")`,
    'write "Version": "2012-10-17"; it is the version of the language, not of your policy',
  );
}

interface StatementContext {
  readonly kind: PolicyKind;
  readonly version: PolicyVersion;
  readonly sids: Set<string>;
  readonly number: number;
}

function readStatement(node: JsonNode, context: StatementContext): Statement {
  const { kind, number } = context;
  const members = membersOf(node, `statement ${number}`, statementElements);
  const sid = readSid(members.get('Sid'), context.sids);
  for (const [allowed, names] of [
    [kind.hasPrincipal, ['Principal', 'NotPrincipal']],
    [kind.hasResource, ['Resource', 'NotResource']],
  ] as const) {
    const prohibited = names.map((name) => members.get(name)).find((member) => member !== undefined);
    if (!allowed && prohibited !== undefined) {
      throw refuse(
        prohibited.at,
        `a ${kind.title} cannot have ${prohibited.name} (IAM: "Has prohibited field ${prohibited.name}.")`,
        `remove ${prohibited.name}`,
      );
    }
  }
  const principal = kind.hasPrincipal ? oneOf(node, members, ['Principal', 'NotPrincipal']) : null;
  const resource = kind.hasResource ? oneOf(node, members, ['Resource', 'NotResource']) : null;
  const action = oneOf(node, members, ['Action', 'NotAction']);
  return {
    place: { line: node.line, column: node.column },
    label: sid === null ? `statement ${number}` : `statement ${number} (${sid})`,
    effect: readEffect(node, members.get('Effect')),
    principal: principal === null ? null : readPrincipal(principal),
    actions: readActions(action, kind),
    resources: resource === null ? null : readResources(resource, context.version),
    conditions: readConditions(members.get('Condition'), context.version),
  };
}

function readSid(member: Member | undefined, known: Set<string>): string | null {
  if (member === undefined) return null;
  const sid = textOf(member.value, 'Sid');
  if (!/^[A-Za-z0-9]*$/.test(sid)) {
    throw refuse(member.value, `Sid ${quoted(sid)} holds more than letters and digits`, 'use A-Z, a-z and 0-9 only');
  }
  if (sid === '') return null;
  if (known.has(sid)) {
    throw refuse(
      member.value,
      `Sid ${quoted(sid)} stands twice (IAM: "Statement IDs (SID) in a single policy must be unique.")`,
      'give each statement its own',
    );
  }
  known.add(sid);
  return sid;
}

function readEffect(node: JsonNode, member: Member | undefined): 'Allow' | 'Deny' {
  if (member === undefined) throw refuse(node, 'the statement has no Effect', 'write "Effect": "Allow" or "Deny"');
  const effect = textOf(member.value, 'Effect');
  if (effect === 'Allow' || effect === 'Deny') return effect;
  throw refuse(
    member.value,
    `Effect is ${quoted(effect)} (IAM: "Invalid effect: ${asciiOnly(effect)}")`,
    'write "Allow" or "Deny", with a capital letter',
  );
}

function oneOf(node: JsonNode, members: ReadonlyMap<string, Member>, names: readonly [string, string]): Member {
  const [plain, negated] = names.map((name) => members.get(name));
  if (plain !== undefined && negated !== undefined) {
    throw refuse(negated.at, `the statement has both ${names[0]} and ${names[1]}`, `keep one of them`);
  }
  const member = plain ?? negated;
  if (member === undefined) {
    throw refuse(
      node,
      `the statement has no ${names[0]} (IAM: "Missing required field ${names[0]}")`,
      `add ${names[0]}`,
    );
  }
  return member;
}

const principalKinds = ['AWS', 'Federated', 'Service', 'CanonicalUser'] as const;

function readPrincipal(member: Member): PrincipalClause {
  const negated = member.name === 'NotPrincipal';
  if (member.value.kind === 'text') {
    if (member.value.value === '*') return { negated, anyone: true, federated: [], others: [] };
    throw invalidPrincipal(
      member.value,
      member.value.value,
      'write {"Federated": "arn:aws:iam::ACCOUNT:oidc-provider/HOST"}',
    );
  }
  const kinds = membersOf(member.value, member.name, principalKinds);
  if (kinds.size === 0) throw refuse(member.value, `${member.name} is empty`, 'name at least one principal');
  const named = [...kinds.values()].flatMap((kind) =>
    textsOf(kind.value, kind.name).map(({ node, value }) => {
      checkPrincipal(node, kind.name, value);
      return { kind: kind.name, value };
    }),
  );
  return {
    negated,
    anyone: named.some(({ kind, value }) => value === '*' && (kind === 'AWS' || kind === 'Federated')),
    federated: named.filter(({ kind, value }) => kind === 'Federated' && value !== '*').map(({ value }) => value),
    others: named.filter(({ kind }) => kind !== 'Federated').map(({ kind, value }) => `${kind} ${value}`),
  };
}

const principalShapes: Readonly<Record<string, RegExp>> = {
  // `arn:…:oidc-provider/HOST/PATH`, `arn:…:saml-provider/NAME`, or one of the few old names.
  Federated: /^\*$|^arn:aws[a-z-]*:iam::\d{12}:(?:oidc|saml)-provider\/[^*?\s]+$|^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
  AWS: /^\*$|^\d{12}$|^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:[^*?\s]+$|^A[A-Z0-9]{15,}$/,
  Service: /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
  CanonicalUser: /^[0-9a-f]{64}$/,
};

function checkPrincipal(node: Place, kind: string, value: string): void {
  if (principalShapes[kind]!.test(value)) return;
  const wildcard = /[*?]/.test(value) && kind !== 'Service';
  throw invalidPrincipal(
    node,
    value,
    wildcard ? 'a principal takes no wildcards within a name; write it out' : `give a principal of the kind ${kind}`,
    kind,
  );
}

function invalidPrincipal(place: Place, value: string, mend: string, kind = 'AWS'): TrustDocumentError {
  return refuse(
    place,
    `${quoted(value)} is no principal (IAM: "Invalid principal in policy: \\"${kind.toUpperCase()}\\":\\"${asciiOnly(value)}\\"")`,
    mend,
  );
}

function readActions(member: Member, kind: PolicyKind): Patterns {
  const patterns = textsOf(member.value, member.name).map(({ node, value }) => {
    if (value !== '*' && !/^[A-Za-z0-9-]+:[A-Za-z0-9*?]+$/.test(value)) {
      throw refuse(
        node,
        `${quoted(value)} is no action (IAM: "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")`,
        'write SERVICE:NAME, such as sts:AssumeRoleWithWebIdentity',
      );
    }
    const refused = kind.refuseAction(value);
    if (refused !== null)
      throw refuse(node, refused, 'use sts:AssumeRoleWithWebIdentity, sts:TagSession or sts:SetSourceIdentity');
    return value;
  });
  return { negated: member.name === 'NotAction', patterns };
}

function readResources(member: Member, version: PolicyVersion): Patterns {
  const patterns = textsOf(member.value, member.name).map(({ node, value }) => {
    if (value !== '*' && !/^arn:(?:[^:]*:){4}[^]+$/.test(value)) {
      throw refuse(
        node,
        `${quoted(value)} is no resource (IAM: "Resource ${asciiOnly(value)} must be in ARN format or \\"*\\".")`,
        'give an ARN, or "*"',
      );
    }
    checkVariables(node, value, version);
    return value;
  });
  return { negated: member.name === 'NotResource', patterns };
}

function readConditions(member: Member | undefined, version: PolicyVersion): readonly Condition[] {
  if (member === undefined) return [];
  return objectOf(member.value, 'Condition').members.flatMap((block) => {
    const operator = readOperator(block.name);
    if (operator === null) {
      const near = nearest(block.name, operatorNames);
      throw refuse(
        block.at,
        `${quoted(block.name)} is no condition operator`,
        near === undefined
          ? 'see the list of condition operators of IAM'
          : `did you mean ${near}? (Null takes neither prefix nor IfExists)`,
      );
    }
    return objectOf(block.value, block.name).members.map((key): Condition => {
      if (!/^[^:\s][^]*:[^]+$/.test(key.name)) {
        throw refuse(
          key.at,
          `${quoted(key.name)} is no condition key`,
          'write PREFIX:NAME, such as id.example.com:sub',
        );
      }
      const values = scalarsOf(key.value, key.name);
      for (const { node, value } of values) if (takesVariables(operator)) checkVariables(node, value, version);
      return { operator, key: key.name, values: values.map(({ value }) => value) };
    });
  });
}

function checkVariables(place: Place, value: string, version: PolicyVersion): void {
  if (version !== '2012-10-17' || hasReadableVariables(value)) return;
  throw refuse(
    place,
    `${quoted(value)} holds a policy variable that cannot be read (IAM: "The policy failed legacy parsing")`,
    "write ${KEY} or ${KEY, 'default'}; a literal dollar sign before a brace is ${$}",
  );
}

/** The members of an object, by name; a name that does not belong there is refused with the nearest one. */
function membersOf(node: JsonNode, what: string, allowed: readonly string[]): ReadonlyMap<string, Member> {
  return knownMembers(objectOf(node, what), allowed, (name, close) => [
    `${quoted(name)} does not belong in ${what} (IAM: "Syntax errors in policy.")`,
    close === undefined ? `what may stand there: ${allowed.join(', ')}` : `did you mean ${close}?`,
  ]);
}

function objectOf(node: JsonNode, what: string): ObjectNode {
  if (node.kind === 'object') return node;
  throw refuse(node, `${what} is not an object`, strictMend);
}

function textOf(node: JsonNode, what: string): string {
  if (node.kind === 'text') return node.value;
  throw refuse(node, `${what} is not a text`, 'put it in double quotes');
}

/** One text or a list of texts, at least one. */
function textsOf(node: JsonNode, what: string): readonly { node: JsonNode; value: string }[] {
  const nodes = node.kind === 'list' ? node.items : [node];
  if (nodes.length === 0) throw refuse(node, `${what} is an empty list`, 'name at least one');
  return nodes.map((item) => ({ node: item, value: textOf(item, what) }));
}

/** One value or a list of values of a condition key: texts, numbers and booleans, as texts. */
function scalarsOf(node: JsonNode, what: string): readonly { node: JsonNode; value: string }[] {
  const nodes = node.kind === 'list' ? node.items : [node];
  return nodes.map((item) => {
    if (item.kind === 'object' || item.kind === 'list' || item.kind === 'null') {
      throw refuse(item, `a value of ${what} is neither text, number nor boolean`, 'give a text, or a list of texts');
    }
    return { node: item, value: item.value };
  });
}

function asciiOnly(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}
