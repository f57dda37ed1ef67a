import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { printable, quoted } from './printable.ts';

describe('printable text', () => {
  it.each([
    ['a\nb', String.raw`a\u{a}b`],
    ['\u001b[31mred', String.raw`\u{1b}[31mred`],
    ['left\u202eright', String.raw`left\u{202e}right`],
    ['one\u2028two', String.raw`one\u{2028}two`],
    ['größe → 3', 'größe → 3'],
  ])('of %j is %j', (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  it('has one line, whatever came in', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
      }),
    );
  });
});

describe('a quoted name', () => {
  it('is one line of printable ASCII', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        expect(quoted(text)).toMatch(/^"[\x20-\x7e]*"$/);
      }),
    );
  });
});
