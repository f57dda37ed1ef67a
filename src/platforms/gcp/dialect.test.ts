import { array, assert as check, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGcp, extract } from './dialect.ts';

describe('extract', () => {
  it.each([
    ['organization:acme:workspace:web:run_phase:plan', 'workspace:{w}:run_phase', 'web'],
    ['organization:acme:workspace:web:run_phase:plan', 'stack:{s}:', ''],
    ['a/b/c', '{x}/', 'a'],
    ['a/b/c', '/{x}', 'b/c'],
    ['a/b/c', '{x}', 'a/b/c'],
    ['a/b/c', '/{x}/', 'b'],
    ['a//c', '/{x}/', ''],
    ['a/b', '/{x}/', ''],
    ['', '{x}', ''],
    ['aXbXc', 'X{x}X', 'b'],
    ['web', 'we{x}b', ''],
  ])('%j by %j is %j', (text, template, expected) => {
    expect(extract(text, template)).toBe(expected);
  });

  it.each(['', 'x', '{', '}', '}{', '{a}{b}', '{a}b{c}', '{{a}}'])('%j is no template', (template) => {
    expect(() => extract('x', template)).toThrow(/one \{name\}/);
  });

  it('does what a walk over every place does', () => {
    const text = array(constantFrom('a', 'b', ':'), { maxLength: 12 }).map((letters) => letters.join(''));
    const part = array(constantFrom('a', 'b', ':'), { maxLength: 2 }).map((letters) => letters.join(''));
    check(
      property(text, part, part, (whole, prefix, suffix) => {
        expect(extract(whole, `${prefix}{x}${suffix}`)).toBe(slowly(whole, prefix, suffix));
      }),
    );
  });
});

/** The rule once more, by trying every place. */
function slowly(whole: string, prefix: string, suffix: string): string {
  for (let start = 0; start + prefix.length <= whole.length; start += 1) {
    if (!whole.startsWith(prefix, start)) continue;
    const from = start + prefix.length;
    if (suffix === '') return whole.slice(from);
    for (let end = from; end <= whole.length; end += 1)
      if (whole.startsWith(suffix, end)) return whole.slice(from, end);
    return '';
  }
  return '';
}

function value(text: string): unknown {
  return compileGcp(text, ['assertion']).program?.evaluate({ assertion: { l: ['a', 1] } });
}

describe('functions', () => {
  it.each([
    ["'a:b'.split(':')", { value: ['a', 'b'] }],
    ["'ab'.split('')", { value: ['a', 'b'] }],
    ["['a', 'b'].join('-')", { value: 'a-b' }],
  ])('%s', (text, expected) => {
    expect(value(text)).toStrictEqual(expected);
  });

  it.each(["assertion.l.join('')", "'x'.extract('x') == ''"])('%s fails', (text) => {
    expect(value(text)).toHaveProperty('error');
  });

  it.each(["'X'.lowerAscii() == 'x'", "timestamp('2026-01-01T00:00:00Z')"])('%s is not modelled', (text) => {
    expect(compileGcp(text, [])).toMatchObject({ program: null, notModelled: expect.any(String) });
  });

  it.each(["'X'.nope()", '1.extract("{x}")', "'x'.split()"])('%s is refused', (text) => {
    expect(() => compileGcp(text, [])).toThrow(/undeclared reference|no matching overload/);
  });
});
