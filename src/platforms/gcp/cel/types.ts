/** The types that {@link compileCel} tells apart. `dyn` fits everything: it is settled when the expression is evaluated. */
export type CelKind =
  | 'bool'
  | 'bytes'
  | 'double'
  | 'duration'
  | 'dyn'
  | 'int'
  | 'list'
  | 'map'
  | 'null_type'
  | 'string'
  | 'timestamp'
  | 'type'
  | 'uint';

/** A type with what it holds. */
export interface CelType {
  readonly kind: CelKind | 'free';
  /** Of a list: its elements. Of a map: its values. */
  readonly element?: CelType;
  /** Of a map. */
  readonly key?: CelType;
}

/** One overload of a function. */
export interface CelSignature {
  readonly name: string;
  /** What stands before the dot of `x.f()`. */
  readonly receiver?: CelKind;
  readonly arguments: readonly CelKind[];
  readonly result: CelKind;
}

/** Known only when the expression runs. */
export const dyn: CelType = { kind: 'dyn' };
export const bool: CelType = { kind: 'bool' };
/** What the elements of `[]` are: nothing yet, so whatever it meets. */
export const free: CelType = { kind: 'free' };

const scalars = new Map<CelKind, CelType>();

/** The type of this kind that says nothing of what it holds. */
export function typeOf(kind: CelKind): CelType {
  if (kind === 'list') return listOf(dyn);
  if (kind === 'map') return { kind, key: dyn, element: dyn };
  const known = scalars.get(kind) ?? { kind };
  scalars.set(kind, known);
  return known;
}

export function listOf(element: CelType): CelType {
  return { kind: 'list', element };
}

/** Whether values of both types can meet, as in `a == b`. */
export function isCompatible(left: CelType, right: CelType): boolean {
  if (isOpen(left) || isOpen(right)) return true;
  if (left.kind !== right.kind)
    return isTime(left) ? right.kind === 'null_type' : isTime(right) && left.kind === 'null_type';
  return isCompatible(left.element ?? dyn, right.element ?? dyn) && isCompatible(left.key ?? dyn, right.key ?? dyn);
}

/** The narrowest type that holds both. */
export function joined(left: CelType, right: CelType): CelType {
  if (left.kind === 'free') return right;
  if (right.kind === 'free') return left;
  if (left.kind !== right.kind || left.kind === 'dyn') return dyn;
  if (left.kind === 'list') return listOf(joined(left.element!, right.element!));
  if (left.kind === 'map') {
    return { kind: 'map', key: joined(left.key!, right.key!), element: joined(left.element!, right.element!) };
  }
  return left;
}

/** As CEL writes it: `list(string)`. */
export function typeName(type: CelType): string {
  if (type.kind === 'free') return 'dyn';
  if (type.kind === 'list') return `list(${typeName(type.element!)})`;
  if (type.kind === 'map') return `map(${typeName(type.key!)}, ${typeName(type.element!)})`;
  return type.kind;
}

/** Whether it says nothing of what it is. */
export function isOpen(type: CelType): boolean {
  return type.kind === 'dyn' || type.kind === 'free';
}

/** Times may be null. They appear in signatures only, so that null is refused when CEL refuses it. */
function isTime({ kind }: CelType): boolean {
  return kind === 'timestamp' || kind === 'duration';
}

const ordered: readonly CelKind[] = ['bool', 'bytes', 'double', 'int', 'string', 'uint', 'timestamp', 'duration'];
const numbers: readonly CelKind[] = ['double', 'int', 'uint'];

/** A function of CEL's standard, without those that take any type (`==`, `in`, `[]`, `?:`). */
export const standardSignatures: readonly CelSignature[] = [
  ...['_<_', '_<=_', '_>_', '_>=_'].flatMap((name) => ordered.map((kind) => binary(name, kind, kind, 'bool'))),
  binary('_+_', 'timestamp', 'duration', 'timestamp'),
  binary('_+_', 'duration', 'timestamp', 'timestamp'),
  binary('_+_', 'duration', 'duration', 'duration'),
  binary('_-_', 'timestamp', 'timestamp', 'duration'),
  binary('_-_', 'timestamp', 'duration', 'timestamp'),
  binary('_-_', 'duration', 'duration', 'duration'),
  ...[...numbers, 'string', 'bytes', 'list'].map((kind) =>
    binary('_+_', kind as CelKind, kind as CelKind, kind as CelKind),
  ),
  ...['_-_', '_*_', '_/_'].flatMap((name) => numbers.map((kind) => binary(name, kind, kind, kind))),
  ...(['int', 'uint'] as const).map((kind) => binary('_%_', kind, kind, kind)),
  ...(['int', 'double'] as const).map((kind) => unary('-_', kind, kind)),
  ...(['string', 'bytes', 'list', 'map'] as const).flatMap((kind) => [
    unary('size', kind, 'int'),
    { name: 'size', receiver: kind, arguments: [], result: 'int' } as const,
  ]),
  ...['contains', 'startsWith', 'endsWith', 'matches'].map(
    (name) => ({ name, receiver: 'string', arguments: ['string'], result: 'bool' }) as const,
  ),
  binary('matches', 'string', 'string', 'bool'),
  ...conversions('int', ['int', 'uint', 'double', 'string', 'timestamp', 'duration']),
  ...conversions('uint', ['int', 'uint', 'double', 'string']),
  ...conversions('double', ['int', 'uint', 'double', 'string']),
  ...conversions('string', ['bool', 'bytes', 'int', 'uint', 'double', 'string', 'timestamp', 'duration']),
  ...conversions('bytes', ['bytes', 'string']),
  ...conversions('bool', ['bool', 'string']),
  unary('dyn', 'dyn', 'dyn'),
  unary('type', 'dyn', 'type'),
];

/** Names of types that stand for themselves: `type(x) == string`. */
export const typeNames: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
  'uint',
]);

function binary(name: string, left: CelKind, right: CelKind, result: CelKind): CelSignature {
  return { name, arguments: [left, right], result };
}

function unary(name: string, argument: CelKind, result: CelKind): CelSignature {
  return { name, arguments: [argument], result };
}

function conversions(result: CelKind, from: readonly CelKind[]): readonly CelSignature[] {
  return from.map((kind) => unary(result, kind, result));
}
