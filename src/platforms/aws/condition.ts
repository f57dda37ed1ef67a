import { isIP, BlockList } from 'node:net';
import { quoted } from '../../domain/printable.ts';
import type { CheckResult } from '../../domain/trust.ts';
import { codePoints, fitsGlob, globOf, type Glob } from '../../domain/glob.ts';
import type { ConditionContext } from './condition-context.ts';
import { expand, type PolicyVersion } from './policy-variable.ts';

/** One key of one operator of a `Condition` block. */
export interface Condition {
  readonly operator: ConditionOperator;
  /** As written; compared without regard to case. */
  readonly key: string;
  readonly values: readonly string[];
}

/** An operator's name, taken apart: `ForAnyValue:StringLikeIfExists`. */
export interface ConditionOperator {
  readonly name: string;
  readonly set: 'ForAnyValue' | 'ForAllValues' | null;
  readonly base: string;
  readonly ifExists: boolean;
}

/** The outcome of one condition, for a row of the verdict. */
export interface ConditionOutcome {
  readonly result: CheckResult;
  readonly expected: string;
  readonly actual: string | null;
  readonly sentence: string;
}

type Truth = boolean | 'unknown';

interface Family {
  /** `…Not…`: true when the value differs from all, and when the key is missing. */
  readonly negated?: true;
  /** Whether `${…}` is replaced. */
  readonly variables?: true;
  /** Whether `*` and `?` are wildcards. */
  readonly wildcards?: true;
  /** Compares one value of the policy with one of the request. */
  readonly matches: (wanted: Glob, actual: string) => Truth;
}

const text = (glob: Glob): string => String.fromCodePoint(...glob);

const stringEquals = (wanted: Glob, actual: string): Truth => text(wanted) === actual;
const stringLike = (wanted: Glob, actual: string): Truth => fitsGlob(wanted, codePoints(actual));
// AWS does not say how it folds beyond ASCII; trust policies end at U+00FF.
const ignoringCase = (wanted: Glob, actual: string): Truth => text(wanted).toLowerCase() === actual.toLowerCase();

const numeric =
  (compare: (actual: number, wanted: number) => boolean) =>
  (wanted: Glob, actual: string): Truth =>
    ordered(readNumber(text(wanted)), readNumber(actual), compare);

const date =
  (compare: (actual: number, wanted: number) => boolean) =>
  (wanted: Glob, actual: string): Truth =>
    ordered(readDate(text(wanted)), readDate(actual), compare);

function ordered(
  wanted: number | null,
  actual: number | null,
  compare: (actual: number, wanted: number) => boolean,
): Truth {
  // What AWS makes of a value that is no number or date is not published.
  return wanted === null || actual === null ? 'unknown' : compare(actual, wanted);
}

const equal = (a: number, b: number): boolean => a === b;
const less = (a: number, b: number): boolean => a < b;
const lessOrEqual = (a: number, b: number): boolean => a <= b;
const greater = (a: number, b: number): boolean => a > b;
const greaterOrEqual = (a: number, b: number): boolean => a >= b;

/**
 * Every operator but `Null`, which asks for presence.
 *
 * @see AWS IAM User Guide, "IAM JSON policy elements: Condition operators"
 */
const families: Readonly<Record<string, Family>> = {
  StringEquals: { variables: true, matches: stringEquals },
  StringNotEquals: { negated: true, variables: true, matches: stringEquals },
  StringEqualsIgnoreCase: { variables: true, matches: ignoringCase },
  StringNotEqualsIgnoreCase: { negated: true, variables: true, matches: ignoringCase },
  StringLike: { variables: true, wildcards: true, matches: stringLike },
  StringNotLike: { negated: true, variables: true, wildcards: true, matches: stringLike },
  ArnEquals: { variables: true, wildcards: true, matches: arnLike },
  ArnLike: { variables: true, wildcards: true, matches: arnLike },
  ArnNotEquals: { negated: true, variables: true, wildcards: true, matches: arnLike },
  ArnNotLike: { negated: true, variables: true, wildcards: true, matches: arnLike },
  NumericEquals: { matches: numeric(equal) },
  NumericNotEquals: { negated: true, matches: numeric(equal) },
  NumericLessThan: { matches: numeric(less) },
  NumericLessThanEquals: { matches: numeric(lessOrEqual) },
  NumericGreaterThan: { matches: numeric(greater) },
  NumericGreaterThanEquals: { matches: numeric(greaterOrEqual) },
  DateEquals: { matches: date(equal) },
  DateNotEquals: { negated: true, matches: date(equal) },
  DateLessThan: { matches: date(less) },
  DateLessThanEquals: { matches: date(lessOrEqual) },
  DateGreaterThan: { matches: date(greater) },
  DateGreaterThanEquals: { matches: date(greaterOrEqual) },
  Bool: { variables: true, matches: sameBoolean },
  BinaryEquals: { matches: sameBytes },
  IpAddress: { matches: inAddressRange },
  NotIpAddress: { negated: true, matches: inAddressRange },
};

/** Names of all operators, for the did-you-mean. */
export const operatorNames: readonly string[] = [...Object.keys(families), 'Null'];

/** Takes an operator's name apart; null when there is no such operator. */
export function readOperator(name: string): ConditionOperator | null {
  const parts = /^(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?$/.exec(name);
  if (parts === null) return null;
  const [, set, base, ifExists] = parts;
  // `Null` asks for presence itself; it takes neither prefix nor suffix.
  if (base === 'Null') return set || ifExists ? null : { name, set: null, base, ifExists: false };
  if (!Object.hasOwn(families, base!)) return null;
  return {
    name,
    set: (set as ConditionOperator['set'] | undefined) ?? null,
    base: base!,
    ifExists: ifExists !== undefined,
  };
}

/** Whether `${…}` means something in this operator's values. */
export function takesVariables(operator: ConditionOperator): boolean {
  return families[operator.base]?.variables === true;
}

/** Decides one condition over a request, and says so in a sentence with both values. Pure. */
export function decideCondition(
  condition: Condition,
  context: ConditionContext,
  version: PolicyVersion,
): ConditionOutcome {
  const key = condition.key.toLowerCase();
  const present = context.values.get(key);
  const known = !context.unknown.has(key);
  const truth = !known
    ? 'unknown'
    : condition.operator.base === 'Null'
      ? nullHolds(condition, isMissing(present))
      : holds(condition, families[condition.operator.base]!, present, context, version);
  const expected = condition.values.length === 0 ? 'no value at all' : condition.values.map(quoted).join(' or ');
  const actual = present === undefined ? null : present.join(', ');
  const was = !known ? 'not known here' : present === undefined ? 'missing' : present.map(quoted).join(', ') || 'empty';
  const filled = shownExpansion(condition, context, version);
  return {
    result: truth === 'unknown' ? 'unknown' : truth ? 'pass' : 'fail',
    expected,
    actual,
    sentence: `condition ${condition.operator.name} ${condition.key}: wanted ${wish(condition)}${expected}${filled}, was ${was}`,
  };
}

function wish(condition: Condition): string {
  if (condition.operator.base === 'Null') return 'absence to be ';
  return families[condition.operator.base]!.negated ? 'anything but ' : '';
}

/** Policy variables with their values filled in, where there are any. */
function shownExpansion(condition: Condition, context: ConditionContext, version: PolicyVersion): string {
  if (version !== '2012-10-17' || !takesVariables(condition.operator)) return '';
  if (!condition.values.some((value) => /\$\{[^*?$]/.test(value))) return '';
  const filled = condition.values.map((value) => {
    const glob = expand(value, context, version, true);
    if (glob === null) return 'nothing, its variable is missing';
    return glob === 'unknown' ? 'something not known here' : quoted(shownGlob(glob));
  });
  return ` (here ${filled.join(' or ')})`;
}

function shownGlob(glob: Glob): string {
  return glob.map((point) => (point === -1 ? '*' : point === -2 ? '?' : String.fromCodePoint(point))).join('');
}

function isMissing(present: readonly string[] | undefined): boolean {
  return present === undefined || present.length === 0;
}

function nullHolds(condition: Condition, missing: boolean): Truth {
  return anyOf(
    condition.values.map((value) => {
      const wanted = value.toLowerCase();
      return wanted === 'true' ? missing : wanted === 'false' ? !missing : 'unknown';
    }),
  );
}

function holds(
  condition: Condition,
  family: Family,
  present: readonly string[] | undefined,
  context: ConditionContext,
  version: PolicyVersion,
): Truth {
  const { set, ifExists } = condition.operator;
  const isEmpty = present === undefined || present.length === 0;
  // `ForAllValues` over nothing is true, also over an empty text; `ForAnyValue` is false, whatever its suffix.
  if (set === 'ForAllValues' && (isEmpty || present.every((value) => value === ''))) return true;
  if (isEmpty) return set === 'ForAnyValue' ? false : ifExists || family.negated === true;

  const wanted = condition.values.map((value) =>
    family.variables ? expand(value, context, version, family.wildcards === true) : literalOrGlob(value, family),
  );
  const one = (actual: string): Truth => {
    // A variable without a value matches nothing, so that a negated operator holds.
    const matched = anyOf(wanted.map((glob) => matchesGlob(family, glob, actual)));
    return family.negated ? not(matched) : matched;
  };
  if (set === 'ForAnyValue') return anyOf(present.map(one));
  if (set === 'ForAllValues') return not(anyOf(present.map((actual) => not(one(actual)))));
  // What AWS does with a plain operator on a set is not published; it asks for a set operator there.
  return context.multiValued.has(condition.key.toLowerCase()) ? 'unknown' : one(present[0]!);
}

function matchesGlob(family: Family, glob: Glob | null | 'unknown', actual: string): Truth {
  if (glob === null) return false;
  return glob === 'unknown' ? glob : family.matches(glob, actual);
}

function literalOrGlob(value: string, family: Family): Glob {
  return family.wildcards ? globOf(value) : codePoints(value);
}

function anyOf(truths: readonly Truth[]): Truth {
  return truths.includes(true) ? true : truths.includes('unknown') ? 'unknown' : false;
}

function not(truth: Truth): Truth {
  return truth === 'unknown' ? truth : !truth;
}

/** Six parts between colons, each with wildcards of its own; a wildcard does not run over a colon of the first five. */
function arnLike(wanted: Glob, actual: string): Truth {
  const wantedParts = arnParts(wanted);
  const actualParts = arnParts(codePoints(actual));
  if (wantedParts === null || actualParts === null) return false;
  return wantedParts.every((part, index) => fitsGlob(part, actualParts[index]!));
}

const colon = 0x3a;

function arnParts(points: readonly number[]): readonly (readonly number[])[] | null {
  const parts: number[][] = [[]];
  for (const point of points) {
    if (point === colon && parts.length < 6) parts.push([]);
    else parts.at(-1)!.push(point);
  }
  return parts.length === 6 ? parts : null;
}

function sameBoolean(wanted: Glob, actual: string): Truth {
  const [a, b] = [text(wanted).toLowerCase(), actual.toLowerCase()];
  if (![a, b].every((value) => value === 'true' || value === 'false')) return 'unknown';
  return a === b;
}

function sameBytes(wanted: Glob, actual: string): Truth {
  const [a, b] = [text(wanted), actual];
  if (![a, b].every((value) => /^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0)) return 'unknown';
  return Buffer.from(a, 'base64').equals(Buffer.from(b, 'base64'));
}

function inAddressRange(wanted: Glob, actual: string): Truth {
  const [address, bits] = text(wanted).split('/') as [string, string | undefined];
  const version = isIP(address);
  if (version === 0 || isIP(actual) === 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return 'unknown';
  const widest = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? widest : Number(bits);
  if (prefix > widest) return 'unknown';
  if (isIP(actual) !== version) return false;
  const range = new BlockList();
  range.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6');
  return range.check(actual, version === 4 ? 'ipv4' : 'ipv6');
}

/** Numbers of more than 15 digits are not told apart by a double, and two that differ must not seem equal. */
function readNumber(value: string): number | null {
  const digits = /^[+-]?(?:(\d+)(?:\.(\d*))?|\.(\d+))$/.exec(value.trim())?.slice(1).join('');
  return digits === undefined || digits.length > 15 ? null : Number(value);
}

const isoDate = /^\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))?)?)?$/;

/** Milliseconds of an ISO 8601 date (W3C profile) or of seconds since 1970; four digits alone are a year. */
function readDate(value: string): number | null {
  if (/^\d{5,12}$/.test(value)) return Number(value) * 1000;
  if (!isoDate.test(value)) return null;
  const at = Date.parse(
    value.replace(/([+-]\d\d)(\d\d)$/, (whole, hours: string, minutes: string) =>
      value.includes('T') ? `${hours}:${minutes}` : whole,
    ),
  );
  return Number.isNaN(at) ? null : at;
}
