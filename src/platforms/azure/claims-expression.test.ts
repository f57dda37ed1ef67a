import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clauseHolds, readClaimsExpression, type Clause } from './claims-expression.ts';

const write = (clauses: readonly Clause[]): string =>
  clauses
    .map(({ claim, operator, text }) => `claims['${claim}'] ${operator} '${text.replaceAll("'", "''")}'`)
    .join(' and ');

const clause = fc.record<Clause>({
  claim: fc.stringMatching(/^[A-Za-z0-9_.:/-]{1,20}$/),
  operator: fc.constantFrom('eq', 'matches'),
  text: fc.string({ unit: 'grapheme' }),
});

/** The plainest matcher there is: tries everything. */
function naive(pattern: readonly string[], value: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return value.length === 0;
  if (first === '*') return naive(rest, value) || (value.length > 0 && naive(pattern, value.slice(1)));
  return value.length > 0 && (first === '?' || first === value[0]) && naive(rest, value.slice(1));
}

describe('reading an expression', () => {
  it('reads what the grammar writes, whatever the texts hold', () => {
    fc.assert(
      fc.property(fc.array(clause, { minLength: 1, maxLength: 5 }), (clauses) => {
        expect(readClaimsExpression(write(clauses))).toEqual({ ok: true, clauses });
      }),
    );
  });

  it('refuses anything that does not read back as itself', () => {
    fc.assert(
      fc.property(fc.string(), clause, fc.nat(), (noise, one, at) => {
        const text = write([one]);
        const place = at % (text.length + 1);
        for (const candidate of [noise, text.slice(0, place), text.slice(0, place) + noise + text.slice(place)]) {
          const read = readClaimsExpression(candidate);
          const isSound = read.ok ? write(read.clauses) === candidate : read.at <= candidate.length + 1;
          expect(isSound).toBe(true);
        }
      }),
    );
  });

  it.each([
    ['', 1],
    ["claims[sub] == 'x'", 1],
    ["claims['sub'] == 'x'", 14],
    ["claims['sub']  eq 'x'", 14],
    ["claims['sub'] EQ 'x'", 14],
    ["claims['sub'] startswith 'x'", 14],
    ['claims[\'sub\'] eq "x"', 18],
    ["claims['sub'] eq 'x", 18],
    ["claims['sub'] eq 'it's'", 22],
    ["claims['sub'] eq 'x' or claims['sub'] eq 'y'", 21],
    ["claims['sub'] eq 'x' and ", 26],
    ["(claims['sub'] eq 'x')", 1],
    ["not claims['sub'] eq 'x'", 1],
    [" claims['sub'] eq 'x'", 1],
    ["claims['sub'] eq 'x' ", 21],
    ["claims[''] eq 'x'", 1],
  ])('refuses %s at %i', (text, at) => {
    expect(readClaimsExpression(text)).toMatchObject({ ok: false, at });
  });
});

describe('matching a claim', () => {
  it('matches as a naive matcher does, and compares exactly with eq', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', ':', '*', '?', '𝒳'), { maxLength: 8 });
    fc.assert(
      fc.property(letters, letters, (pattern, value) => {
        const [text, given] = [pattern.join(''), value.join('')];
        expect(clauseHolds({ claim: 'sub', operator: 'matches', text }, { sub: given })).toBe(naive(pattern, value));
        expect(clauseHolds({ claim: 'sub', operator: 'eq', text }, { sub: given })).toBe(text === given);
      }),
    );
  });

  it('is quick for patterns that make naive matchers slow', () => {
    const text = `${'*a'.repeat(200)}b`;
    expect(clauseHolds({ claim: 'sub', operator: 'matches', text }, { sub: 'a'.repeat(600) })).toBe(false);
  });

  it('takes a missing claim for no match, and a claim that is no text for a fault', () => {
    const one: Clause = { claim: 'sub', operator: 'matches', text: '*' };
    expect(clauseHolds(one, {})).toBe(false);
    expect(clauseHolds(one, { sub: null })).toBe(false);
    expect(clauseHolds({ ...one, claim: 'constructor' }, {})).toBe(false);
    expect(clauseHolds(one, { sub: ['x'] })).toBe(null);
    expect(clauseHolds(one, { sub: 1 })).toBe(null);
  });
});
