import type { JsonObject } from '../../domain/json.ts';
import { fits } from '../../domain/glob.ts';
import { quoted } from '../../domain/printable.ts';

/** One comparison of an expression: `claims['sub'] eq 'TEXT'`. */
export interface Clause {
  readonly claim: string;
  /** `eq`: the same characters. `matches`: the whole value, `*` for any run and `?` for one character. */
  readonly operator: 'eq' | 'matches';
  readonly text: string;
}

/** An expression taken apart, or why it cannot be. */
export type ExpressionRead =
  | { readonly ok: true; readonly clauses: readonly Clause[] }
  /** `at` counts from 1. */
  | { readonly ok: false; readonly at: number; readonly why: string };

const claim = /claims\['([^'[\]\p{Cc}]+)'\]/uy;
const operator = / (eq|matches) /y;
const text = /'((?:[^']|'')*)'/y;
const and = / and /y;

/**
 * Reads an expression of a flexible federated credential, version 1 of the language: clauses joined with `and`; a quote
 * within a text is doubled; single blanks between the parts; no `or`, `not` or parentheses. Pure; steps grow with length.
 *
 * @see Microsoft Entra, "Flexible federated identity credentials", expression language
 */
export function readClaimsExpression(expression: string): ExpressionRead {
  const clauses: Clause[] = [];
  let offset = 0;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = offset;
    const found = pattern.exec(expression);
    if (found === null) return null;
    offset += found[0].length;
    return found[1] ?? '';
  };
  const refuse = (wanted: string): ExpressionRead => {
    const rest = expression.slice(offset);
    const found = rest === '' ? 'it ends' : `${quoted(rest.slice(0, 20))} stands`;
    return { ok: false, at: offset + 1, why: `${found} where ${wanted} should be` };
  };
  for (;;) {
    const name = take(claim);
    if (name === null) return refuse("claims['NAME']");
    const how = take(operator);
    if (how === null) return refuse('" eq " or " matches "');
    const value = take(text);
    if (value === null) return refuse('a text in single quotes');
    clauses.push({ claim: name, operator: how as Clause['operator'], text: value.replaceAll("''", "'") });
    if (offset === expression.length) return { ok: true, clauses };
    if (take(and) === null) return refuse('" and " or the end');
  }
}

/** Whether a claim fits; null when it has a value that is no text, on which Entra's comparison fails. */
export function clauseHolds(clause: Clause, claims: JsonObject): boolean | null {
  const value = Object.hasOwn(claims, clause.claim) ? claims[clause.claim] : undefined;
  if (value === undefined || value === null) return false;
  if (typeof value !== 'string') return null;
  return clause.operator === 'eq' ? value === clause.text : fits(clause.text, value);
}
