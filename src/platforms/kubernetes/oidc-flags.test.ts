import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideKubernetesTrust, readKubernetesTrust } from './trust-policy.ts';
import { parseOidcFlags } from './oidc-flags.ts';

const needed = ['--oidc-issuer-url=https://tf.example.com', '--oidc-client-id=kubernetes'];
const at = new Date('2026-11-21T10:00:00Z');
const claims = {
  iss: 'https://tf.example.com',
  aud: 'kubernetes',
  sub: 'organization:acme',
  exp: at.getTime() / 1000 + 60,
  email: 'me@example.com',
  groups: ['a', 'b'],
};

const decide = (flags: readonly string[], changes: object = {}, more: object = {}) =>
  decideKubernetesTrust(readKubernetesTrust(JSON.stringify({ kind: 'OidcFlags', flags: [...needed, ...flags] })), {
    claims: { ...claims, ...changes },
    at,
    ...more,
  });

describe('OidcFlags', () => {
  it.each<[readonly string[], string, readonly string[]]>([
    [[], 'https://tf.example.com#organization:acme', []],
    [['--oidc-username-prefix=-'], 'organization:acme', []],
    [['--oidc-username-prefix=tf:'], 'tf:organization:acme', []],
    [['--oidc-username-claim=email'], 'me@example.com', []],
    [['--oidc-username-claim=email', '--oidc-username-prefix=x:'], 'x:me@example.com', []],
    [['--oidc-groups-claim=groups'], 'https://tf.example.com#organization:acme', ['a', 'b']],
    [
      ['--oidc-groups-claim=groups', '--oidc-groups-prefix=g:'],
      'https://tf.example.com#organization:acme',
      ['g:a', 'g:b'],
    ],
    [['--oidc-groups-claim=sub'], 'https://tf.example.com#organization:acme', ['organization:acme']],
    [['--v=4', '--secure-port=6443', '--anonymous-auth'], 'https://tf.example.com#organization:acme', []],
    [['--oidc-username-prefix=a', '--oidc-username-prefix=b:'], 'b:organization:acme', []],
  ])('with %j the user is %s in %j', (flags, username, groups) => {
    expect(decide(flags).user).toMatchObject({ username, groups });
  });

  it.each<[readonly string[], object, object, string]>([
    [['--oidc-required-claim=org=acme'], {}, {}, 'required claim org not present'],
    [['--oidc-required-claim=org=acme'], { org: 'evil' }, {}, 'Got = evil, want = acme'],
    [['--oidc-required-claim= org = acme '], { org: 'evil' }, {}, 'Got = evil, want = acme'],
    [[], { aud: 'other' }, {}, 'expected audience "kubernetes" got ["other"]'],
    [[], {}, { algorithm: 'ES256' }, 'unsupported algorithm, expected ["RS256"] got "ES256"'],
    [['--oidc-username-claim=nope'], {}, {}, 'parse username claims "nope": claim not present'],
    [['--oidc-username-claim=email'], { email_verified: false }, {}, 'email not verified'],
  ])('with %j refuses %j %j', (flags, changes, more, log) => {
    const { allowed, error } = decide(flags, changes, more);
    expect(allowed).toBe(false);
    expect(error!.log).toContain(log);
  });

  it('takes the algorithms that are named, in one flag or in several', () => {
    const flags = ['--oidc-signing-algs=ES256,RS512', '--oidc-signing-algs=PS256'];
    for (const algorithm of ['ES256', 'RS512', 'PS256']) expect(decide(flags, {}, { algorithm }).allowed).toBe(true);
    expect(decide(flags, {}, { algorithm: 'RS256' }).allowed).toBe(false);
  });

  it.each([
    [['--oidc-issuer-url=https://a'], 'must be specified together'],
    [['--oidc-client-id=a'], 'must be specified together'],
    [[], 'must be specified together'],
    [[...needed, '--oidc-required-claim=a'], 'malformed pair, expect string=string'],
    [[...needed, '--oidc-signing-algs=HS256'], 'unsupported signing alg: "HS256"'],
    [[...needed, '--oidc-user-claim=a'], 'unknown flag: --oidc-user-claim'],
    [[...needed, '--oidc-username-claim'], 'flag needs an argument'],
    [[...needed, '--authentication-config=/x'], 'mutually exclusive'],
    [['--oidc-issuer-url=http://a', '--oidc-client-id=k'], 'URL scheme must be https'],
    [[...needed, '--oidc-username-claim='], 'claim or expression is required'],
  ])('refuses %j', (flags, words) => {
    expect(() => readKubernetesTrust(JSON.stringify({ kind: 'OidcFlags', flags }))).toThrow(words);
  });

  it('reads back what it was given, in any order, whatever the values', () => {
    const value = fc.string({ unit: 'grapheme', minLength: 1 });
    const names = ['username-claim', 'username-prefix', 'groups-claim', 'groups-prefix'] as const;
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...names)),
        fc.array(value, { minLength: 4, maxLength: 4 }),
        (chosen, values) => {
          const own = chosen.map((name, index) => `--oidc-${name}=${values[index]}`);
          const read = parseOidcFlags([...own, ...needed]);
          expect(read).toEqual(parseOidcFlags([...needed, ...own.toReversed()]));
          for (const [index, name] of chosen.entries()) {
            expect('values' in read && read.values[`oidc-${name}`]).toBe(values[index]);
          }
        },
      ),
    );
  });

  it('takes or refuses any text, and never throws', () => {
    const flag = fc.oneof(
      fc.string(),
      fc.string().map((text) => `--oidc-${text}`),
      fc.constantFrom(...needed),
    );
    fc.assert(
      fc.property(fc.array(flag), (flags) => {
        const read = parseOidcFlags(flags);
        expect('problem' in read ? read.problem.length : read.algorithms.length).toBeGreaterThan(0);
      }),
    );
  });
});
