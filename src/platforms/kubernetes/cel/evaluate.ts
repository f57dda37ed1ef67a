import { calledFunction } from './check.ts';
import { CelFailure } from './fault.ts';
import { overloadsOf, unmodelledNames } from './functions.ts';
import type { Node } from './syntax.ts';
import type { CelType } from './types.ts';
import { CelMap, Fields, isList, numberOf, Optional, TypeName, typeNameOf, Uint, type Value } from './values.ts';

/** How many elements one evaluation may look at. The API server counts costs instead, and allows more. */
const mostSteps = 100_000;

/** A variable of a fold may hold a failure: `exists` ignores the failures before a match. */
type Scope = ReadonlyMap<string, Value | CelFailure>;

/**
 * Evaluates a checked expression.
 *
 * @throws {CelFailure}
 */
export function evaluateCel(expression: Node, variables: ReadonlyMap<string, Value>): Value {
  return new Evaluation().valueOf(expression, variables);
}

class Evaluation {
  #steps = 0;

  valueOf(node: Node, scope: Scope): Value {
    switch (node.kind) {
      case 'constant':
        return node.type === 'uint' ? new Uint(node.value as bigint) : (node.value as Value);
      case 'identifier': {
        const value = scope.get(node.name);
        if (value instanceof CelFailure) throw value;
        return value === undefined ? new TypeName(node.name) : value;
      }
      case 'select':
        return this.#select(node, scope);
      case 'list':
        return node.elements.map((element) => this.valueOf(element, scope));
      case 'map':
        return new CelMap(node.entries.map(([key, value]) => [this.valueOf(key, scope), this.valueOf(value, scope)]));
      case 'call':
        return this.#call(node, scope);
      case 'fold':
        return this.#fold(node, scope);
      case 'optionalMap': {
        const target = this.valueOf(node.target, scope);
        if (!(target instanceof Optional)) throw new CelFailure(`no such overload: hasValue(${typeNameOf(target)})`);
        if (target.value === undefined) return target;
        const mapped = this.valueOf(node.body, new Map(scope).set(node.variable, target.value));
        return node.isFlat ? mapped : new Optional(mapped);
      }
    }
  }

  #select(node: Node & { kind: 'select' }, scope: Scope): Value {
    const operand = this.valueOf(node.operand, scope);
    if (node.use === 'has') return lookUp(unwrapped(operand), node.field) !== undefined;
    return found(operand, node.field, node.use === 'optional');
  }

  #call(node: Node & { kind: 'call' }, scope: Scope): Value {
    const { args } = node;
    switch (node.name) {
      case '_&&_':
        return this.#decisive(args, scope, false);
      case '_||_':
        return this.#decisive(args, scope, true);
      case '@not_strictly_false':
        try {
          return this.valueOf(args[0]!, scope) !== false;
        } catch (error) {
          if (error instanceof CelFailure && !error.isUnmodelled) return true;
          throw error;
        }
      case '_?_:_': {
        const condition = this.valueOf(args[0]!, scope);
        if (typeof condition !== 'boolean') throw new CelFailure('no such overload');
        return this.valueOf(args[condition ? 1 : 2]!, scope);
      }
      case '_[_]':
      case '_[?_]':
        return found(this.valueOf(args[0]!, scope), this.valueOf(args[1]!, scope), node.name === '_[?_]');
      default:
        return this.#function(node, scope);
    }
  }

  /** `&&` and `||`: a failure counts only where the other side does not decide. */
  #decisive(args: readonly Node[], scope: Scope, decides: boolean): Value {
    let failure: CelFailure | undefined;
    for (const argument of args) {
      try {
        const value = this.valueOf(argument, scope);
        if (value === decides) return decides;
        if (typeof value !== 'boolean') failure ??= new CelFailure('no such overload');
      } catch (error) {
        if (!(error instanceof CelFailure) || error.isUnmodelled) throw error;
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return !decides;
  }

  #function(node: Node & { kind: 'call' }, scope: Scope): Value {
    const { name, target } = calledFunction(node, scope);
    if (unmodelledNames.has(name)) throw new CelFailure(`the function ${name} is not modelled here`, true);
    const receiver = target === null ? [] : [this.valueOf(target, scope)];
    if (target !== null && (name === 'or' || name === 'orValue'))
      return this.#or(receiver[0]!, node.args[0]!, scope, name);
    const operands = [...receiver, ...node.args.map((argument) => this.valueOf(argument, scope))];
    const overload = overloadsOf(name)?.find(
      ({ isMember, parameters }) =>
        isMember === (target !== null) &&
        parameters.length === operands.length &&
        parameters.every((parameter, index) => takes(parameter, operands[index]!)),
    );
    if (overload?.call === undefined) throw new CelFailure('no such overload');
    return overload.call(...operands);
  }

  #or(receiver: Value, other: Node, scope: Scope, name: string): Value {
    // Seen on the API server: what is no optional is its own value.
    if (!(receiver instanceof Optional)) return receiver;
    if (receiver.value === undefined) return this.valueOf(other, scope);
    return name === 'or' ? receiver : receiver.value;
  }

  #fold(node: Node & { kind: 'fold' }, scope: Scope): Value {
    const range = this.valueOf(node.range, scope);
    if (range instanceof Fields) throw new CelFailure('a walk over claims as a whole is not modelled here', true);
    const elements = range instanceof CelMap ? range.keys : isList(range) ? range : null;
    if (elements === null) throw new CelFailure(`got '${typeNameOf(range)}', expected iterable type`);
    let accumulated: Value | CelFailure = this.#orFailure(node.initial, scope);
    for (const element of elements) {
      this.#steps += 1;
      if (this.#steps > mostSteps) throw new CelFailure('so long a walk is not modelled here', true);
      const inner = new Map(scope).set(node.accumulator, accumulated).set(node.variable, element);
      if (this.valueOf(node.condition, inner) !== true) break;
      accumulated = this.#orFailure(node.step, inner);
    }
    return this.valueOf(node.result, new Map(scope).set(node.accumulator, accumulated));
  }

  #orFailure(node: Node, scope: Scope): Value | CelFailure {
    try {
      return this.valueOf(node, scope);
    } catch (error) {
      if (error instanceof CelFailure && !error.isUnmodelled) return error;
      throw error;
    }
  }
}

function unwrapped(value: Value): Value {
  return value instanceof Optional && value.value !== undefined ? value.value : value;
}

/** What stands under a key or index: an optional where either side is one. */
function found(operand: Value, key: Value, isOptional: boolean): Value {
  if (operand instanceof Optional && operand.value === undefined) return operand;
  const inside = unwrapped(operand);
  if (operand instanceof Optional || isOptional) return new Optional(lookUp(inside, key));
  const value = lookUp(inside, key);
  if (value !== undefined) return value;
  throw new CelFailure(isList(inside) ? `index out of bounds: ${keyText(key)}` : `no such key: ${keyText(key)}`);
}

/** Undefined: nothing stands there. */
function lookUp(inside: Value, key: Value): Value | undefined {
  if (inside instanceof Fields || inside instanceof CelMap) return inside.get(key);
  if (!isList(inside)) return undefined;
  const index = numberOf(key);
  if (index === null) throw new CelFailure(`unsupported index type '${typeNameOf(key)}' in list`);
  if (typeof index === 'number' && !Number.isInteger(index)) {
    throw new CelFailure(`unsupported index value ${index} in list`);
  }
  return index < 0 ? undefined : inside[Number(index)];
}

function keyText(key: Value): string {
  return String(numberOf(key) ?? (key as string | boolean));
}

const runtimeNames: Readonly<Record<string, string>> = { null: 'null_type', optional: 'optional_type' };

/** Whether a value may be this parameter; what lists and maps hold is not looked at. */
function takes(parameter: CelType, value: Value): boolean {
  if (parameter.kind === 'variable' || parameter.kind === 'dyn' || parameter.kind === 'any') return true;
  return typeNameOf(value) === (runtimeNames[parameter.kind] ?? parameter.kind);
}
