import type { Expr } from '@bufbuild/cel-spec/cel/expr/syntax_pb.js';
import {
  bool,
  dyn,
  free,
  isCompatible,
  isOpen,
  joined,
  listOf,
  typeName,
  typeNames,
  typeOf,
  type CelSignature,
  type CelType,
} from './types.ts';

/** Where in the expression, and why it cannot stand there. */
export interface CelFault {
  readonly offset: number;
  readonly message: string;
  /** Valid elsewhere, but not modelled here. */
  readonly isUnsupported: boolean;
}

/** What an expression may refer to. */
export interface CelScope {
  readonly text: string;
  readonly positions: Readonly<Record<string, number>>;
  readonly variables: ReadonlySet<string>;
  readonly signatures: readonly CelSignature[];
}

/** Thrown inside this file's walk and taken by {@link compileCel}. */
export class CelFaultError extends Error {
  readonly fault: CelFault;

  constructor(fault: CelFault) {
    super(fault.message);
    this.fault = fault;
  }
}

type Locals = ReadonlyMap<string, CelType>;

const int64 = { least: -(2n ** 63n), greatest: 2n ** 63n - 1n };
const uint64Greatest = 2n ** 64n - 1n;

// Parts of CEL's standard that no condition on claims has needed so far.
const unmodelled = new Set(['timestamp', 'duration', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear']);
const unmodelledReceivers = /^get(?:FullYear|Month|Hours|Minutes|Seconds|Milliseconds)$/;

/**
 * Finds what CEL's own checker refuses before any value is known: unknown names, and operands whose types can never fit.
 * Pure.
 *
 * @throws {CelFaultError}
 */
export function checkCel(expression: Expr, scope: CelScope): CelType {
  return new Walk(scope).typeOf(expression, new Map());
}

class Walk {
  readonly #scope: CelScope;

  constructor(scope: CelScope) {
    this.#scope = scope;
  }

  typeOf(expression: Expr, locals: Locals): CelType {
    const { exprKind } = expression;
    switch (exprKind.case) {
      case 'constExpr':
        return this.#constant(expression, exprKind.value.constantKind);
      case 'identExpr':
        return this.#identifier(expression, exprKind.value.name, locals);
      case 'selectExpr': {
        const operand = this.typeOf(exprKind.value.operand!, locals);
        if (!isOpen(operand) && operand.kind !== 'map') {
          throw this.#fault(expression, `type '${typeName(operand)}' does not support field selection`);
        }
        return exprKind.value.testOnly ? bool : (operand.element ?? dyn);
      }
      case 'listExpr':
        return listOf(exprKind.value.elements.map((element) => this.typeOf(element, locals)).reduce(joined, free));
      case 'structExpr':
        return this.#map(expression, exprKind.value, locals);
      case 'callExpr':
        return this.#call(expression, exprKind.value, locals);
      case 'comprehensionExpr':
        return this.#comprehension(exprKind.value, locals);
      default:
        throw this.#fault(expression, 'unsupported expression', true);
    }
  }

  #constant(at: Expr, constant: { case: string | undefined; value?: unknown }): CelType {
    switch (constant.case) {
      case 'int64Value': {
        const value = constant.value as bigint;
        if (value < int64.least || value > int64.greatest) throw this.#fault(at, 'invalid int literal');
        return typeOf('int');
      }
      case 'uint64Value':
        if ((constant.value as bigint) > uint64Greatest) throw this.#fault(at, 'invalid uint literal');
        return typeOf('uint');
      case 'doubleValue':
        if (!Number.isFinite(constant.value)) throw this.#fault(at, 'invalid double literal');
        return typeOf('double');
      case 'boolValue':
        return bool;
      case 'stringValue':
        return typeOf('string');
      case 'bytesValue':
        return typeOf('bytes');
      case 'nullValue':
        return typeOf('null_type');
      default:
        throw this.#fault(at, 'unsupported constant', true);
    }
  }

  #identifier(at: Expr, name: string, locals: Locals): CelType {
    const local = locals.get(name);
    if (local !== undefined) {
      // The parser drops the dot of `.name`, which means the outer variable.
      if (new RegExp(`^\\.\\s*${name}\\b`).test(this.#scope.text.slice(this.#offset(at)))) {
        throw this.#fault(at, `'.${name}' is not supported here`, true);
      }
      return local;
    }
    if (this.#scope.variables.has(name)) return dyn;
    if (typeNames.has(name)) return typeOf('type');
    throw this.#fault(at, `undeclared reference to '${name}'`);
  }

  #map(at: Expr, struct: { messageName: string; entries: readonly unknown[] }, locals: Locals): CelType {
    if (struct.messageName !== '') throw this.#fault(at, `messages (${struct.messageName}) are not supported`, true);
    let key: CelType = free;
    let element: CelType = free;
    for (const entry of struct.entries as readonly { keyKind: { case: string; value: Expr }; value: Expr }[]) {
      const keyType = this.typeOf(entry.keyKind.value, locals);
      if (!isOpen(keyType) && !['string', 'int', 'uint', 'bool'].includes(keyType.kind)) {
        throw this.#fault(entry.keyKind.value, `keys of the type '${typeName(keyType)}' are not supported`, true);
      }
      key = joined(key, keyType);
      element = joined(element, this.typeOf(entry.value, locals));
    }
    return { kind: 'map', key, element };
  }

  #call(at: Expr, call: { function: string; target?: Expr; args: readonly Expr[] }, locals: Locals): CelType {
    const receiver = call.target === undefined ? undefined : this.typeOf(call.target, locals);
    const operands = call.args.map((argument) => this.typeOf(argument, locals));
    const [first = dyn, second = dyn, third = dyn] = operands;
    const refuse = (): CelFaultError => this.#noOverload(at, call.function, receiver, operands);
    switch (call.function) {
      case '_==_':
      case '_!=_':
        if (!isCompatible(first, second)) throw refuse();
        return bool;
      case '_&&_':
      case '_||_':
      case '!_':
      case '@not_strictly_false':
        if (!operands.every((operand) => isCompatible(operand, bool))) throw refuse();
        return bool;
      case '_?_:_':
        if (!isCompatible(first, bool) || !isCompatible(second, third)) throw refuse();
        return isOpen(second) ? second : isOpen(third) ? third : joined(second, third);
      case '@in':
        if (!isOpen(second) && second.kind !== 'list' && second.kind !== 'map') throw refuse();
        if (!isCompatible(first, (second.kind === 'map' ? second.key : second.element) ?? dyn)) throw refuse();
        return bool;
      case '_[_]':
        if (call.args[1]?.exprKind.case === 'constExpr' && second.kind === 'null_type') throw refuse();
        if (isOpen(first)) return dyn;
        if (first.kind !== 'list' && first.kind !== 'map') throw refuse();
        if (!isCompatible(second, first.kind === 'map' ? first.key! : typeOf('int'))) throw refuse();
        return first.element!;
      default:
        return this.#overload(at, call.function, receiver, operands);
    }
  }

  #overload(at: Expr, name: string, receiver: CelType | undefined, operands: readonly CelType[]): CelType {
    if (unmodelled.has(name) || (receiver !== undefined && unmodelledReceivers.test(name))) {
      throw this.#fault(at, `the function '${name}' is not supported`, true);
    }
    const named = this.#scope.signatures.filter((signature) => signature.name === name);
    if (named.length === 0) throw this.#fault(at, `undeclared reference to '${name}'`);
    const fitting = named.filter(
      (signature) =>
        (signature.receiver === undefined) === (receiver === undefined) &&
        (receiver === undefined || isCompatible(receiver, typeOf(signature.receiver!))) &&
        signature.arguments.length === operands.length &&
        signature.arguments.every((argument, index) => isCompatible(operands[index]!, typeOf(argument))),
    );
    if (fitting.length === 0) throw this.#noOverload(at, name, receiver, operands);
    const lists = operands.filter(({ kind }) => kind === 'list');
    if (name === '_+_' && lists.length > 0) {
      if (!isCompatible(operands[0]!, operands[1]!)) throw this.#noOverload(at, name, receiver, operands);
      return lists.reduce(joined);
    }
    const results = new Set(fitting.map((signature) => signature.result));
    return results.size === 1 ? typeOf(fitting[0]!.result) : dyn;
  }

  #comprehension(
    fold: {
      iterVar: string;
      accuVar: string;
      iterRange?: Expr;
      accuInit?: Expr;
      loopCondition?: Expr;
      loopStep?: Expr;
      result?: Expr;
    },
    locals: Locals,
  ): CelType {
    const range = this.typeOf(fold.iterRange!, locals);
    if (!isOpen(range) && range.kind !== 'list' && range.kind !== 'map') {
      throw this.#fault(fold.iterRange!, `expression of type '${typeName(range)}' cannot be range of a comprehension`);
    }
    // How CEL settles the type of what is never there differs from one macro to the next.
    if (range.element?.kind === 'free') throw this.#fault(fold.iterRange!, 'a macro over [] is not supported', true);
    const item = (range.kind === 'map' ? range.key : range.element) ?? dyn;
    const accumulator = this.typeOf(fold.accuInit!, locals);
    const inside = new Map(locals).set(fold.accuVar, accumulator).set(fold.iterVar, item);
    this.typeOf(fold.loopCondition!, inside);
    const step = this.typeOf(fold.loopStep!, inside);
    return this.typeOf(fold.result!, new Map(locals).set(fold.accuVar, joined(accumulator, step)));
  }

  #noOverload(at: Expr, name: string, receiver: CelType | undefined, operands: readonly CelType[]): CelFaultError {
    const shown = operands.map(typeName).join(', ');
    const applied = receiver === undefined ? `(${shown})` : `${typeName(receiver)}.(${shown})`;
    return this.#fault(at, `found no matching overload for '${name}' applied to '${applied}'`);
  }

  #fault(at: Expr, message: string, isUnsupported = false): CelFaultError {
    return new CelFaultError({ offset: this.#offset(at), message, isUnsupported });
  }

  #offset(at: Expr): number {
    return this.#scope.positions[String(at.id)] ?? 0;
  }
}
