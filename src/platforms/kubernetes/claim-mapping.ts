import type { JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import type { KubernetesAuthenticator, Mapping } from './authenticator.ts';
import { textsOf, type KubernetesExpression, type KubernetesUser } from './cel/index.ts';
import type { Value } from './cel/values.ts';
import { readBoolean, readText, readTextOrTexts } from './go-json.ts';
import { step, type Step } from './id-token.ts';

/** What the mappings make of the claims; the steps tell what stood in the way. */
export interface MappedUser {
  /** Null: a mapping failed, or nobody knows its value. */
  readonly user: KubernetesUser | null;
  readonly steps: readonly Step[];
}

const credentialId = 'authentication.kubernetes.io/credential-id';

/** Claims → user, as the authenticator maps them: username, groups, uid, extra. Pure. */
export function mapClaims(authenticator: KubernetesAuthenticator, claims: JsonObject): MappedUser {
  const username = usernameOf(authenticator.username, claims);
  const groups = groupsOf(authenticator.groups, claims);
  const uid = uidOf(authenticator.uid, claims);
  const extra = extraOf(authenticator.extra, claims);
  const steps = [username, groups, uid, extra].map((one) => one.step);
  if (username.value === null || groups.value === null || uid.value === null || extra.value === null) {
    return { user: null, steps };
  }
  return { user: { username: username.value, uid: uid.value, groups: groups.value, extra: extra.value }, steps };
}

/** A mapped value, or null, and the step that tells of it. */
interface Mapped<T> {
  readonly value: T | null;
  readonly step: Step;
}

function usernameOf(mapping: Mapping, claims: JsonObject): Mapped<string> {
  if ('expression' in mapping) {
    const words = 'oidc: error evaluating username claim expression: ';
    return expressed<string>('username', mapping.expression, claims, words, (value) => {
      if (typeof value !== 'string') return { log: `${words}username claim expression must return a string` };
      return value === '' ? { log: 'oidc: empty username via CEL expression is not allowed' } : { value };
    });
  }
  const { claim, prefix } = mapping;
  const read = Object.hasOwn(claims, claim) ? readText(claims[claim]!) : { error: 'claim not present' };
  if ('error' in read)
    return failed('username', claim, `oidc: parse username claims ${JSON.stringify(claim)}: ${read.error}`);
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
    const verified = readBoolean(claims['email_verified']!);
    if ('error' in verified) {
      return failed('username', 'email_verified', `oidc: parse 'email_verified' claim: ${verified.error}`);
    }
    if (!verified.value) return failed('username', 'email_verified', 'oidc: email not verified');
  }
  return mapped('username', claim, prefix + read.value, prefix + read.value);
}

function groupsOf(mapping: Mapping | null, claims: JsonObject): Mapped<readonly string[]> {
  if (mapping === null) return mapped('groups', 'groups', [], 'no groups');
  if ('expression' in mapping) {
    const words = 'oidc: error evaluating group claim expression: ';
    return expressed('groups', mapping.expression, claims, words, (value) => texts(value, words));
  }
  const { claim, prefix } = mapping;
  if (!Object.hasOwn(claims, claim)) {
    if (!Object.hasOwn(claims, '_claim_names')) return mapped('groups', claim, [], 'no groups');
    return unknown('groups', claim, 'claims that must be fetched from elsewhere are not modelled here');
  }
  const read = readTextOrTexts(claims[claim]!);
  if ('error' in read)
    return failed('groups', claim, `oidc: parse groups claim ${JSON.stringify(claim)}: ${read.error}`);
  const groups = read.value.map((group) => prefix + group);
  return mapped('groups', claim, groups, groups.join(', '));
}

function uidOf(mapping: Mapping | null, claims: JsonObject): Mapped<string> {
  if (mapping === null) return mapped('uid', 'uid', '', 'no uid');
  if ('expression' in mapping) {
    const words = 'oidc: error evaluating uid claim expression: ';
    return expressed<string>('uid', mapping.expression, claims, words, (value) =>
      typeof value === 'string' ? { value } : { log: `${words}uid claim expression must return a string` },
    );
  }
  const { claim } = mapping;
  const read = Object.hasOwn(claims, claim) ? readText(claims[claim]!) : { error: 'claim not present' };
  if ('error' in read) return failed('uid', claim, `oidc: parse uid claim ${JSON.stringify(claim)}: ${read.error}`);
  return mapped('uid', claim, read.value, read.value);
}

function extraOf(
  mappings: KubernetesAuthenticator['extra'],
  claims: JsonObject,
): Mapped<Readonly<Record<string, readonly string[]>>> {
  const extra: Record<string, readonly string[]> = {};
  const jti = claims['jti'];
  if (typeof jti === 'string' && jti !== '') extra[credentialId] = [`JTI=${jti.toWellFormed()}`];
  const evaluated = mappings.map(({ key, expression }) => ({ key, expression, result: expression.evaluate(claims) }));
  for (const { key, expression, result } of evaluated) {
    if (result.kind === 'unknown') return unknown('extra', key, result.message);
    if (result.kind === 'failure') return failed('extra', key, resulted(expression, result.message));
  }
  for (const { key, expression, result } of evaluated) {
    const read = texts(
      (result as { value: Value }).value,
      `oidc: error evaluating extra claim expression: ${expression.text}: `,
    );
    if ('log' in read) return failed('extra', key, read.log);
    if (read.value.length > 0) extra[key] = read.value;
  }
  return mapped(
    'extra',
    'extra',
    extra,
    Object.entries(extra)
      .map(([key, values]) => `${key}: ${values.join(', ')}`)
      .join('; '),
  );
}

/** How the API server tells of an expression without a value. */
export function resulted(expression: KubernetesExpression, message: string): string {
  return `expression '${expression.text}' resulted in error: ${message}`;
}

function texts(value: Value, words: string): { value: readonly string[] } | { log: string } {
  const list = textsOf(value);
  return list === null ? { log: `${words}expression must return a string or a list of strings` } : { value: list };
}

function expressed<T>(
  name: string,
  expression: KubernetesExpression,
  claims: JsonObject,
  words: string,
  read: (value: Value) => { value: T } | { log: string },
): Mapped<T> {
  const result = expression.evaluate(claims);
  if (result.kind === 'unknown') return unknown(name, expression.text, result.message);
  if (result.kind === 'failure') return failed(name, expression.text, words + resulted(expression, result.message));
  const found = read(result.value);
  if ('log' in found) return failed(name, expression.text, found.log);
  return mapped(name, expression.text, found.value, String(found.value));
}

function mapped<T>(name: string, key: string, value: T, shown: string): Mapped<T> {
  const { check } = step({ step: name, key, operator: 'maps to', expected: 'a value', actual: shown }, true, '');
  return {
    value,
    step: { check: { ...check, sentence: `${name}: ${quoted(key)} gives ${quoted(shown)}` }, log: null },
  };
}

function failed<T>(name: string, key: string, log: string): Mapped<T> {
  const { check } = step({ step: name, key, operator: 'maps to', expected: 'a value', actual: null }, false, log);
  return {
    value: null,
    step: { check: { ...check, sentence: `${name}: ${quoted(key)} gives no value (${quoted(log)})` }, log },
  };
}

function unknown<T>(name: string, key: string, why: string): Mapped<T> {
  const { check } = step({ step: name, key, operator: 'maps to', expected: 'a value', actual: null }, false, '');
  const sentence = `${name}: nobody here knows what ${quoted(key)} gives: ${why}`;
  return { value: null, step: { check: { ...check, result: 'unknown', sentence }, log: null } };
}
