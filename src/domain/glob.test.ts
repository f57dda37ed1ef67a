import { assert as check, constantFrom, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fits } from './glob.ts';

/** The definition, word by word: slow, but plainly right. */
function naive(pattern: readonly string[], value: readonly string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return value.length === 0;
  if (head === '*') return naive(rest, value) || (value.length > 0 && naive(pattern, value.slice(1)));
  return value.length > 0 && (head === '?' || head === value[0]) && naive(rest, value.slice(1));
}

const text = (maxLength: number) => string({ unit: constantFrom('a', 'b', ':', '*', '?', '\u{1F511}'), maxLength });

describe('fits', () => {
  it('agrees with a naive matcher', () => {
    check(
      property(text(8), text(8), (pattern, value) => {
        expect(fits(pattern, value)).toBe(naive([...pattern], [...value]));
      }),
      { numRuns: 3000 },
    );
  });

  it('lets a value without wildcards fit itself', () => {
    check(
      property(string(), (value) => {
        const plain = value.replace(/[*?]/g, '');
        expect(fits(plain, plain)).toBe(true);
      }),
    );
  });

  it.each([
    ['', 'a'],
    ['a', ''],
    ['?', ''],
    ['?', 'ab'],
    ['a*c', 'ab'],
    ['*a?', 'ba'],
    ['a', 'A'],
    ['é', 'e\u0301'],
    ['a.c', 'abc'],
    ['[a]', 'a'],
    ['payments-*', 'payments'],
    ['payments-*', 'my-payments-prod'],
    ['*prod', 'payments-prod2'],
    ['p?d', 'pd'],
  ])('%j does not fit %j', (pattern, value) => expect(fits(pattern, value)).toBe(false));

  it.each([
    ['', ''],
    ['*', ''],
    ['payments-*', 'payments-prod'],
    ['payments-*', 'payments-'],
    ['p?d', 'pod'],
  ])('%j fits %j', (pattern, value) => expect(fits(pattern, value)).toBe(true));

  it('takes a character outside the basic plane as one', () => expect(fits('?', '\u{1F511}')).toBe(true));

  it('does not blow up on many stars', () => {
    const started = performance.now();
    expect(fits(`${'*a'.repeat(500)}b`, 'a'.repeat(5000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
