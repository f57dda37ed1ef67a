import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from './strict-json.ts';

describe('parseStrictJson', () => {
  it('reads whatever JSON.parse reads, when no name stands twice', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parseStrictJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"a":1,"b":{},"a":1}', 'a'],
    [String.raw`{"aud":1,"\u0061ud":2}`, 'aud'],
    ['{"x":[{"a":1,"a":1}]}', 'a'],
    ['{"a":"}","a":1}', 'a'],
    [String.raw`{"a":"\\","a":1}`, 'a'],
    [String.raw`{"a":"\"a\":","b":1,"b" :2}`, 'b'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
    ['{"":1,"":2}', ''],
  ])('refuses %s', (text, name) => {
    expect(() => parseStrictJson(text)).toThrow(`the member ${JSON.stringify(name)} stands in it twice`);
  });

  it.each(['{"a":{"a":{"a":1}},"b":["a","a"]}', '[{"a":1},{"a":1}]', '{"a":"a","b":"a:"}', '"a"', '1', 'null'])(
    'takes %s',
    (text) => {
      expect(parseStrictJson(text)).toEqual(JSON.parse(text));
    },
  );

  it.each(['', '{', "{'a':1}", '{"a":1}x', '{"a":01}'])('refuses %j, which is not JSON', (text) => {
    expect(() => parseStrictJson(text)).toThrow(SyntaxError);
  });

  it('finds any name that was put in twice, at any depth', () => {
    const object = fc.dictionary(fc.string({ unit: 'binary-ascii' }), fc.jsonValue(), { minKeys: 1 });
    fc.assert(
      fc.property(object, fc.nat(3), (members, depth) => {
        const [name] = Object.keys(members);
        const inner = `{${JSON.stringify(name)}:0,${JSON.stringify(members).slice(1)}`;
        const text = '[{"outer":'.repeat(depth) + inner + '}]'.repeat(depth);
        expect(() => parseStrictJson(text)).toThrow(/stands in it twice/);
      }),
    );
  });
});
