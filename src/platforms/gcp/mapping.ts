import type { JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import type { GcpExpression } from './dialect.ts';
import { judge, shown, type GcpJudged } from './judged.ts';
import type { GcpProvider } from './provider.ts';
import { longestSubject } from './subject.ts';

/** What a provider makes of a token's claims. */
export interface GcpMapped {
  /** The checks of mapping, sizes and condition, in this order. */
  readonly judged: readonly GcpJudged[];
  readonly subject: string | null;
  readonly groups: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
}

/** In bytes of UTF-8. */
const longestMapped = 8192;
const subjectMissing = 'Could not obtain a value for google.subject from the given credential.';
const conditionFalse = 'The given credential is rejected by the attribute condition.';

type Value = { readonly value: unknown } | { readonly error: string } | { readonly notModelled: string };

/**
 * Maps claims and judges the attribute condition. Pure; never throws. What Google answers when an attribute's mapping or
 * the condition itself fails is not published; here both are refused as `unauthorized_client`.
 */
export function mapClaims(provider: GcpProvider, claims: JsonObject): GcpMapped {
  const values = provider.mapping.map(({ target, expression }) => ({
    target,
    expression,
    value: evaluated(expression, { assertion: claims }),
  }));
  const text = (target: string): string | null => {
    const found = values.find((entry) => entry.target === target)?.value;
    return found !== undefined && 'value' in found && typeof found.value === 'string' ? found.value : null;
  };
  const groups = groupsOf(values.find(({ target }) => target === 'google.groups')?.value);
  const attributes = Object.fromEntries(
    values
      .filter(({ target }) => target.startsWith('attribute.'))
      .map(({ target }) => [target.slice('attribute.'.length), text(target)] as const)
      .filter((entry): entry is readonly [string, string] => entry[1] !== null),
  );
  // An empty subject is no subject.
  const subject = text('google.subject') || null;
  const bindings = {
    assertion: claims,
    google: { ...(subject === null ? {} : { subject }), ...(groups === null ? {} : { groups }) },
    attribute: attributes,
  };
  return {
    judged: [
      subCheck(claims),
      ...values.map(({ target, expression, value }) => mappedCheck(target, expression, value)),
      ...(subject === null ? [] : [subjectSizeCheck(subject)]),
      wholeSizeCheck([subject ?? '', ...(groups ?? []), ...Object.values(attributes)]),
      ...(provider.condition === null ? [] : [conditionCheck(provider.condition, bindings)]),
    ],
    subject,
    groups: groups ?? [],
    attributes,
  };
}

function evaluated(expression: GcpExpression, bindings: Readonly<Record<string, unknown>>): Value {
  if (expression.program === null) return { notModelled: expression.notModelled ?? 'not modelled' };
  return expression.program.evaluate(bindings);
}

function groupsOf(value: Value | undefined): readonly string[] | null {
  if (value === undefined || !('value' in value) || !Array.isArray(value.value)) return null;
  return value.value.every((group) => typeof group === 'string') ? value.value : null;
}

function subCheck(claims: JsonObject): GcpJudged {
  const { sub } = claims;
  const isThere = typeof sub === 'string' && sub !== '';
  return judge(
    { step: 'mapping', key: 'sub', operator: 'exists', expected: 'a text', actual: isThere ? sub : null },
    isThere ? 'pass' : 'fail',
    'unauthorized_client',
    subjectMissing,
  );
}

function mappedCheck(target: string, { text }: GcpExpression, value: Value): GcpJudged {
  const isList = target === 'google.groups';
  const fits = isList
    ? groupsOf(value) !== null
    : 'value' in value && typeof value.value === 'string' && (target !== 'google.subject' || value.value !== '');
  return judge(
    {
      step: 'mapping',
      key: target,
      operator: 'CEL',
      expected: `${isList ? 'a list of texts' : 'a text'} from ${quoted(text)}`,
      ...said(value),
    },
    'notModelled' in value ? 'unknown' : fits ? 'pass' : 'fail',
    'unauthorized_client',
    target === 'google.subject' ? subjectMissing : `Could not obtain a value for ${target} from the given credential.`,
  );
}

function subjectSizeCheck(subject: string): GcpJudged {
  const bytes = Buffer.byteLength(subject);
  return judge(
    {
      step: 'mapping',
      key: 'google.subject',
      operator: 'size',
      expected: `at most ${longestSubject} bytes of UTF-8`,
      actual: `${bytes} bytes`,
      ...(bytes > longestSubject
        ? { note: "map ids instead, such as assertion.terraform_workspace_id + ':' + assertion.terraform_run_phase" }
        : {}),
    },
    bytes <= longestSubject ? 'pass' : 'fail',
    'invalid_request',
    'The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.',
  );
}

function wholeSizeCheck(texts: readonly string[]): GcpJudged {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return judge(
    {
      step: 'mapping',
      key: 'all attributes',
      operator: 'size',
      expected: `at most ${longestMapped} bytes of UTF-8 together`,
      actual: `${bytes} bytes`,
    },
    bytes <= longestMapped ? 'pass' : 'fail',
    'invalid_request',
    // Google's words for this one are not known.
    'The total size of the mapped attributes exceeds the 8192 bytes limit.',
  );
}

function conditionCheck(condition: GcpExpression, bindings: Readonly<Record<string, unknown>>): GcpJudged {
  const value = evaluated(condition, bindings);
  return judge(
    {
      step: 'condition',
      key: 'attributeCondition',
      operator: 'CEL',
      expected: `true from ${quoted(condition.text)}`,
      ...said(value),
    },
    'notModelled' in value ? 'unknown' : 'value' in value && value.value === true ? 'pass' : 'fail',
    'unauthorized_client',
    conditionFalse,
  );
}

function said(value: Value): { actual: string | null; note?: string } {
  if ('notModelled' in value) return { actual: null, note: `not judged here: ${value.notModelled}` };
  if ('error' in value) return { actual: null, note: `it failed: ${value.error}` };
  return { actual: shown(value.value) ?? 'null' };
}
