import type { JsonObject } from '../../../domain/json.ts';
import { checkCel } from './check.ts';
import { CelFailure, CelFault } from './fault.ts';
import { evaluateCel } from './evaluate.ts';
import { parseCel, type Node } from './syntax.ts';
import { claimsType, userType, type CelType } from './types.ts';
import { claimsValue, Fields, isList, JsonMap, TextList, type Value } from './values.ts';

/** What an authenticator's user is, as expressions and RBAC see it. */
export interface KubernetesUser {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** What an expression gives for one token. */
export type CelOutcome =
  | { readonly kind: 'value'; readonly value: Value }
  /** The API server's words. */
  | { readonly kind: 'failure'; readonly message: string }
  /** The API server may have a value; we cannot say which. */
  | { readonly kind: 'unknown'; readonly message: string };

/** A compiled expression of an authentication configuration. Pure. */
export interface KubernetesExpression {
  readonly text: string;
  /** Whether it names this member of the variable: `claims.email`. */
  mentions(field: string): boolean;
  evaluate(input: JsonObject | KubernetesUser): CelOutcome;
}

/** An expression at which the API server would not start. */
export class ExpressionFault extends Error {
  /** From the expression's start, in UTF-16 code units. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'ExpressionFault';
    this.offset = offset;
  }
}

const kinds = {
  claims: { type: claimsType, read: (input: JsonObject | KubernetesUser) => claimsValue(input as JsonObject) },
  user: { type: userType, read: (input: JsonObject | KubernetesUser) => userValue(input as KubernetesUser) },
} as const;

const longestExpression = 100_000;

/**
 * Compiles an expression as the API server does at its start, with its type checks. What is CEL to the API server but not
 * modelled here compiles, and then evaluates to `unknown`.
 *
 * @param wanted `bool` for rules; mappings may give anything
 * @throws {ExpressionFault} in the API server's words
 * @see Kubernetes docs, "Common Expression Language in Kubernetes"
 */
export function compileExpression(
  text: string,
  variable: 'claims' | 'user',
  wanted: 'bool' | 'anything',
): KubernetesExpression {
  const { type, read } = kinds[variable];
  const unknown = (what: string): KubernetesExpression => ({
    text,
    mentions: (field) => text.includes(`${variable}.${field}`),
    evaluate: () => ({ kind: 'unknown', message: what }),
  });
  if (text.length > longestExpression) return unknown('so long an expression is not modelled here');
  const at = (offset: number): string => {
    const before = text.slice(0, offset).split('\n');
    return `<input>:${before.length}:${[...before.at(-1)!].length + 1}`;
  };
  try {
    const expression = parseCel(text);
    const checked = checkCel(expression, new Map<string, CelType>([[variable, type]]));
    if (checked.unmodelled.length > 0) return unknown(`the function ${checked.unmodelled[0]} is not modelled here`);
    if (wanted === 'bool' && checked.type.kind !== 'bool') throw new ExpressionFault('must evaluate to bool', 0);
    convertConstants(expression);
    return {
      text,
      mentions: (field) => mentions(expression, variable, field),
      evaluate: (input) => outcome(() => evaluateCel(expression, new Map([[variable, read(input)]]))),
    };
  } catch (error) {
    if (!(error instanceof CelFault)) throw error;
    if (error.isUnmodelled) return unknown(error.message);
    throw new ExpressionFault(`compilation failed: ERROR: ${at(error.offset)}: ${error.message}`, error.offset);
  }
}

/**
 * A text or a list of texts, as groups and extra values are read; null is none, and empty texts are left out.
 *
 * @returns null for any other value, and for a list that came straight from `split` or `findAll`: the API server reads
 *   those as something else
 */
export function textsOf(value: Value): readonly string[] | null {
  if (value === null) return [];
  const list = typeof value === 'string' ? [value] : isList(value) && !(value instanceof TextList) ? value : null;
  if (list === null || !list.every((one) => typeof one === 'string')) return null;
  return list.filter((one) => one !== '');
}

function outcome(evaluate: () => Value): CelOutcome {
  try {
    return { kind: 'value', value: evaluate() };
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'unknown', message: 'so deep an expression is not modelled here' };
    if (!(error instanceof CelFailure)) throw error;
    return { kind: error.isUnmodelled ? 'unknown' : 'failure', message: error.message };
  }
}

const conversions: ReadonlySet<string> = new Set(['bool', 'bytes', 'double', 'int', 'string', 'uint']);

/** Conversions of constants are done when the API server starts. */
function convertConstants(node: Node): void {
  for (const child of childrenOf(node)) convertConstants(child);
  if (node.kind !== 'call' || !conversions.has(node.name) || node.args[0]?.kind !== 'constant') return;
  const result = outcome(() => evaluateCel(node, new Map()));
  if (result.kind === 'failure') throw new ExpressionFault(`program instantiation failed: ${result.message}`, node.at);
}

function mentions(node: Node, variable: string, field: string): boolean {
  const isIt =
    node.kind === 'select' &&
    node.operand.kind === 'identifier' &&
    node.operand.name === variable &&
    node.field === field;
  return isIt || childrenOf(node).some((child) => mentions(child, variable, field));
}

function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'constant':
    case 'identifier':
      return [];
    case 'select':
      return [node.operand];
    case 'list':
      return node.elements;
    case 'map':
      return node.entries.flat();
    case 'call':
      return node.target === null ? node.args : [node.target, ...node.args];
    case 'fold':
      return [node.range, node.initial, node.condition, node.step, node.result];
    case 'optionalMap':
      return [node.target, node.body];
  }
}

function userValue({ username, uid, groups, extra }: KubernetesUser): Fields {
  return new Fields(
    new Map<string, Value>([
      ['username', username],
      ['uid', uid],
      ['groups', groups],
      ['extra', new JsonMap(Object.entries(extra))],
    ]),
  );
}
