import { celFunc, celList, CelScalar, celUint, isCelList, isCelMap, isCelUint, listType, mapType } from '@bufbuild/cel';
import type { CelFunc, CelUint, CelValue } from '@bufbuild/cel';

/** The longest text and the longest list that an expression may build. */
const longestText = 1_000_000;
const longestList = 10_000;

const { BOOL, DOUBLE, DYN, INT, NULL, STRING, UINT } = CelScalar;
const list = listType(DYN);
const map = mapType(DYN, DYN);

/**
 * What replaces the library's own functions, because those differ from Google's implementation of CEL: the order of texts,
 * the conversions of texts and doubles, members that are null, `has` and `[]` on what has no members. The names with `@`
 * are put into the expression by {@link compileCel}.
 *
 * @param tick called for each element that a macro looks at; throws when there were too many
 */
export function celFunctions(tick: () => void): readonly CelFunc[] {
  return [
    celFunc('@tick', [], BOOL, () => {
      tick();
      return true;
    }),
    celFunc('@has', [DYN, STRING], BOOL, hasMember),
    celFunc('@index', [DYN, DYN], DYN, element),
    ...[STRING, INT, DOUBLE, BOOL, UINT, NULL].map((key) =>
      // `has` of the library's maps answers false for a member that is null.
      celFunc('@in', [key, map], BOOL, (wanted, inside) => inside.get(wanted as string) !== undefined),
    ),
    ...[list, map].map((key) => celFunc('@in', [key, map], BOOL, () => false)),
    ...orders,
    celFunc('_+_', [STRING, STRING], STRING, (left, right) => {
      if (left.length + right.length > longestText) throw new Error('the text grows too long');
      return left + right;
    }),
    celFunc('_+_', [list, list], list, (left, right) => {
      if (left.size + right.size > longestList) throw new Error('the list grows too long');
      return celList([...left, ...right]);
    }),
    celFunc('string', [DOUBLE], STRING, doubleText),
    celFunc('int', [STRING], INT, (text) => integer(text, /^[+-]?\d{1,30}$/, -(2n ** 63n), 2n ** 63n - 1n)),
    celFunc('uint', [STRING], UINT, (text) => celUint(integer(text, /^\d{1,30}$/, 0n, 2n ** 64n - 1n))),
    celFunc('double', [STRING], DOUBLE, doubleOf),
    celFunc('bool', [STRING], BOOL, boolOf),
  ];
}

function hasMember(operand: CelValue, name: string): boolean {
  if (isCelList(operand)) throw new Error('no such overload: has() of a list');
  return isCelMap(operand) && operand.get(name) !== undefined;
}

function element(operand: CelValue, key: CelValue): CelValue {
  let found: CelValue | undefined;
  if (isCelMap(operand)) {
    found = operand.get(key as string);
    if (found === undefined) throw new Error(`no such key: ${typeof key === 'object' ? '' : String(key)}`);
  } else if (isCelList(operand)) {
    const index = isCelUint(key) ? key.value : key;
    if (typeof index !== 'bigint' && !(typeof index === 'number' && Number.isInteger(index))) {
      throw new Error('no such overload: a list has no such index');
    }
    found = operand.get(Number(index));
    if (found === undefined) throw new Error(`index out of bounds: ${index}`);
  } else {
    throw new Error('no such overload: a value without elements');
  }
  return found;
}

type CelNumber = bigint | number | CelUint;

const comparisons = [
  ['_<_', (order: number) => order < 0],
  ['_<=_', (order: number) => order <= 0],
  ['_>_', (order: number) => order > 0],
  ['_>=_', (order: number) => order >= 0],
] as const;

/** Texts by code point, not by UTF-16 unit; doubles without NaN, which has no order. */
const orders: readonly CelFunc[] = comparisons.flatMap(([name, holds]) => [
  celFunc(name, [STRING, STRING], BOOL, (left, right) => holds(textOrder(left, right))),
  ...[
    [DOUBLE, DOUBLE] as const,
    [DOUBLE, INT] as const,
    [DOUBLE, UINT] as const,
    [INT, DOUBLE] as const,
    [UINT, DOUBLE] as const,
  ].map(([left, right]) => celFunc(name, [left, right], BOOL, (a, b) => holds(numberOrder(a, b)))),
]);

function textOrder(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function numberOrder(left: CelNumber, right: CelNumber): number {
  const [a, b] = [left, right].map((value) => Number(isCelUint(value) ? value.value : value)) as [number, number];
  if (Number.isNaN(a) || Number.isNaN(b)) throw new Error('NaN values cannot be ordered');
  return a - b === 0 || a === b ? 0 : a < b ? -1 : 1;
}

function integer(text: string, form: RegExp, least: bigint, greatest: bigint): bigint {
  if (!form.test(text)) throw new Error('type conversion error: not a whole number');
  const value = BigInt(text.replace(/^\+/, ''));
  if (value < least || value > greatest) throw new Error('type conversion error: out of range');
  return value;
}

/** Without hexadecimal forms, which Google's takes. */
function doubleOf(text: string): number {
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(text);
  if (special !== null) return special[2]![0]!.toLowerCase() === 'n' ? NaN : special[1] === '-' ? -Infinity : Infinity;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) throw new Error('type conversion error: not a number');
  const value = Number(text);
  if (!Number.isFinite(value)) throw new Error('type conversion error: out of range');
  return value;
}

/** The shortest digits, as Go's `%g`: with an exponent from a million on, and below a ten-thousandth. */
function doubleText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

const trueTexts = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falseTexts = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

function boolOf(text: string): boolean {
  if (trueTexts.has(text)) return true;
  if (falseTexts.has(text)) return false;
  throw new Error('type conversion error: not a boolean');
}
