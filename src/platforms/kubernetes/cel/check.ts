import { isAMatch } from './regular-expression.ts';
import { CelFault } from './fault.ts';
import { overloadsOf, unmodelledNames, type CelOverload } from './functions.ts';
import { qualifiedName, type Node } from './syntax.ts';
import {
  isDynamic,
  isLessSpecific,
  isSame,
  listOf,
  make,
  mapOf,
  optionalOf,
  settled,
  types,
  typeText,
  unify,
  userFields,
  type Bindings,
  type CelType,
} from './types.ts';

/** What a checked expression says of itself. */
export interface Checked {
  readonly type: CelType;
  /** Uses something that the API server knows and we do not. */
  readonly unmodelled: readonly string[];
}

const namedTypes = ['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint'];

type Locals = ReadonlyMap<string, CelType>;

/**
 * Gives an expression its type, or refuses it, as the API server's compiler does before any token is seen.
 *
 * @throws {CelFault}
 */
export function checkCel(expression: Node, variables: Locals): Checked {
  const checker = new Checker();
  const type = checker.typeOf(expression, variables);
  checker.refuseMixedLiterals();
  return { type: settled(checker.bindings, type, 'dyn'), unmodelled: checker.unmodelled };
}

class Checker {
  bindings: Bindings = new Map();
  readonly unmodelled: string[] = [];
  readonly #literals: (readonly (readonly [Node, CelType])[])[] = [];
  #fresh = 0;

  typeOf(node: Node, locals: Locals): CelType {
    switch (node.kind) {
      case 'constant':
        return make(node.type);
      case 'identifier': {
        const known = locals.get(node.name);
        if (known !== undefined) return known;
        if (namedTypes.includes(node.name)) return make('type', [types.dyn]);
        throw new CelFault(node.at, `undeclared reference to '${node.name}' (in container '')`);
      }
      case 'select': {
        const type = this.#field(node, this.typeOf(node.operand, locals));
        return node.use === 'has' ? types.bool : this.#settled(type);
      }
      case 'list': {
        const elements = node.elements.map((one) => [one, this.typeOf(one, locals)] as const);
        this.#literals.push(elements);
        return listOf(this.#joined(elements));
      }
      case 'map': {
        const keys = node.entries.map(([key]) => [key, this.typeOf(key, locals)] as const);
        const values = node.entries.map(([, value]) => [value, this.typeOf(value, locals)] as const);
        this.#literals.push(keys, values);
        return mapOf(this.#joined(keys), this.#joined(values));
      }
      case 'call':
        return this.#call(node, locals);
      case 'fold':
        return this.#fold(node, locals);
      case 'optionalMap': {
        const target = this.#settled(this.typeOf(node.target, locals));
        if (target.kind !== 'optional' && !isDynamic(target)) {
          throw this.#noOverload(node.at, 'hasValue', [target], true);
        }
        const body = this.typeOf(node.body, new Map(locals).set(node.variable, target.of[0] ?? types.dyn));
        return node.isFlat ? body : optionalOf(body);
      }
    }
  }

  /** The elements of one literal have one type: `any` beside `string` is refused too. */
  refuseMixedLiterals(): void {
    for (const elements of this.#literals) {
      const shown = elements.map(([node, type]) => [node, settled(this.bindings, type, 'dyn')] as const);
      const [first] = shown;
      const other = shown.find(([, type]) => !isSame(type, first![1]));
      if (other !== undefined) throw mismatch(other[0], first![1], other[1]);
    }
  }

  #settled(type: CelType): CelType {
    return settled(this.bindings, type);
  }

  #variable(): CelType {
    this.#fresh += 1;
    return make('variable', [], `_${this.#fresh}`);
  }

  #field(node: Node & { kind: 'select' }, given: CelType): CelType {
    const whole = this.#settled(given);
    const isOptional = whole.kind === 'optional';
    const operand = isOptional ? whole.of[0]! : whole;
    const result = ((): CelType => {
      if (operand.kind === 'map') return operand.of[1]!;
      if (operand.kind === 'object') {
        const field = userFields[node.field];
        if (field === undefined) throw new CelFault(node.at, `undefined field '${node.field}'`);
        return field;
      }
      if (operand.kind === 'variable') this.#meet([[types.dyn, operand]]);
      else if (!isDynamic(operand)) {
        throw new CelFault(node.at, `type '${typeText(operand)}' does not support field selection`);
      }
      return types.dyn;
    })();
    return isOptional || node.use === 'optional' ? optionalOf(result) : result;
  }

  #meet(pairs: readonly (readonly [CelType, CelType])[]): boolean {
    const bindings = unify(this.bindings, pairs);
    if (bindings !== null) this.bindings = bindings;
    return bindings !== null;
  }

  #joined(elements: readonly (readonly [Node, CelType])[]): CelType {
    let joined: CelType | undefined;
    for (const [node, type] of elements) {
      if (joined === undefined) joined = type;
      else if (!this.#meet([[joined, type]])) throw mismatch(node, this.#settled(joined), this.#settled(type));
      else joined = isLessSpecific(joined, type) ? joined : type;
    }
    return joined ?? this.#variable();
  }

  #call(node: Node & { kind: 'call' }, locals: Locals): CelType {
    const args = node.args.map((argument) => this.typeOf(argument, locals));
    const called = calledFunction(node, locals);
    const given = called.target === null ? args : [this.typeOf(called.target, locals), ...args];
    const overloads = overloadsOf(called.name);
    if (overloads === undefined || unmodelledNames.has(called.name)) {
      if (!unmodelledNames.has(called.name)) {
        throw new CelFault(node.at, `undeclared reference to '${called.name}' (in container '')`);
      }
      // Overloads of a name may be known in part, such as `min`: nothing is said then.
      this.unmodelled.push(called.name);
      return types.dyn;
    }
    const result = this.#overload(overloads, given, called.target !== null);
    if (result === null) throw this.#noOverload(node.at, called.name, given, called.target !== null);
    if (called.name === 'matches') refuseBadPattern(node.args.at(-1)!);
    return result;
  }

  #overload(overloads: readonly CelOverload[], given: readonly CelType[], isMember: boolean): CelType | null {
    let result: CelType | null = null;
    for (const overload of overloads) {
      if (overload.isMember !== isMember || overload.parameters.length !== given.length) continue;
      const own = new Map(overload.variables.map((name) => [name, this.#variable()]));
      const instance = (type: CelType): CelType => settled(own, type);
      if (!this.#meet(given.map((type, index) => [type, instance(overload.parameters[index]!)] as const))) continue;
      const fitting = this.#settled(instance(overload.result));
      if (result === null) result = fitting;
      else if (!isDynamic(result) && !isSame(fitting, result)) result = types.dyn;
    }
    return result;
  }

  #fold(node: Node & { kind: 'fold' }, locals: Locals): CelType {
    const range = this.#settled(this.typeOf(node.range, locals));
    const accumulated = this.typeOf(node.initial, locals);
    const outer = new Map(locals).set(node.accumulator, accumulated);
    const inner = new Map(outer).set(node.variable, this.#element(node, range));
    this.#assert(node.condition, this.typeOf(node.condition, inner), types.bool);
    this.#assert(node.step, this.typeOf(node.step, inner), accumulated);
    return this.#settled(this.typeOf(node.result, outer));
  }

  #element(node: Node & { kind: 'fold' }, range: CelType): CelType {
    if (range.kind === 'list' || range.kind === 'map') return range.of[0]!;
    if (range.kind === 'variable') this.#meet([[types.dyn, range]]);
    // `any`, the type of each claim, is refused: `dyn(claims.groups)` may be walked over.
    else if (range.kind !== 'dyn') {
      throw new CelFault(
        node.range.at,
        `expression of type '${typeText(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      );
    }
    return types.dyn;
  }

  #assert(node: Node, type: CelType, wanted: CelType): void {
    if (!this.#meet([[wanted, type]])) throw mismatch(node, this.#settled(wanted), this.#settled(type));
  }

  #noOverload(at: number, name: string, given: readonly CelType[], isMember: boolean): CelFault {
    const shown = given.map((type) => typeText(settled(this.bindings, type, 'dyn')));
    const applied = isMember ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`;
    return new CelFault(at, `found no matching overload for '${name}' applied to '${applied}'`);
  }
}

/** `optional.of(x)` is a function with a dot in its name; `claims.x.of()` is one called on a claim. */
export function calledFunction(
  node: Node & { kind: 'call' },
  locals: { has(name: string): boolean },
): { name: string; target: Node | null } {
  const before = node.target === null ? null : qualifiedName(node.target);
  if (before === null || locals.has(before.split('.')[0]!)) return { name: node.name, target: node.target };
  const whole = `${before}.${node.name}`;
  const isKnown = overloadsOf(whole) !== undefined || unmodelledNames.has(whole);
  return isKnown ? { name: whole, target: null } : { name: node.name, target: node.target };
}

function refuseBadPattern(pattern: Node): void {
  if (pattern.kind !== 'constant' || typeof pattern.value !== 'string') return;
  try {
    isAMatch('', pattern.value);
  } catch {
    throw new CelFault(pattern.at, 'invalid matches argument');
  }
}

function mismatch(node: Node, expected: CelType, found: CelType): CelFault {
  return new CelFault(node.at, `expected type '${typeText(expected)}' but found '${typeText(found)}'`);
}
