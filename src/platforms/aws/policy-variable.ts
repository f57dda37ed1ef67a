import type { ConditionContext } from './condition-context.ts';
import { codePoints, globOf, type Glob } from '../../domain/glob.ts';

/** The policy language's versions; variables exist in the newer one only. A document without one is of the older. */
export type PolicyVersion = '2012-10-17' | '2008-10-17';

// `${*}`, `${?}`, `${$}`; or a key, with an optional default in single quotes.
const variable = /\$\{(?:([*?$])|\s*([^{}$,'"*?]+?)\s*(?:,\s*'([^']*)'\s*)?)\}/g;

/**
 * Fills in the policy variables of a value. Characters that come from a variable, and `${*}` and `${?}`, are literal.
 *
 * @returns null when a variable has neither a value nor a default: then the value matches nothing; `unknown` when its
 *   key is one whose value we do not know
 * @see AWS IAM User Guide, "IAM policy elements: Variables and tags"
 */
export function expand(
  value: string,
  context: ConditionContext,
  version: PolicyVersion,
  wildcards: boolean,
): Glob | null | 'unknown' {
  const plain = wildcards ? globOf : codePoints;
  if (version !== '2012-10-17') return plain(value);
  const glob: number[] = [];
  let end = 0;
  for (const match of value.matchAll(variable)) {
    const [whole, sign, key, fallback] = match;
    glob.push(...plain(value.slice(end, match.index)));
    end = match.index + whole.length;
    if (key !== undefined && context.unknown.has(key.toLowerCase())) return 'unknown';
    const filled = sign ?? singleValue(context, key!) ?? fallback;
    if (filled === undefined) return null;
    glob.push(...codePoints(filled));
  }
  return [...glob, ...plain(value.slice(end))];
}

/** Whether every `${` opens a variable that can be read. */
export function hasReadableVariables(value: string): boolean {
  return !value.replaceAll(variable, '').includes('${');
}

function singleValue(context: ConditionContext, key: string): string | undefined {
  const name = key.toLowerCase();
  return context.multiValued.has(name) ? undefined : context.values.get(name)?.[0];
}
