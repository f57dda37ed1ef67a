import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseToken } from './parse-token.ts';

const part = (text: string): string => Buffer.from(text).toString('base64url');
const token = (payload: string, header = '{"alg":"RS256","kid":"k"}'): string =>
  `${part(header)}.${part(payload)}.AAAA`;

describe('taking a token apart', () => {
  it('gives header, claims and how numbers were written', () => {
    const parsed = parseToken(token('{"iss":"a","exp":1.0,"iat":12e3,"nested":{"exp":2}}'));
    expect(parsed.ok && parsed.token).toMatchObject({
      header: { alg: 'RS256', kid: 'k' },
      claims: { iss: 'a', exp: 1 },
      numberLiterals: new Map([
        ['exp', '1.0'],
        ['iat', '12e3'],
      ]),
    });
  });

  const refused: Record<string, [string, string]> = {
    'two parts': ['a.b', 'three parts'],
    'four parts': ['a.b.c.d', 'three parts'],
    'an empty signature': [`${part('{}')}.${part('{}')}.`, 'base64url'],
    padding: [`${part('{}')}=.${part('{}')}.AA`, 'base64url'],
    'the other base64 alphabet': [`${part('{}')}.${part('{}')}.A+/A`, 'base64url'],
    'stray bits in the last letter': [`${part('{}').slice(0, -1)}1.${part('{}')}.AAAA`, 'base64url'],
    'bytes that are no UTF-8': [`${Buffer.from([0xff, 0xfe]).toString('base64url')}.${part('{}')}.AA`, 'base64url'],
    'a byte order mark': [token('\u{feff}{}'), 'not JSON'],
    'a header that is no object': [token('{}', '[]'), 'header is not a JSON object'],
    'a payload that is no object': [token('"x"'), 'payload is not a JSON object'],
    'a payload that is not JSON': [token('{"a":}'), 'payload is not JSON'],
    'a member twice': [token('{"sub":"a","sub":"b"}'), '"sub" stands in it twice'],
    'a member twice, once escaped': [token('{"sub":"a","s\\u0075b":"b"}'), '"sub" stands in it twice'],
    'a member twice in the header': [token('{}', '{"alg":"RS256","alg":"none"}'), '"alg" stands in it twice'],
    'a member twice inside a claim': [token('{"x":[{"a":1,"a":2}]}'), '"a" stands in it twice'],
    'a registered claim in other letter case': [token('{"Sub":"a"}'), '"Sub" differs'],
  };
  for (const [what, [compact, why]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      const parsed = parseToken(compact);
      expect(!parsed.ok && parsed.why).toContain(why);
    });
  }

  it('does not take equal names of different objects for one', () => {
    expect(parseToken(token('{"a":{"x":1},"b":{"x":2},"c":"a","d":["a","a"],"x":"{\\"x\\":1,\\"x\\":2}"}')).ok).toBe(
      true,
    );
  });

  it('never throws, and never repeats what it was given', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8 }), (text) => {
        const parsed = parseToken(text);
        expect(parsed.ok ? '' : parsed.why).not.toContain(text);
      }),
    );
  });
});
