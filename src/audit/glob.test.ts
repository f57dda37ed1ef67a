import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatches, globOrPart } from './glob.ts';

describe('globMatches', () => {
  it.each([
    ['payments-*', 'payments-prod', true],
    ['payments-*', 'payments-', true],
    ['payments-*', 'payments', false],
    ['payments-*', 'my-payments-prod', false],
    ['*prod', 'payments-prod2', false],
    ['p?d', 'pod', true],
    ['p?d', 'pd', false],
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['a.c', 'abc', false],
  ])('%j against %j is %s', (pattern, text, expected) => {
    expect(globMatches(pattern, text)).toBe(expected);
  });

  it('agrees with a regular expression', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
    fc.assert(
      fc.property(letters, text, (pattern, subject) => {
        const regular = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(globMatches(pattern, subject)).toBe(regular.test(subject));
      }),
      { numRuns: 2000 },
    );
  });

  it('is not hung by many stars', () => {
    expect(globMatches(`${'a*'.repeat(40)}b`, 'a'.repeat(5000))).toBe(false);
  });
});

describe('globOrPart', () => {
  it.each([
    ['plan', 'arn:aws:iam::111122223333:role/plan', true],
    ['*/plan', 'arn:aws:iam::111122223333:role/plan', true],
    ['role/pl?n', 'arn:aws:iam::111122223333:role/plan', false],
    ['apply', 'arn:aws:iam::111122223333:role/plan', false],
  ])('%j in %j is %s', (pattern, text, expected) => {
    expect(globOrPart(pattern, text)).toBe(expected);
  });
});
