/** A type as the API server's compiler knows it. */
export interface CelType {
  readonly kind: Kind;
  /** Of a list, its elements; of a map, keys and values; of an optional or a type, what it holds. */
  readonly of: readonly CelType[];
  /** Of an object, its name; of a variable, the variable's. */
  readonly name: string;
}

export type Kind =
  | 'any'
  | 'bool'
  | 'bytes'
  | 'double'
  | 'dyn'
  | 'int'
  | 'list'
  | 'map'
  | 'null'
  | 'object'
  | 'optional'
  | 'string'
  | 'type'
  | 'uint'
  | 'variable';

/** What is known of type variables so far. */
export type Bindings = ReadonlyMap<string, CelType>;

/** Makes a type; `name` is that of an object or a variable. */
export const make = (kind: Kind, of: readonly CelType[] = [], name = ''): CelType => ({ kind, of, name });

/** Types without parts. */
export const types = {
  any: make('any'),
  bool: make('bool'),
  dyn: make('dyn'),
  int: make('int'),
  string: make('string'),
} as const;

/** `list(element)`. */
export const listOf = (element: CelType): CelType => make('list', [element]);
/** `map(key, value)`. */
export const mapOf = (key: CelType, value: CelType): CelType => make('map', [key, value]);
/** `optional_type(value)`. */
export const optionalOf = (value: CelType): CelType => make('optional', [value]);

/** Fields of the one object that expressions meet: `user` in user validation rules. */
export const userFields: Readonly<Record<string, CelType>> = {
  username: types.string,
  uid: types.string,
  groups: listOf(types.string),
  extra: mapOf(types.string, listOf(types.string)),
};

/** Of `user` in user validation rules. */
export const userType = make('object', [], 'kubernetes.UserInfo');
/** Of `claims` in rules and mappings. */
export const claimsType = mapOf(types.string, types.any);

/** `any` and `dyn` fit everything; but only `dyn` can be walked over. */
export function isDynamic(type: CelType): boolean {
  return type.kind === 'dyn' || type.kind === 'any';
}

/** Whether two types are one, part by part. */
export function isSame(left: CelType, right: CelType): boolean {
  return (
    left.kind === right.kind &&
    left.name === right.name &&
    left.of.length === right.of.length &&
    left.of.every((one, index) => isSame(one, right.of[index]!))
  );
}

/**
 * Whether values of both types can meet in one place, and what that says of type variables; null: they cannot.
 *
 * Follows the unification of CEL's reference checker: a variable takes the more general of the types that it meets.
 */
export function unify(bindings: Bindings, pairs: readonly (readonly [CelType, CelType])[]): Bindings | null {
  const draft = new Map(bindings);
  return pairs.every(([left, right]) => fits(draft, left, right)) ? draft : null;
}

const nullable: readonly Kind[] = ['optional', 'object', 'any'];

function fits(draft: Map<string, CelType>, left: CelType, right: CelType): boolean {
  if (right.kind === 'variable') {
    const answer = bind(draft, right, left);
    if (answer !== 'unbound') return answer;
  }
  if (left.kind === 'variable') return bind(draft, left, right) === true;
  if (isDynamic(left) || isDynamic(right)) return true;
  if (left.kind === 'null' || right.kind === 'null') {
    return left.kind === right.kind || nullable.includes(left.kind === 'null' ? right.kind : left.kind);
  }
  if (left.kind !== right.kind || left.name !== right.name) return false;
  if (left.kind === 'type') return true;
  return left.of.every((one, index) => fits(draft, one, right.of[index]!));
}

/** `unbound`: the variable has no type yet, and cannot take this one. */
function bind(draft: Map<string, CelType>, variable: CelType, type: CelType): boolean | 'unbound' {
  if (isSame(variable, type)) return true;
  const bound = draft.get(variable.name);
  if (bound === undefined) {
    if (occurs(draft, variable, type)) return 'unbound';
    draft.set(variable.name, type);
    return true;
  }
  if (isSame(bound, type)) return true;
  if (!fits(draft, type, bound)) return false;
  const general = isLessSpecific(type, bound) ? type : bound;
  if (!occurs(draft, variable, general)) draft.set(variable.name, general);
  return true;
}

function occurs(bindings: Bindings, variable: CelType, within: CelType): boolean {
  if (isSame(variable, within)) return true;
  if (within.kind === 'variable') {
    const bound = bindings.get(within.name);
    return bound !== undefined && occurs(bindings, variable, bound);
  }
  return within.of.some((one) => occurs(bindings, variable, one));
}

/** Whether the first says no more than the second. */
export function isLessSpecific(left: CelType, right: CelType): boolean {
  if (isDynamic(left) || left.kind === 'variable') return true;
  if (isDynamic(right) || right.kind === 'variable') return false;
  if (left.kind !== right.kind) return false;
  if (left.kind === 'type') return true;
  if (left.of.length === 0) return isSame(left, right);
  return left.name === right.name && left.of.every((one, index) => isLessSpecific(one, right.of[index]!));
}

/** The type with what is known of its variables; the rest stays, or becomes `dyn`. */
export function settled(bindings: Bindings, type: CelType, rest: 'stays' | 'dyn' = 'stays'): CelType {
  if (type.kind === 'variable') {
    const bound = bindings.get(type.name);
    if (bound !== undefined) return settled(bindings, bound, rest);
    return rest === 'dyn' ? types.dyn : type;
  }
  return type.of.length === 0 ? type : { ...type, of: type.of.map((one) => settled(bindings, one, rest)) };
}

/** As CEL writes it: `list(string)`. */
export function typeText(type: CelType): string {
  const names: Partial<Record<Kind, string>> = { null: 'null', optional: 'optional_type' };
  if (type.kind === 'object') return type.name;
  const name = names[type.kind] ?? (type.kind === 'variable' ? 'dyn' : type.kind);
  return type.of.length === 0 ? name : `${name}(${type.of.map(typeText).join(', ')})`;
}
