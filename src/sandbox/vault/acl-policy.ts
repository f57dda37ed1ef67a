import { nearest } from '../../domain/nearest.ts';
import { quoted } from '../../domain/printable.ts';
import { readJsonDocument, type JsonNode } from '../../platforms/json-document.ts';
import { refuse } from '../../platforms/json-members.ts';
import { readHclPolicy } from './acl-hcl.ts';
import type { Placed, WrittenRule } from './acl-rule.ts';

/** What a policy may allow on a path. */
export type Capability = (typeof capabilities)[number];

const capabilities = [
  'deny',
  'create',
  'read',
  'update',
  'delete',
  'list',
  'sudo',
  'patch',
  'subscribe',
  'scan',
  'recover',
] as const;

/** One rule of an ACL policy. */
export interface AclRule {
  /** As written: a `*` at the end stands for anything, a `+` for one segment. */
  readonly path: string;
  readonly capabilities: ReadonlySet<Capability>;
}

/** The rules of one policy, in the order in which they are written. */
export type AclPolicy = readonly AclRule[];

/**
 * Reads an ACL policy: HCL, or the same as JSON (`{"path": {"x": {"capabilities": […]}}}`). Only `capabilities` is
 * modelled; whatever else a server would heed is refused rather than passed over.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 */
export function readAclPolicy(text: string): AclPolicy {
  const rules = /^\s*\{/.test(text) ? readJsonPolicy(text) : readHclPolicy(text);
  return rules.map(checkRule);
}

function checkRule({ path, settings }: WrittenRule): AclRule {
  if (path.value.includes('{{'))
    throw refuse(path, `the path ${quoted(path.value)} is a template`, 'the stand-in knows no templates; write it out');
  if (/\*./.test(path.value))
    throw refuse(
      path,
      `the path ${quoted(path.value)} has a "*" that is not its end, which the server takes literally`,
      'use "+" for one segment, or "*" at the end',
    );
  const found = settings.flatMap(({ name, values }) => {
    if (name.value !== 'capabilities')
      throw refuse(
        name,
        `path ${quoted(path.value)}: ${name.value} is not modelled by the stand-in`,
        'it knows capabilities only',
      );
    if (values === null) throw refuse(name, 'capabilities is not a list of texts', 'write capabilities = ["read"]');
    return values;
  });
  return {
    path: path.value.replace(/^\//, ''),
    capabilities: new Set(found.map((one) => checkCapability(one, path.value))),
  };
}

function checkCapability(given: Placed, path: string): Capability {
  const known = capabilities.find((one) => one === given.value.toLowerCase());
  if (known !== undefined) return known;
  const close = nearest(given.value, capabilities);
  throw refuse(
    given,
    `path ${quoted(path)}: invalid capability ${quoted(given.value)}`,
    close === undefined ? `it is one of ${capabilities.join(', ')}` : `did you mean ${close}?`,
  );
}

function readJsonPolicy(text: string): readonly WrittenRule[] {
  const root = readJsonDocument(text);
  return membersOf(root, 'the policy').flatMap((member) => {
    if (member.name === 'name') return [];
    if (member.name !== 'path') throw refuse(member.at, `invalid key ${quoted(member.name)}`, 'a policy has path only');
    return membersOf(member.value, 'path').map(({ name, at, value }) => ({
      path: { ...at, value: name },
      settings: membersOf(value, name).map((setting) => ({
        name: { ...setting.at, value: setting.name },
        values: textsOf(setting.value),
      })),
    }));
  });
}

function membersOf(node: JsonNode, what: string) {
  if (node.kind === 'object') return node.members;
  throw refuse(node, `${what} is not an object`, 'write {"path": {"secret/data/x": {"capabilities": ["read"]}}}');
}

function textsOf(node: JsonNode): readonly Placed[] | null {
  const items = node.kind === 'list' ? node.items : [];
  const texts = items.filter((item) => item.kind === 'text');
  return node.kind === 'list' && texts.length === items.length ? texts : null;
}

/** What a set of policies allows on a path, and which rule says so; null when no rule speaks of it. */
export interface AclDecision {
  readonly capabilities: ReadonlySet<Capability>;
  readonly rule: string | null;
}

/**
 * What policies allow on a path. Only the rules with the most exact path speak, of all policies together; among them
 * `deny` wins.
 *
 * @see OpenBao documentation, "Policies", priority matching
 */
export function allowedOn(path: string, policies: readonly AclPolicy[], isList: boolean): AclDecision {
  const rules = policies.flat();
  const asked = isList && path.endsWith('/') ? [path, path.slice(0, -1)] : [path];
  const exact = rules.find((rule) => !hasWildcard(rule.path) && asked.includes(rule.path));
  const best =
    exact ??
    rules
      .filter((rule) => hasWildcard(rule.path) && fitsPath(rule.path, path))
      .toSorted(byPriority)
      .at(-1);
  if (best === undefined) return { capabilities: new Set(), rule: null };
  const found = new Set(rules.filter((rule) => rule.path === best.path).flatMap((rule) => [...rule.capabilities]));
  return { capabilities: found.has('deny') ? new Set(['deny'] as const) : found, rule: best.path };
}

function hasWildcard(path: string): boolean {
  return path.endsWith('*') || path.split('/').some((segment) => segment === '+' || segment === '+*');
}

/** Whether a path with `*` at its end or `+` for segments stands for another. */
export function fitsPath(pattern: string, path: string): boolean {
  const isPrefix = pattern.endsWith('*');
  const wanted = (isPrefix ? pattern.slice(0, -1) : pattern).split('/');
  const given = path.split('/');
  if (given.length < wanted.length || (!isPrefix && given.length > wanted.length)) return false;
  return wanted.every((segment, index) => {
    if (segment === '+') return true;
    return isPrefix && index === wanted.length - 1 ? given[index]!.startsWith(segment) : given[index] === segment;
  });
}

/** From the vaguest to the most exact, as the documentation orders them. */
function byPriority(left: AclRule, right: AclRule): number {
  return (
    firstWildcard(left.path) - firstWildcard(right.path) ||
    Number(right.path.endsWith('*')) - Number(left.path.endsWith('*')) ||
    plusses(right.path) - plusses(left.path) ||
    left.path.length - right.path.length ||
    (left.path < right.path ? -1 : 1)
  );
}

function firstWildcard(path: string): number {
  return path.search(/\+|\*$/);
}

function plusses(path: string): number {
  return path.split('/').filter((segment) => segment.startsWith('+')).length;
}

/** What `default` allows, as far as the stand-in has it. */
export const defaultPolicy: AclPolicy = readAclPolicy(`
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
`);
