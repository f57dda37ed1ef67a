import type { Json, JsonObject } from '../../../domain/json.ts';
import { CelFailure } from './fault.ts';
import { unescaped } from './escape.ts';

/**
 * A value in an expression. CEL's int is bigint, its double is number: claims are JSON, whose numbers are all doubles to
 * the API server.
 */
export type Value =
  | boolean
  | bigint
  | number
  | string
  | null
  | Uint
  | Uint8Array
  | readonly Value[]
  | CelMap
  | Optional
  | TypeName
  | Fields;

/** An unsigned integer of 64 bits. */
export class Uint {
  readonly value: bigint;

  constructor(value: bigint) {
    if (value < 0n || value > 2n ** 64n - 1n) throw new CelFailure('unsigned integer overflow');
    this.value = value;
  }
}

/** A value that may be absent (`optional.of`, `optional.none`). */
export class Optional {
  /** Undefined: none. */
  readonly value: Value | undefined;

  constructor(value?: Value) {
    this.value = value;
  }
}

/** What `type(x)` gives, and what `string` alone means. */
export class TypeName {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A list that `split` or `findAll` made: as the result of a mapping the API server does not take it. */
export class TextList extends Array<string> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/** A map of the expression, or an object of the claims. */
export class CelMap {
  readonly #entries = new Map<string, readonly [key: Value, value: Value]>();

  constructor(entries: Iterable<readonly [key: Value, value: Value]>) {
    for (const [key, value] of entries) {
      const text = keyText(key);
      if (text === null) throw new CelFailure('unsupported key type');
      this.#entries.set(text, [key, value]);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  get keys(): readonly Value[] {
    return [...this.#entries.values()].map(([key]) => key);
  }

  get(key: Value): Value | undefined {
    const text = keyText(key);
    return text === null ? undefined : this.#entries.get(text)?.[1];
  }
}

/** An object of the claims: also answers to the names that Kubernetes escapes. */
export class JsonMap extends CelMap {
  override get(key: Value): Value | undefined {
    const plain = typeof key === 'string' ? unescaped(key) : null;
    return super.get(plain ?? key);
  }
}

/** `claims` and `user` themselves: fields can be read, and hardly anything else works. */
export class Fields {
  readonly #values: ReadonlyMap<string, Value>;

  constructor(values: ReadonlyMap<string, Value>) {
    this.#values = values;
  }

  get(name: Value): Value | undefined {
    if (typeof name !== 'string') throw new CelFailure('no such overload');
    const plain = unescaped(name);
    return plain === null ? undefined : this.#values.get(plain);
  }

  get size(): number {
    return this.#values.size;
  }
}

/** JSON as the API server's expressions see it. */
export function fromJson(json: Json): Value {
  // Go reads half of a surrogate pair as U+FFFD.
  if (typeof json === 'string') return json.toWellFormed();
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return (json as readonly Json[]).map(fromJson);
  return new JsonMap(Object.entries(json as JsonObject).map(([name, value]) => [name.toWellFormed(), fromJson(value)]));
}

/** The variable `claims`. */
export function claimsValue(claims: JsonObject): Fields {
  return new Fields(new Map(Object.entries(claims).map(([name, value]) => [name.toWellFormed(), fromJson(value)])));
}

/** Equal keys have equal texts; null: cannot be a key. */
function keyText(key: Value): string | null {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'boolean') return `b${key}`;
  const number = numberOf(key);
  return number === null || (typeof number === 'number' && !Number.isInteger(number)) ? null : `n${BigInt(number)}`;
}

/** The plain number of an int, uint or double. */
export function numberOf(value: Value): bigint | number | null {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Uint ? value.value : null;
}

/** Whether a value is CEL's list. */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** The name of a value's type at run time. */
export function typeNameOf(value: Value): string {
  if (value === null) return 'null_type';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'double';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Optional) return 'optional_type';
  if (value instanceof TypeName) return 'type';
  if (value instanceof CelMap) return 'map';
  return isList(value) ? 'list' : 'object';
}

/** `==`: values of different types are unequal, but for numbers. */
export function isEqual(left: Value, right: Value): boolean {
  if (left === null || right === null) return left === right;
  if (left instanceof Fields) {
    if (left === right) return true;
    throw new CelFailure('no such overload');
  }
  const [a, b] = [numberOf(left), numberOf(right)];
  // Loose on purpose: 1n == 1.
  // oxlint-disable-next-line eqeqeq
  if (a !== null && b !== null) return a == b;
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0;
  if (left instanceof TypeName && right instanceof TypeName) return left.name === right.name;
  if (left instanceof Optional && right instanceof Optional) {
    if (left.value === undefined || right.value === undefined) return left.value === right.value;
    return isEqual(left.value, right.value);
  }
  if (isList(left) && isList(right)) {
    return left.length === right.length && left.every((one, index) => isEqual(one, right[index]!));
  }
  if (left instanceof CelMap) return isEqualMap(left, right);
  return left === right;
}

function isEqualMap(left: CelMap, right: Value): boolean {
  if (right instanceof Fields) {
    if (left.size !== right.size) return false;
    throw new CelFailure('a comparison with claims as a whole is not modelled here', true);
  }
  if (!(right instanceof CelMap) || left.size !== right.size) return false;
  return left.keys.every((key) => {
    const other = right.get(key);
    return other !== undefined && isEqual(left.get(key)!, other);
  });
}

/** Order of two values of one kind, or of two numbers; null: they have none. */
export function order(left: Value, right: Value): number | null {
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== null && b !== null) return a < b ? -1 : a > b ? 1 : 0;
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  // By bytes, which is by code point.
  if (typeof left === 'string' && typeof right === 'string')
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  return left instanceof Uint8Array && right instanceof Uint8Array ? Buffer.compare(left, right) : null;
}
