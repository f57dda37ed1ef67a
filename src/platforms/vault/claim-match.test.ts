import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../test/support/any-text.ts';
import type { Json } from '../../domain/json.ts';
import { Digits, fitsVaultGlob, pointedAt, seenClaim } from './claim-match.ts';

/** The plainest matcher there is: a `*` takes nothing, or one character and then more. */
function naive(pattern: readonly string[], value: readonly string[]): boolean {
  const [wanted, ...rest] = pattern;
  if (wanted === undefined) return value.length === 0;
  if (wanted === '*') return naive(rest, value) || (value.length > 0 && naive(pattern, value.slice(1)));
  return wanted === value[0] && naive(rest, value.slice(1));
}

describe('globs of roles', () => {
  it.each([
    ['organization:acme:*', 'organization:acme:project:net', true],
    ['organization:acme:*', 'organization:acme-evil:project:net', false],
    ['organization:acme:project:Default?Project:*', 'organization:acme:project:Default Project:x', false],
    ['[a]', 'a', false],
    ['[a]', '[a]', true],
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['a*b', 'a', false],
    ['a*b', 'ab', true],
    ['a*bc', 'a', false],
    ['A*', 'ab', false],
    ['e\u0301*', 'é', false],
  ])('%j against %j: %s', (pattern, value, fits) => {
    expect(fitsVaultGlob(pattern, value)).toBe(fits);
  });

  it('fit what a naive matcher fits', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '*', '?', '😀'), { maxLength: 8 });
    fc.assert(
      fc.property(letters, letters, (pattern, value) => {
        expect(fitsVaultGlob(pattern.join(''), value.join(''))).toBe(naive(pattern, value));
      }),
    );
  });

  it('without a star are equality', () => {
    fc.assert(
      fc.property(anyText(), anyText(), (pattern, value) => {
        fc.pre(!pattern.includes('*'));
        expect(fitsVaultGlob(pattern, value)).toBe(pattern === value);
        expect(fitsVaultGlob(pattern, pattern)).toBe(true);
      }),
    );
  });
});

describe('JSON pointers of roles', () => {
  const deep = { deep: { 'a/b': 1, 'm~n': 2, list: ['x', { y: 'z' }], '': 'empty' } };

  it.each<[string, Json | undefined]>([
    ['/deep/a~1b', 1],
    ['/deep/m~0n', 2],
    ['/deep/list/0', 'x'],
    ['/deep/list/01', { y: 'z' }],
    ['/deep/list/0x1', { y: 'z' }],
    ['/deep/list/', 'x'],
    ['/deep/list/-1', undefined],
    ['/deep/list/2', undefined],
    ['/deep/list/08', undefined],
    ['/deep/list/1/y', 'z'],
    ['/deep/', 'empty'],
    ['/deep/constructor', undefined],
    ['/deep/list/length', undefined],
    ['/deep/a~1b/x', undefined],
    ['/none/at/all', undefined],
  ])('%s', (pointer, value) => {
    expect(pointedAt(deep, pointer)).toEqual(value);
  });

  it('find any member by its escaped name', () => {
    fc.assert(
      fc.property(
        fc.array(anyText({ maxLength: 4 }), { minLength: 1, maxLength: 4 }),
        fc.jsonValue(),
        (names, leaf) => {
          const claims = names.reduceRight<unknown>((inner, name) => Object.fromEntries([[name, inner]]), leaf);
          const pointer = names.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
          expect(pointedAt(claims as never, pointer)).toBe(leaf);
        },
      ),
    );
  });

  it('never find what JSON did not bring', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        expect(pointedAt({ list: [] }, `/list/${text}`)).toBeUndefined();
      }),
    );
  });
});

describe('claims as roles see them', () => {
  it('makes one audience a list', () => {
    expect(seenClaim({ aud: 'a' }, 'aud')).toEqual(['a']);
    expect(seenClaim({ aud: 'a' }, '/aud')).toBe('a');
  });

  it.each([
    [12, '12'],
    [1.9, '1'],
    [-1.9, '-1'],
    [1e21, '-9223372036854775808'],
    [9_007_199_254_740_992, '9007199254740992'],
  ])('cuts %d to %s', (value, digits) => {
    expect(seenClaim({ level: value }, 'level')).toEqual(new Digits(digits));
  });

  it('takes null for absence, and nothing from the prototype', () => {
    expect(seenClaim({ level: null }, 'level')).toBeUndefined();
    expect(seenClaim({}, 'constructor')).toBeUndefined();
    expect(seenClaim({}, '__proto__')).toBeUndefined();
  });
});
