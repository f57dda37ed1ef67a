import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../domain/json.ts';
import { compileExpression, ExpressionFault, textsOf } from './index.ts';

interface Case {
  readonly expression: string;
  /** What the API server made of it: one of the three. */
  readonly refused?: string;
  readonly failure?: string;
  readonly groups?: readonly string[];
}

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../../test/vectors/kubernetes-cel.json'), 'utf8'),
) as { claims: JsonObject; cases: readonly Case[] };

/** Left out: names of Go's types, and what the two parsers say of a syntax error. */
function words(text: string): string {
  return text
    .replace(/^compilation failed: ERROR: <input>:\d+:\d+: /, '')
    .replace(/^program instantiation failed: /, '')
    .replace(/^Syntax error.*/, 'Syntax error')
    .replace(/no such overload: .*/, 'no such overload')
    .replace(/got '.*', expected/, 'expected')
    .replace(/error parsing regexp: .*/, 'error parsing regexp');
}

function ours(expression: string): Case | 'unknown' {
  try {
    const outcome = compileExpression(expression, 'claims', 'anything').evaluate(vectors.claims);
    if (outcome.kind === 'unknown') return 'unknown';
    if (outcome.kind === 'failure') return { expression, failure: words(outcome.message) };
    const groups = textsOf(outcome.value);
    return groups === null
      ? { expression, failure: 'expression must return a string or a list of strings' }
      : { expression, groups };
  } catch (error) {
    if (!(error instanceof ExpressionFault)) throw error;
    return { expression, refused: words(error.message) };
  }
}

/** Known to the API server, not modelled here: then nothing is said. */
const unmodelled = /findAll|\.sum\(|format\(|exists\(i, v|\[\?claims|claims\.exists|existsOne/;

describe('expressions', () => {
  it.each(vectors.cases.map((one) => [one.expression, one] as const))(
    '%s is what the API server makes of it',
    (_, one) => {
      const own = ours(one.expression);
      expect(own).toEqual(unmodelled.test(one.expression) ? 'unknown' : one);
    },
  );

  it('makes something of any text, and never throws anything else', () => {
    const pieces = fc.constantFrom(
      'claims',
      '.',
      '?',
      'x',
      '[',
      ']',
      '(',
      ')',
      "'a'",
      '"',
      '+',
      '==',
      '&&',
      ' ',
      '1',
      '//',
      ',',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 12 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (expression) => {
        expect(ours(expression)).toBeDefined();
      }),
    );
  });

  it('wants a bool of a rule, in the words of the API server', () => {
    expect(() => compileExpression('claims.flag', 'claims', 'bool')).toThrow('must evaluate to bool');
    expect(() => compileExpression('user.nope == 1', 'user', 'bool')).toThrow("undefined field 'nope'");
    expect(compileExpression('claims.flag == true', 'claims', 'bool').evaluate({ flag: true })).toEqual({
      kind: 'value',
      value: true,
    });
  });

  it('reads claims whose names cannot stand in an expression', () => {
    const claims = { 'example.com/team': 'a', in: 'b', 'x-y': 'c' };
    const value = (text: string) => compileExpression(text, 'claims', 'anything').evaluate(claims);
    expect(value('claims.example__dot__com__slash__team')).toEqual({ kind: 'value', value: 'a' });
    expect(value('claims.__in__')).toEqual({ kind: 'value', value: 'b' });
    expect(value('claims.x__dash__y')).toEqual({ kind: 'value', value: 'c' });
  });

  it('does not follow a pattern into exponential time, nor a text that doubles', () => {
    const claims = { long: 'a'.repeat(50_000) };
    const run = (text: string) => compileExpression(text, 'claims', 'anything').evaluate(claims).kind;
    expect(run("claims.long.matches('(a+)+$b')")).toBe('value');
    expect(run(`claims.long${'.replace("a", "aaaaaaaaaa")'.repeat(6)}`)).toBe('unknown');
  });
});
