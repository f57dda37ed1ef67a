import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import * as fc from 'fast-check';
import { CompactSign, exportJWK } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TrustDocumentError } from '../../src/domain/trust.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import {
  decideKubernetesTrust,
  readKubernetesTrust,
  type KubernetesTrust,
} from '../../src/platforms/kubernetes/trust-policy.ts';
import { KubeAuthenticator, type AuthenticatorAnswer } from '../support/kube-authenticator.ts';
import { claims, configurations, now } from '../support/kube-cases.ts';
import { describeWith } from '../support/programs.ts';

const disallowedIssuers = ['https://kubernetes.default.svc', 'https://kubernetes.default.svc.cluster.local'];
const configurationsTried = 700;
const tokensEach = 6;

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signers: readonly { readonly algorithm: string; readonly kid: string; readonly key: KeyObject }[] = [
  ...Array.from({ length: 8 }, () => ({ algorithm: 'RS256', kid: 'rsa', key: rsa.privateKey })),
  { algorithm: 'PS384', kid: 'rsa', key: rsa.privateKey },
  { algorithm: 'ES256', kid: 'ec', key: ec.privateKey },
];

/** What one side says of a token: a user, or the kind of reason. */
type Said = { readonly user: JsonObject } | { readonly reason: string };

let theirs: KubeAuthenticator;
let keys: object;

async function signed(payload: JsonObject, { algorithm, kid, key }: (typeof signers)[number]): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader({ alg: algorithm, kid }).sign(key);
}

/** An algorithm that nobody accepts. */
function withSecret(payload: JsonObject): string {
  const parts = [{ alg: 'HS256' }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return `${parts.join('.')}.${createHmac('sha256', 'secret').update(parts.join('.')).digest('base64url')}`;
}

function readOurs(config: string): { trust: KubernetesTrust } | { refused: string } {
  try {
    return { trust: readKubernetesTrust(config) };
  } catch (error) {
    if (!(error instanceof TrustDocumentError)) throw error;
    return { refused: error.problem.what };
  }
}

/** Words that depend on Go's own types, and places that the two parsers count differently, are left out. */
function kindOf(words: string): string {
  return words
    .replace(/<input>:\d+:\d+/g, '<input>')
    .replace(/(Syntax error)[^]*/, '$1')
    .replace(/\n[^]*/, '')
    .replace(/ in scheme "[^]*/, '')
    .replace(/json: cannot unmarshal (\w+) into [^]*/, 'json: cannot unmarshal $1')
    .replace(/json: invalid number literal[^]*/, 'json: invalid number')
    .replace(/no such overload: [^]*/, 'no such overload')
    .replace(/join: invalid input: [^]*/, 'join: invalid input')
    .replace(/got '[\w.]+', expected iterable type/, 'expected iterable type')
    .replace(/error parsing regexp: [^]*/, 'error parsing regexp');
}

function saidBy({ user, error }: AuthenticatorAnswer['results'][number]): Said {
  if (user === null) return { reason: kindOf(error) };
  return { user: { ...user, groups: user.groups ?? [], extra: user.extra ?? {} } };
}

function ourSay(trust: KubernetesTrust, payload: JsonObject, algorithm: string): Said | 'unknown' {
  const verdict = decideKubernetesTrust(trust, { claims: payload, at: now, algorithm });
  expect(verdict.allowed).toBe(verdict.user !== null);
  if (verdict.user !== null) return { user: verdict.user as unknown as JsonObject };
  expect(verdict.error?.status).toBe(401);
  if (verdict.error?.log === null) return 'unknown';
  return { reason: kindOf(verdict.error!.log) };
}

describeWith(['kube-authenticator'], "ours beside Kubernetes' own authenticator", () => {
  beforeAll(async () => {
    theirs = new KubeAuthenticator();
    const [one, two] = await Promise.all([exportJWK(rsa.publicKey), exportJWK(ec.publicKey)]);
    keys = {
      keys: [
        { ...one, kid: 'rsa' },
        { ...two, kid: 'ec' },
      ],
    };
  });

  afterAll(async () => theirs?.[Symbol.asyncDispose]());

  it('refuses the same configurations, and says the same of every token', { timeout: 300_000 }, async () => {
    const tried = fc.sample(
      fc.record({
        config: configurations,
        tokens: fc.array(fc.tuple(claims, fc.nat(30)), { minLength: tokensEach, maxLength: tokensEach }),
      }),
      {
        seed: 20_261_121,
        numRuns: configurationsTried,
      },
    );
    const count = { configurations: 0, refused: 0, pairs: 0, accepted: 0, unknown: 0, unreadable: 0 };
    const reasons = new Map<string, number>();
    const differences: unknown[] = [];
    for (const { config, tokens } of tried) {
      const text = JSON.stringify(config);
      const chosen = tokens.map(([payload, index]) => ({
        payload,
        signer: signers[index] ?? (index === 30 ? null : signers[0]!),
      }));
      const compact = await Promise.all(
        chosen.map(async ({ payload, signer }) => (signer === null ? withSecret(payload) : signed(payload, signer))),
      );
      const answer = await theirs.ask({ config: text, disallowedIssuers, keys, now, tokens: compact });
      const ours = readOurs(text);
      count.configurations += 1;
      if (answer.refused !== '' || 'refused' in ours) {
        count.refused += 1;
        const said = 'refused' in ours ? kindOf(ours.refused) : 'started';
        if (!isAmong(answer.refused, said)) {
          // Something in it may be CEL that is not modelled here: then ours starts, and never allows.
          if (said === 'started' && isUnmodelled(ours)) count.unreadable += 1;
          else differences.push({ config: text, theirs: answer.refused, ours: said });
        }
        continue;
      }
      for (const [index, { payload, signer }] of chosen.entries()) {
        const their = saidBy(answer.results[index]!);
        const our = ourSay(ours.trust, payload, signer?.algorithm ?? 'HS256');
        if (our === 'unknown') {
          count.unknown += 1;
          continue;
        }
        count.pairs += 1;
        if ('user' in their) count.accepted += 1;
        else {
          const kind = their.reason.replace(/expression '[^]*?' (failed|resulted)/, 'expression $1').slice(0, 70);
          reasons.set(kind, (reasons.get(kind) ?? 0) + 1);
        }
        try {
          expect(our).toEqual(their);
        } catch {
          differences.push({ config: text, payload: JSON.stringify(payload), theirs: their, ours: our });
        }
      }
    }
    process.stdout.write(
      `Kubernetes' authenticator: ${count.configurations} configurations (${count.refused} refused at the start), ` +
        `${count.pairs} pairs compared (${count.accepted} accepted, ${reasons.size} kinds of reasons), ` +
        `${count.unknown} unknown to ours, ${differences.length} differ\n`,
    );
    expect(differences.slice(0, 5)).toEqual([]);
    expect(count.pairs).toBeGreaterThanOrEqual(500);
    expect(count.accepted).toBeGreaterThanOrEqual(100);
    expect(count.refused).toBeGreaterThanOrEqual(50);
    expect(count.unknown).toBeLessThan(count.pairs / 20);
  });
});

/** Theirs lists all that is wrong with a document, and with an expression; ours says one of it. */
function isAmong(refused: string, ours: string): boolean {
  const parts = refused.replace(/^\[(?=jwt\[)/, '').split(/, (?=jwt\[|anonymous|unknown field)/);
  const said = parts.flatMap((part) => {
    const [first = '', ...others] = part.split('\nERROR: ');
    const before = first.slice(0, first.indexOf('ERROR: '));
    return [first, ...others.map((other) => `${before}ERROR: ${other}`)];
  });
  return said.some((one) => kindOf(one).replace(/\]$/, '') === ours.replace(/\]$/, ''));
}

/** Whether some expression of it was not understood. */
function isUnmodelled(ours: { trust: KubernetesTrust } | { refused: string }): boolean {
  if ('refused' in ours) return false;
  return ours.trust.authenticators.some((one) =>
    [one.username, one.groups, one.uid, ...one.extra, ...one.rules, ...one.userRules].some(
      (part) => part !== null && 'expression' in part && part.expression.evaluate({}).kind === 'unknown',
    ),
  );
}
