import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../domain/secret.ts';
import { canonicalJson } from './canonical.ts';

describe('canonicalJson', () => {
  it('sorts members by UTF-16 code units and leaves no white space (RFC 8785, section 3.2.3)', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, 1: 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
    expect(Object.keys(JSON.parse(canonicalJson(value)) as object)).toEqual([
      '1',
      '\r',
      '\u0080',
      '\u00f6',
      '\u20ac',
      '\ud83d\ude00',
      '\ufb33',
    ]);
  });

  it('writes the example of RFC 8785, section 3.2.2', () => {
    const value = {
      numbers: [JSON.parse('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27],
      string: '\u20ac$\u000f\nA\'B"\\\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('gives the same text for the same value in any order of members, and the value back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('leaves out members that are undefined', () => {
    expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}');
    expect(canonicalJson({ b: undefined })).toBe('{}');
  });

  it.each([
    ['a date', new Date(0)],
    ['a secret', new Secret('hunter2')],
    ['a map', new Map()],
    ['bytes', Buffer.from('a')],
    ['NaN', Number.NaN],
    ['infinity', Infinity],
    ['a big integer', 1n],
    ['a function', () => 1],
    ['nothing', undefined],
  ])('refuses %s', (_name, value) => {
    expect(() => canonicalJson({ value: [value] })).toThrow(TypeError);
  });

  it('takes out a token that got into a message', () => {
    const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';
    expect(canonicalJson([`refused: ${token}, twice ${token}.`])).toBe('["refused: [token], twice [token]."]');
    expect(canonicalJson(['kid.eyJ'])).toBe('["kid.eyJ"]');
  });
});
