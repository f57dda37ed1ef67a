import { assert as check, jsonValue, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../../test/support/any-text.ts';
import { CelError, compileCel, type CelFunction } from './index.ts';

const claims = {
  sub: 'organization:acme:project:Default Project:workspace:web:run_phase:plan',
  exp: 1_700_000_000,
  ratio: 1.5,
  groups: ['a', 'b'],
  nested: { none: null, deep: { x: 'y' } },
  nothing: null,
};

function value(expression: string, functions: readonly CelFunction[] = []): unknown {
  return compileCel(expression, { variables: ['assertion'], functions }).evaluate({ assertion: claims });
}

function fault(expression: string): CelError {
  try {
    compileCel(expression, { variables: ['assertion'] });
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
  throw new Error(`compiled: ${expression}`);
}

function outcome(text: string): string {
  try {
    compileCel(text, { variables: ['assertion'] }).evaluate({ assertion: claims });
    return 'compiled';
  } catch (error) {
    return error instanceof CelError ? 'refused' : String(error);
  }
}

describe('values', () => {
  it.each<[string, unknown]>([
    ["assertion.sub.startsWith('organization:acme:')", true],
    ["assertion.sub.matches('organization:acm')", true],
    ["assertion.sub.matches('^organization:acm$')", false],
    ["matches(assertion.sub, 'plan$')", true],
    ["assertion['sub'].endsWith(':apply')", false],
    ['assertion.exp == 1700000000', true],
    ['assertion.exp - 100', 1_699_999_900],
    ['assertion.ratio > 1', true],
    ['has(assertion.nested.none)', true],
    ["'none' in assertion.nested", true],
    ['has(assertion.other)', false],
    ['assertion.nothing == null', true],
    ["assertion.groups.exists(g, g == 'b')", true],
    ["assertion.groups.all(g, g == 'b')", false],
    ["assertion.groups.exists_one(g, g == 'b')", true],
    ['assertion.groups.map(g, g + g)', ['aa', 'bb']],
    ["assertion.groups.filter(g, g != 'a')", ['b']],
    ["{'plan': 'read', 'apply': 'write'}['plan']", 'read'],
    ["assertion.other == 'x' || true", true],
    ["false && assertion.other == 'x'", false],
    ['size("é😀")', 2],
    ["'\\uFFFF' < '😀'", true],
    ['type(assertion.exp) == int', true],
    ['string(1e21)', '1e+21'],
    ['string(1.5)', '1.5'],
    ['has(assertion.sub.x)', false],
    ['true // a comment', true],
    ['9007199254740993', 9_007_199_254_740_993n],
  ])('%s', (expression, expected) => {
    expect(value(expression)).toStrictEqual({ value: expected });
  });
});

describe('what fails when it is evaluated', () => {
  it.each([
    'assertion.other',
    "assertion.other == 'x'",
    "assertion.other == 'x' || false",
    'has(assertion.groups.x)',
    '!has(assertion.groups.x)',
    'assertion.groups[2]',
    'assertion.groups[true]',
    'assertion.groups["0"]',
    'assertion.sub + 1',
    'assertion.sub < 1',
    'assertion.exp / 0',
    '9223372036854775807 + assertion.exp',
    "assertion.sub.matches('(')",
    "int('0x10')",
    "int('')",
    'assertion.sub && true',
    'assertion.sub.all(x, true)',
  ])('%s', (expression) => {
    expect(value(expression)).toStrictEqual({ error: expect.any(String) });
  });

  it('a variable without a value', () => {
    expect(compileCel('true', { variables: ['x'] }).evaluate({})).toHaveProperty('error');
  });
});

describe('what does not compile', () => {
  it.each<[string, number, number, RegExp]>([
    ['', 1, 1, /syntax error/],
    ['assertion.sub ==', 1, 15, /syntax error/],
    ['true &&\n  ?', 1, 6, /syntax error/],
    ['other', 1, 1, /undeclared reference to 'other'/],
    ["'😀' == other", 1, 8, /undeclared reference to 'other'/],
    ['true &&\n  other == 1', 2, 3, /undeclared reference to 'other'/],
    ['constructor', 1, 1, /undeclared/],
    ['assertion.sub.nope()', 1, 14, /undeclared reference to 'nope'/],
    ["1 == 'a'", 1, 2, /no matching overload/],
    ["size(1) == 'a'", 1, 1, /no matching overload/],
    ["'a' in [1]", 1, 4, /no matching overload/],
    ['assertion.sub.startsWith(1)', 1, 14, /no matching overload/],
    ["assertion.sub.startsWith('a', 'b')", 1, 14, /no matching overload/],
    ['has(assertion)', 1, 1, /undeclared/],
    ['1.all(x, true)', 1, 1, /range of a comprehension/],
    ['"a".b', 1, 4, /field selection/],
    ['9223372036854775808', 1, 1, /invalid int literal/],
    ["assertion.sub == 'a\\.b'", 1, 20, /invalid escape/],
  ])('%j', (expression, line, column, message) => {
    const error = fault(expression);
    expect(error).toMatchObject({ line, column, isUnsupported: false });
    expect(error.message).toMatch(message);
  });

  it.each([
    '[].all(x, true)',
    'assertion.groups.existsOne(g, true)',
    "timestamp('2026-01-01T00:00:00Z')",
    'assertion.?sub',
    'assertion[?"x"]',
    'google.protobuf.Duration{}',
  ])('%s is CEL, but not modelled', (expression) => {
    expect(fault(expression).isUnsupported).toBe(true);
  });

  it('what is nested too deeply', () => {
    expect(fault(`${'('.repeat(5000)}true${')'.repeat(5000)}`).isUnsupported).toBe(true);
  });
});

describe('functions of a platform', () => {
  const half: CelFunction = {
    name: 'half',
    receiver: 'int',
    arguments: [],
    result: 'int',
    call: (whole) => {
      if (typeof whole !== 'bigint' || whole % 2n !== 0n) throw new Error('odd');
      return whole / 2n;
    },
  };

  it('give a value, or an error', () => {
    expect(value('assertion.exp.half()', [half])).toStrictEqual({ value: 850_000_000 });
    expect(value('3.half() == 1 || false', [half])).toStrictEqual({ error: 'odd' });
  });

  it('are checked like the others', () => {
    expect(() => value("'x'.half()", [half])).toThrow(/no matching overload/);
    expect(value('assertion.sub.half()', [half])).toHaveProperty('error');
  });
});

describe('limits', () => {
  it('macros look at so many elements only', () => {
    const program = compileCel('l.all(a, l.all(b, l.all(c, a != b || b != c || true)))', { variables: ['l'] });
    expect(program.evaluate({ l: [1, 2, 3] })).toStrictEqual({ value: true });
    expect(program.evaluate({ l: Array.from({ length: 100 }, (_, index) => index) })).toHaveProperty('error');
    expect(program.evaluate({ l: [1, 2, 3] })).toStrictEqual({ value: true });
  });

  it('texts and lists do not grow without end', () => {
    const doubling = '.map(x, x + x)'.repeat(40);
    expect(value(`['aaaaaaaa']${doubling}`)).toStrictEqual({ error: expect.stringMatching(/too long/) });
    expect(value(`[[1, 2, 3]]${doubling}`)).toStrictEqual({ error: expect.stringMatching(/too long/) });
  });

  it('a pattern takes linear time', () => {
    const program = compileCel("t.matches('^(a+)+$')", { variables: ['t'] });
    expect(program.evaluate({ t: `${'a'.repeat(50_000)}!` })).toStrictEqual({ value: false });
  });
});

describe('any claims', () => {
  it('equal themselves', () => {
    const program = compileCel('x == y', { variables: ['x', 'y'] });
    check(
      property(jsonValue(), (json) => {
        expect(program.evaluate({ x: json, y: structuredClone(json) })).toStrictEqual({ value: true });
      }),
    );
  });

  it('come out as they went in', () => {
    const program = compileCel('x', { variables: ['x'] });
    check(
      property(jsonValue(), (json) => {
        expect(program.evaluate({ x: json })).toStrictEqual({ value: JSON.parse(JSON.stringify(json)) });
      }),
    );
  });

  it('any text compiles, or is a CelError', () => {
    check(
      property(anyText({ maxLength: 200 }), (text) => {
        expect(outcome(text)).toMatch(/^(?:compiled|refused)$/);
      }),
    );
  });
});
