import {
  celEnv,
  celFunc,
  celList,
  celMap,
  celMethod,
  CelScalar,
  isCelError,
  isCelList,
  isCelMap,
  isCelType,
  isCelUint,
  listType,
  mapType,
  parse,
  plan,
  type CelFunc,
  type CelType as LibraryType,
  type CelValue,
} from '@bufbuild/cel';
import type { Expr, SourceInfo } from '@bufbuild/cel-spec/cel/expr/syntax_pb.js';
import { CelFaultError, checkCel } from './check.ts';
import { checkEscapes } from './escapes.ts';
import { celFunctions } from './functions.ts';
import { standardSignatures, type CelKind, type CelSignature } from './types.ts';

/** The longest expression, in characters. Google's conditions end at 4,096. */
const longestExpression = 20_000;
/** How many elements the macros of one evaluation may look at. */
const mostElements = 10_000;

/** A function beyond CEL's standard. Its values are plain: whole numbers are bigint, lists arrays, maps objects. */
export interface CelFunction extends CelSignature {
  /**
   * @param operands the receiver first, where there is one
   * @throws {Error} what makes the evaluation fail
   */
  call(...operands: readonly unknown[]): unknown;
}

/** What an expression can refer to. */
export interface CelOptions {
  readonly variables: readonly string[];
  readonly functions?: readonly CelFunction[];
}

/** A compiled expression. */
export interface CelProgram {
  /** The kind of value that it gives; `dyn` where only the claims can say. */
  readonly result: CelKind;
  /**
   * Never throws.
   *
   * @param bindings a JSON value for each variable; whole numbers become CEL's `int`
   * @returns the value as JSON has it (an int beyond 2^53 as bigint, bytes as Uint8Array), or why there is none
   */
  evaluate(bindings: Readonly<Record<string, unknown>>): { readonly value: unknown } | { readonly error: string };
}

/** An expression that cannot be compiled. */
export class CelError extends Error {
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** Whether the real one may well take it: it is only not modelled here. */
  readonly isUnsupported: boolean;

  constructor(message: string, at: { line: number; column: number; isUnsupported: boolean }) {
    super(message);
    this.name = 'CelError';
    this.line = at.line;
    this.column = at.column;
    this.isUnsupported = at.isUnsupported;
  }
}

/**
 * Compiles an expression in the Common Expression Language, and refuses what Google's implementation refuses before it
 * knows a value: unknown names, and operands whose types can never fit. `matches` is RE2: it takes linear time.
 *
 * Dates and durations, messages, optional members and macros beyond `has`, `all`, `exists`, `exists_one`, `map` and
 * `filter` are not modelled.
 *
 * @throws {CelError}
 * @see https://github.com/google/cel-spec
 */
export function compileCel(expression: string, options: CelOptions): CelProgram {
  if ([...expression].length > longestExpression) {
    throw errorAt(expression, longestExpression, `the expression has more than ${longestExpression} characters`, true);
  }
  const budget = { left: mostElements };
  const tick = (): void => {
    budget.left -= 1;
    if (budget.left < 0) throw new Error(`the expression looks at more than ${mostElements} elements`);
  };
  const functions = options.functions ?? [];
  try {
    checkEscapes(expression);
    const parsed = parsedCel(expression);
    const type = checkCel(parsed.root, {
      text: expression,
      positions: parsed.positions,
      variables: new Set(options.variables),
      signatures: [...standardSignatures, ...functions],
    });
    prepare(parsed.root);
    const run = plan(celEnv({ funcs: [...celFunctions(tick), ...functions.map(libraryFunction)] }), parsed.root);
    return {
      result: type.kind === 'free' ? 'dyn' : type.kind,
      evaluate: (bindings) => {
        budget.left = mostElements;
        return evaluated(run, options.variables, bindings);
      },
    };
  } catch (error) {
    if (error instanceof CelFaultError) {
      throw errorAt(expression, error.fault.offset, error.fault.message, error.fault.isUnsupported);
    }
    if (error instanceof RangeError) throw errorAt(expression, 0, 'the expression is nested too deeply', true);
    throw error;
  }
}

function parsedCel(expression: string): { root: Expr; positions: Readonly<Record<string, number>> } {
  try {
    // A comment without a line feed behind it is CEL, but not this parser's.
    const { expr, sourceInfo } = parse(`${expression}\n`);
    checkMacros(expression, sourceInfo);
    return { root: expr, positions: sourceInfo?.positions ?? {} };
  } catch (error) {
    if (error instanceof CelError || error instanceof RangeError || !(error instanceof Error)) throw error;
    const location = (error as { location?: { start: { offset: number } } }).location;
    const offset = location?.start.offset ?? 0;
    // Optional members (`a.?b`, `a[?0]`, `{?k: v}`) and quoted names (a.`b-c`) are CEL, but not this parser's.
    const isUnsupported = /^(?:\.\s*[?`]|\[\s*\?|\?)/.test(expression.slice(offset));
    const message = error.message.replace(/^<input>:\d+:\d+: /, '');
    throw errorAt(expression, offset, `syntax error: ${message}`, isUnsupported);
  }
}

/** The parser knows one macro more than Google's. */
function checkMacros(expression: string, sourceInfo: SourceInfo | undefined): void {
  for (const [id, { exprKind }] of Object.entries(sourceInfo?.macroCalls ?? {})) {
    if (exprKind.case !== 'callExpr' || exprKind.value.function !== 'existsOne') continue;
    throw errorAt(expression, sourceInfo?.positions[id] ?? 0, 'existsOne is not supported: write exists_one', true);
  }
}

/** @param offset in UTF-16 units, as the parser counts */
function errorAt(expression: string, offset: number, message: string, isUnsupported: boolean): CelError {
  const lines = expression.slice(0, offset).split('\n');
  return new CelError(message, { line: lines.length, column: [...lines.at(-1)!].length + 1, isUnsupported });
}

interface Mutable {
  id: bigint;
  exprKind: { case: string; value: Record<string, unknown> };
}

/**
 * Puts our functions where the library's own ways differ: `has(a.b)`, `a[b]`, `matches(a, b)`, and a count of the elements
 * that a macro looks at. Ids stay.
 */
function prepare(root: Expr): void {
  const pending: Expr[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const mutable = node as unknown as Mutable;
    switch (node.exprKind.case) {
      case 'selectExpr': {
        const { operand, field, testOnly } = node.exprKind.value;
        pending.push(operand!);
        if (testOnly) mutable.exprKind = call('@has', [operand!, text(node.id, field)]);
        break;
      }
      case 'callExpr': {
        const { function: name, target, args } = node.exprKind.value;
        pending.push(...args, ...(target === undefined ? [] : [target]));
        if (name === '_[_]') mutable.exprKind = call('@index', args);
        if (name === 'matches' && target === undefined) mutable.exprKind = call(name, args.slice(1), args[0]);
        break;
      }
      case 'listExpr':
        pending.push(...node.exprKind.value.elements);
        break;
      case 'structExpr':
        for (const entry of node.exprKind.value.entries) {
          pending.push(entry.value!, ...(entry.keyKind.case === 'mapKey' ? [entry.keyKind.value] : []));
        }
        break;
      case 'comprehensionExpr': {
        const fold = node.exprKind.value;
        pending.push(fold.iterRange!, fold.accuInit!, fold.loopCondition!, fold.loopStep!, fold.result!);
        const ticking = expressionOf(node.id, call('@tick', []));
        fold.loopCondition = expressionOf(node.id, call('_&&_', [ticking, fold.loopCondition!]));
        break;
      }
    }
  }
}

function call(name: string, args: readonly Expr[], target?: Expr): Mutable['exprKind'] {
  return { case: 'callExpr', value: { $typeName: 'cel.expr.Expr.Call', function: name, target, args } };
}

function text(id: bigint, value: string): Expr {
  const constantKind = { case: 'stringValue', value };
  return expressionOf(id, { case: 'constExpr', value: { $typeName: 'cel.expr.Constant', constantKind } });
}

function expressionOf(id: bigint, exprKind: Mutable['exprKind']): Expr {
  return { $typeName: 'cel.expr.Expr', id, exprKind } as unknown as Expr;
}

function evaluated(
  run: ReturnType<typeof plan>,
  variables: readonly string[],
  bindings: Readonly<Record<string, unknown>>,
): { readonly value: unknown } | { readonly error: string } {
  try {
    const given = Object.create(null) as Record<string, CelValue>;
    for (const name of variables) given[name] = toCel(Object.hasOwn(bindings, name) ? bindings[name] : undefined);
    const result = run(given);
    return isCelError(result) ? { error: result.message } : { value: fromCel(result, false) };
  } catch (error) {
    // Values nested deeper than the stack, texts longer than the engine allows.
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function toCel(value: unknown): CelValue {
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    case 'string':
      return value.toWellFormed();
    case 'boolean':
    case 'bigint':
      return value;
    case 'object':
      if (value === null || value instanceof Uint8Array) return value;
      if (Array.isArray(value)) return celList(value.map(toCel));
      return celMap(new Map(Object.entries(value).map(([key, member]) => [key.toWellFormed(), toCel(member)])));
    default:
      throw new TypeError('a variable of the expression has no value');
  }
}

/** @param keepsInts whether whole numbers stay bigint, so that they can be told from doubles */
function fromCel(value: CelValue, keepsInts: boolean): unknown {
  if (typeof value === 'bigint') {
    return !keepsInts && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  if (isCelUint(value)) return fromCel(value.value, keepsInts);
  if (isCelList(value)) return [...value].map((member) => fromCel(member, keepsInts));
  if (isCelMap(value)) {
    return Object.fromEntries(
      [...value].map(([key, member]) => [String(isCelUint(key) ? key.value : key), fromCel(member, keepsInts)]),
    );
  }
  return isCelType(value) ? value.name : value;
}

function libraryFunction(own: CelFunction): CelFunc {
  const types = own.arguments.map(libraryType);
  const run = (operands: readonly CelValue[]): CelValue =>
    toCel(own.call(...operands.map((operand) => fromCel(operand, true))));
  if (own.receiver === undefined)
    return celFunc(own.name, types, libraryType(own.result), (...operands) => run(operands));
  return celMethod(own.name, libraryType(own.receiver), types, libraryType(own.result), function method(...operands) {
    return run([this, ...operands]);
  });
}

function libraryType(kind: CelKind): LibraryType {
  if (kind === 'list') return listType(CelScalar.DYN);
  if (kind === 'map') return mapType(CelScalar.DYN, CelScalar.DYN);
  return Object.values(CelScalar).find((scalar) => scalar.name === kind)!;
}
