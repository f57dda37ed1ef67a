import { isAMatch } from './regular-expression.ts';
import { CelFailure } from './fault.ts';
import { readSignature, type Signature } from './signature.ts';
import { convert } from './convert.ts';
import * as text from './text-functions.ts';
import {
  CelMap,
  isEqual,
  isList,
  numberOf,
  Optional,
  order,
  TypeName,
  typeNameOf,
  Uint,
  type Value,
} from './values.ts';

/** An overload, and what it does. */
export interface CelOverload extends Signature {
  /** Absent: the evaluator does it itself, since not every operand is always evaluated. */
  readonly call?: (...operands: any[]) => Value;
}

type Row = readonly [signature: string, call?: (...operands: any[]) => Value];

const numbers = ['int', 'uint', 'double'] as const;
const ordered = ['bool', ...numbers, 'string', 'bytes'] as const;

const comparisons: Readonly<Record<string, (sign: number) => boolean>> = {
  '_<_': (sign) => sign < 0,
  '_<=_': (sign) => sign <= 0,
  '_>_': (sign) => sign > 0,
  '_>=_': (sign) => sign >= 0,
};

/** Standard CEL, and Kubernetes' additions as far as they are modelled. The first fitting overload counts. */
const rows: readonly Row[] = [
  ['_?_:_(bool, A, A) A'],
  ['_&&_(bool, bool) bool'],
  ['_||_(bool, bool) bool'],
  ['@not_strictly_false(bool) bool'],
  ['!_(bool) bool', (value: boolean) => !value],
  ['_==_(A, A) bool', isEqual],
  ['_!=_(A, A) bool', (left: Value, right: Value) => !isEqual(left, right)],
  ['@in(A, list(A)) bool', (item: Value, list: readonly Value[]) => list.some((one) => isEqual(item, one))],
  ['@in(A, map(A, B)) bool', (key: Value, map: CelMap) => map.get(key) !== undefined],
  ['_[_](list(A), int) A'],
  ['_[_](map(A, B), A) B'],
  ['_[_](optional(list(A)), int) optional(A)'],
  ['_[_](optional(map(A, B)), A) optional(B)'],
  ['_[?_](list(A), int) optional(A)'],
  ['_[?_](optional(list(A)), int) optional(A)'],
  ['_[?_](map(A, B), A) optional(B)'],
  ['_[?_](optional(map(A, B)), A) optional(B)'],

  ...Object.entries(comparisons).flatMap(([name, fits]) => {
    const compare = (left: Value, right: Value): boolean => fits(order(left, right)!);
    const mixed = numbers.flatMap((left) =>
      numbers.filter((right) => right !== left).map((right): Row => [`${name}(${left}, ${right}) bool`, compare]),
    );
    return [...ordered.map((kind): Row => [`${name}(${kind}, ${kind}) bool`, compare]), ...mixed];
  }),
  ['_+_(bytes, bytes) bytes', (left: Uint8Array, right: Uint8Array) => Buffer.concat([left, right])],
  ['_+_(list(A), list(A)) list(A)', (left: readonly Value[], right: readonly Value[]) => [...left, ...right]],
  ['_+_(string, string) string', (left: string, right: string) => text.bounded(left + right)],
  ...arithmetic(
    '_+_',
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  ...arithmetic(
    '_-_',
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  ...arithmetic(
    '_*_',
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  ...arithmetic(
    '_/_',
    (a, b) => a / nonZero(b, 'division by zero'),
    (a, b) => a / b,
  ),
  ...arithmetic('_%_', (a, b) => a % nonZero(b, 'modulus by zero')),
  ['-_(int) int', (value: bigint) => int(-value)],
  ['-_(double) double', (value: number) => -value],

  ...['string', 'bytes', 'list(A)', 'map(A, B)'].flatMap((kind): Row[] => [
    [`size(${kind}) int`, size],
    [`${kind}::size() int`, size],
  ]),
  ['type(A) type(A)', (value: Value) => new TypeName(typeNameOf(value))],
  ['dyn(A) dyn', (value: Value) => value],
  ...conversions('bool', ['bool', 'string']),
  ...conversions('bytes', ['bytes', 'string']),
  ...conversions('double', [...numbers, 'string']),
  ...conversions('int', [...numbers, 'string']),
  ...conversions('uint', [...numbers, 'string']),
  ...conversions('string', ['bool', 'bytes', ...numbers, 'string']),

  ['string::contains(string) bool', (value: string, part: string) => value.includes(part)],
  ['string::startsWith(string) bool', (value: string, part: string) => value.startsWith(part)],
  ['string::endsWith(string) bool', (value: string, part: string) => value.endsWith(part)],
  ['matches(string, string) bool', isAMatch],
  ['string::matches(string) bool', isAMatch],
  ['string::charAt(int) string', text.charAt],
  ['string::indexOf(string) int', text.indexOf],
  ['string::indexOf(string, int) int', text.indexOf],
  ['string::lastIndexOf(string) int', text.lastIndexOf],
  ['string::lowerAscii() string', (value: string) => value.replace(/[A-Z]/g, (letter) => letter.toLowerCase())],
  ['string::upperAscii() string', (value: string) => value.replace(/[a-z]/g, (letter) => letter.toUpperCase())],
  ['string::replace(string, string) string', text.replace],
  ['string::replace(string, string, int) string', text.replace],
  ['string::split(string) list(string)', text.split],
  ['string::split(string, int) list(string)', text.split],
  ['string::substring(int) string', text.substring],
  ['string::substring(int, int) string', text.substring],
  ['string::trim() string', text.trim],
  ['list(string)::join() string', text.join],
  ['list(string)::join(string) string', text.join],

  [
    'list(A)::indexOf(A) int',
    (list: readonly Value[], item: Value) => BigInt(list.findIndex((one) => isEqual(one, item))),
  ],
  [
    'list(A)::lastIndexOf(A) int',
    (list: readonly Value[], item: Value) => BigInt(list.findLastIndex((one) => isEqual(one, item))),
  ],
  ['sets.contains(list(A), list(A)) bool', (list: readonly Value[], sub: readonly Value[]) => holdsAll(list, sub)],
  [
    'sets.equivalent(list(A), list(A)) bool',
    (left: readonly Value[], right: readonly Value[]) => holdsAll(left, right) && holdsAll(right, left),
  ],
  [
    'sets.intersects(list(A), list(A)) bool',
    (left: readonly Value[], right: readonly Value[]) => left.some((one) => right.some((other) => isEqual(one, other))),
  ],

  ['optional.of(A) optional(A)', (value: Value) => new Optional(value)],
  ['optional.ofNonZeroValue(A) optional(A)', (value: Value) => (isZero(value) ? new Optional() : new Optional(value))],
  ['optional.none() optional(A)', () => new Optional()],
  ['optional(A)::hasValue() bool', (optional: Optional) => optional.value !== undefined],
  [
    'optional(A)::value() A',
    ({ value }: Optional) => {
      if (value === undefined) throw new CelFailure('optional.none() dereference');
      return value;
    },
  ],
  ['optional(A)::or(optional(A)) optional(A)'],
  ['optional(A)::orValue(A) A'],
];

/** Names that the API server knows, and this file does not. */
export const unmodelledNames: ReadonlySet<string> = new Set(
  (
    'timestamp duration getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours getMilliseconds getMinutes ' +
    'getMonth getSeconds format quote strings.quote reverse find findAll isSorted sum max min url isURL getScheme getHost ' +
    'getHostname getPort getEscapedPath getQuery quantity isQuantity sign isInteger asInteger asApproximateFloat add sub ' +
    'isGreaterThan isLessThan compareTo ip isIP ip.isCanonical family isUnspecified isLoopback isLinkLocalMulticast ' +
    'isLinkLocalUnicast isGlobalUnicast cidr isCIDR containsIP containsCIDR masked prefixLength format.named validate ' +
    'semver isSemver major minor patch slice flatten distinct sort sortBy lists.range first last optional.unwrap unwrapOpt'
  ).split(' '),
);

let table: ReadonlyMap<string, readonly CelOverload[]> | undefined;

/** All overloads of a name, in order; undefined: no such function. */
export function overloadsOf(name: string): readonly CelOverload[] | undefined {
  table ??= Map.groupBy(
    rows.map(([signature, call]) => ({ ...readSignature(signature), ...(call === undefined ? {} : { call }) })),
    (overload) => overload.name,
  );
  return table.get(name);
}

const limits = { int: { least: -(2n ** 63n), greatest: 2n ** 63n - 1n } } as const;

function int(value: bigint): bigint {
  if (value < limits.int.least || value > limits.int.greatest) throw new CelFailure('integer overflow');
  return value;
}

function nonZero(value: bigint, message: string): bigint {
  if (value === 0n) throw new CelFailure(message);
  return value;
}

function arithmetic(
  name: string,
  whole: (left: bigint, right: bigint) => bigint,
  double?: (left: number, right: number) => number,
): readonly Row[] {
  const all: readonly Row[] = [
    [`${name}(int, int) int`, (left: bigint, right: bigint) => int(whole(left, right))],
    [`${name}(uint, uint) uint`, (left: Uint, right: Uint) => new Uint(whole(left.value, right.value))],
  ];
  return double === undefined ? all : [[`${name}(double, double) double`, double], ...all];
}

function conversions(result: Parameters<typeof convert>[0], from: readonly string[]): readonly Row[] {
  return from.map((kind) => [`${result}(${kind}) ${result}`, (value: Value) => convert(result, value)]);
}

function size(value: Value): Value {
  if (typeof value === 'string') return BigInt([...value].length);
  if (value instanceof CelMap) return BigInt(value.size);
  return BigInt((value as Uint8Array | readonly Value[]).length);
}

function holdsAll(list: readonly Value[], sub: readonly Value[]): boolean {
  return sub.every((one) => list.some((other) => isEqual(one, other)));
}

function isZero(value: Value): boolean {
  if (value === null || value === false || value === '') return true;
  const number = numberOf(value);
  if (number !== null) return Number(number) === 0;
  if (isList(value) || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelMap) return value.size === 0;
  return value instanceof Optional && value.value === undefined;
}
