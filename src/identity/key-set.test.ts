import { describe, expect, it } from 'vitest';
import { vectors } from '../../test/support/identity.ts';
import { publicJwk } from './jwk.ts';
import { holdsOwnKey, readKeySet } from './key-set.ts';

interface JoseVectors {
  readonly key_set: { readonly keys: readonly Record<string, unknown>[] };
  readonly rs256: { readonly private_jwk: { n: string; e: string } };
}

const { key_set: example, rs256 } = vectors('jose.json') as JoseVectors;
const [, rsa] = example.keys;

describe('readKeySet', () => {
  it('reads the set of RFC 7517 appendix A.1 and skips the key of another type', () => {
    const set = readKeySet(JSON.stringify(example));
    expect(set.keys).toEqual([{ kid: '2011-04-29', kty: 'RSA', n: rsa!['n'], e: 'AQAB' }]);
    expect(set.entries).toHaveLength(2);
    expect(set.problems).toEqual([]);
  });

  it.each([
    ['a private member', { d: 'x' }, 'private members'],
    ['a prime', { p: 'x' }, 'private members'],
    ['a symmetric key', { kty: 'oct', k: 'x' }, 'private members'],
    ['no kid', { kid: undefined }, 'no kid'],
    ['an empty kid', { kid: '' }, 'no kid'],
    ['another use', { use: 'enc' }, '"use"'],
    ['another algorithm', { alg: 'RS512' }, 'another algorithm'],
    ['other operations', { key_ops: ['encrypt'] }, '"key_ops"'],
    ['no modulus', { n: undefined }, 'lacks "n" or "e"'],
    ['a modulus that is no text', { n: 5 }, 'lacks "n" or "e"'],
    ['a short modulus', { n: Buffer.alloc(128, 0xff).toString('base64url') }, '1024 bits'],
    ['a modulus that is not base64url', { n: 'a+b=' }, '0 bits'],
  ])('does not use a key with %s, and says so', (_what, change, problem) => {
    const set = readKeySet(JSON.stringify({ keys: [{ ...rsa, ...change }] }));
    expect(set.keys).toEqual([]);
    expect(set.problems).toEqual([expect.stringContaining(problem)]);
  });

  it('uses neither of two different keys with one kid', () => {
    const other = { ...rsa, n: rs256.private_jwk.n };
    const set = readKeySet(JSON.stringify({ keys: [rsa, other] }));
    expect(set.keys).toEqual([]);
    expect(set.problems).toEqual(['two different keys have the kid 2011-04-29']);
  });

  it('reports an empty set', () => {
    expect(readKeySet('{"keys":[]}').problems).toEqual(['the key set is empty']);
  });

  it.each(['', '[]', '{}', 'null', '{"keys":{}}', '{"keys":[1]}', '{"keys":[null]}', '{"keys":[],"keys":[]}'])(
    'refuses %j',
    (text) => {
      expect(() => readKeySet(text)).toThrow(SyntaxError);
    },
  );
});

describe('holdsOwnKey', () => {
  const own = publicJwk(rs256.private_jwk);

  it('knows our key, whole', () => {
    expect(holdsOwnKey(readKeySet(JSON.stringify({ keys: [rsa, own] })), own)).toBe(true);
  });

  it.each([{ use: undefined }, { alg: 'RS512' }, { n: rsa!['n'] }, { kid: 'x' }])(
    'does not take it for ours with %j',
    (change) => {
      expect(holdsOwnKey(readKeySet(JSON.stringify({ keys: [{ ...own, ...change }] })), own)).toBe(false);
    },
  );
});
