import { describe, expect, it } from 'vitest';
import type { CredentialSet, PlatformIo } from '../../domain/credential.ts';
import { AppError } from '../../domain/errors.ts';
import { Secret } from '../../domain/secret.ts';
import { exampleIo, exampleToken } from '../conformance.ts';
import type { VaultConfiguration } from './configure.ts';
import type { VaultLogin } from './exchange.ts';
import { heldSet } from './lease.ts';
import { revokeVault } from './revoke.ts';

const configuration: VaultConfiguration = {
  address: 'http://127.0.0.1:8200',
  namespace: 'team1',
  ca: null,
  authPath: 'jwt',
  role: 'plan',
  audience: 'vault.workload.identity',
  timeoutSeconds: 60,
};
const login: VaultLogin = {
  token: new Secret('s.tokenOfVault'),
  leaseSeconds: 120,
  isRenewable: true,
  isBatch: false,
  uses: 0,
};

/** A Vault that gives these answers, one after the other; the last again and again. The clock stands where it is put. */
function world(answers: readonly (() => Response)[]) {
  const asked: Request[] = [];
  const left = [...answers];
  let milliseconds = exampleIo().now().getTime();
  const io: PlatformIo = exampleIo({
    now: () => new Date(milliseconds),
    fetch: async (input, init) => {
      asked.push(new Request(input, init));
      return (left.length > 1 ? left.shift()! : left[0]!)();
    },
  });
  return { io, asked, start: milliseconds, advance: (seconds: number) => (milliseconds += seconds * 1000) };
}

const renewed = (seconds: number) => () => Response.json({ auth: { client_token: 'x', lease_duration: seconds } });
const errors =
  (status: number, ...texts: string[]) =>
  () =>
    Response.json({ errors: texts }, { status });
const noToken = () => Promise.reject(new Error('no new token is needed'));
const renew = (set: CredentialSet): Promise<CredentialSet> => set.renew!(noToken);
const hold = (io: PlatformIo, changes: Partial<VaultLogin> = {}, at: Partial<VaultConfiguration> = {}) =>
  heldSet({ ...configuration, ...at }, { ...login, ...changes }, exampleToken(), io);

describe('a lease', () => {
  it('is renewed at its half, for as long again, with the same token', async () => {
    const { io, asked, start, advance } = world([renewed(120)]);
    let set = hold(io);
    for (let times = 1; times < 4; times += 1) {
      expect(set.renewAt!.getTime()).toBe(start + times * 60_000);
      advance(60);
      const before = set;
      set = await renew(set);
      expect(set.expiresAt!.getTime()).toBe(start + times * 60_000 + 120_000);
      expect({ ...set, renew: 0, renewAt: 0, expiresAt: 0 }).toEqual({ ...before, renew: 0, renewAt: 0, expiresAt: 0 });
    }
    expect(asked).toHaveLength(3);
    expect(asked[0]!.url).toBe('http://127.0.0.1:8200/v1/auth/token/renew-self');
    expect(await asked[0]!.json()).toEqual({ increment: '120s' });
    expect(asked[0]!.headers.get('x-vault-token')).toBe('s.tokenOfVault');
    expect(asked[0]!.headers.get('x-vault-namespace')).toBe('team1');
  });

  it.each<[string, () => Response, RegExp]>([
    ['Vault gives less, since token_max_ttl shows', renewed(100), /token_max_ttl ends it at 2026-/],
    [
      'its policy forbids it',
      errors(403, '1 error occurred:\n\t* permission denied\n\n'),
      /may not renew itself: it ends at/,
    ],
    ['it has ended early', errors(403, 'permission denied'), /has ended early/],
    [
      'it has ended early, in the words of Vault',
      errors(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'),
      /has ended early/,
    ],
    [
      'Vault says that it is not renewable',
      errors(400, 'lease is not renewable'),
      /lease is not renewable \(HTTP 400\)/,
    ],
    ['a proxy answers', () => new Response('<html>', { status: 404 }), /does not renew the token: HTTP 404/],
  ])('is renewed no more when %s, and a warning says so', async (_, answer, words) => {
    const { io } = world([answer]);
    const set = await renew(hold(io));
    expect('renew' in set || 'renewAt' in set).toBe(false);
    expect(set.warnings!.map((warning) => warning.what)).toEqual([expect.stringMatching(words)]);
    expect(JSON.stringify(set)).not.toContain('s.tokenOfVault');
    expect(set.revocation).toBeDefined();
  });

  it('gives no warning of an end that lies behind the phase', async () => {
    const { io } = world([renewed(3000)]);
    const set = await renew(hold(io, { leaseSeconds: 3600 }));
    expect('renew' in set).toBe(false);
    expect(set.warnings).toBeUndefined();
  });

  it('is done with when Vault makes it endless', async () => {
    const set = await renew(hold(world([renewed(0)]).io));
    expect(set.expiresAt).toBeNull();
    expect('renew' in set).toBe(false);
  });

  it.each<[string, readonly (() => Response)[]]>([
    ['is sealed for a moment', [errors(503, 'Vault is sealed'), renewed(120)]],
    ['breaks and mends', [errors(500, 'internal error'), errors(429), renewed(120)]],
  ])('is renewed when Vault %s', async (_, answers) => {
    expect('renew' in (await renew(hold(world(answers).io)))).toBe(true);
  });

  it.each<[string, () => Response, RegExp]>([
    ['is sealed', errors(503, 'Vault is sealed'), /did not renew the token: Vault is sealed \(HTTP 503\)/],
    ['answers HTML', () => new Response('<html>'), /did not renew the token: HTTP 200/],
    ['leaves a member out', () => Response.json({ auth: {} }), /did not renew the token: HTTP 200/],
  ])('is to be tried again later when Vault %s', async (_, answer, words) => {
    const { io } = world([answer]);
    const error: unknown = await renew(hold(io, {}, { timeoutSeconds: 0.2 })).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).message).toMatch(words);
  });

  it('is not renewed where that cannot be, or need not', () => {
    const { io } = world([errors(500)]);
    for (const changes of [{ isRenewable: false, leaseSeconds: 600 }, { leaseSeconds: 0 }]) {
      const set = hold(io, changes);
      expect('renew' in set || 'renewAt' in set).toBe(false);
    }
  });

  it('that cannot be renewed must last for the phase, give or take a minute', () => {
    const { io } = world([errors(500)]);
    expect(() => hold(io, { isRenewable: false, leaseSeconds: 539 })).toThrow(
      /role plan is not renewable, and lives 8m59s, but the phase may take 10m/,
    );
    expect(hold(io, { isRenewable: false, leaseSeconds: 560 }).expiresAt).not.toBeNull();
  });

  it('that is not revocable, endless, counted or sent in the clear is warned of', () => {
    const { io } = world([errors(500)]);
    const what = (changes: Partial<VaultLogin>, at: Partial<VaultConfiguration> = {}) =>
      (hold(io, changes, at).warnings ?? []).map((warning) => warning.what).join();
    expect(what({})).toBe('');
    expect(what({}, { address: 'http://localhost:8200' })).toBe('');
    expect(what({}, { address: 'https://vault.example.com' })).toBe('');
    expect(what({}, { address: 'http://vault.example.com' })).toMatch(/without TLS/);
    expect(what({ isRenewable: false, isBatch: true, leaseSeconds: 600 })).toMatch(/batch token: it cannot be revoked/);
    expect(what({ leaseSeconds: 0 })).toMatch(/never ends by itself/);
    expect(what({ uses: 1 })).toMatch(/can be used 1 times/);
    expect(hold(io, { isRenewable: false, isBatch: true, leaseSeconds: 600 }).revocation).toBeUndefined();
  });
});

describe('a renewal that no Vault gives', () => {
  it.each([-1, 1.5, 1e300, Number.MAX_SAFE_INTEGER])('%d s', async (seconds) => {
    await expect(renew(hold(world([renewed(seconds)]).io))).rejects.toMatchObject({ code: 'exchange_failed' });
  });

  it('does not show the token that it repeats', async () => {
    const set = await renew(hold(world([errors(400, 'cannot use s.tokenOfVault')]).io));
    expect(JSON.stringify(set.warnings)).toContain('cannot use [token]');
    expect(JSON.stringify(set.warnings)).not.toContain('s.tokenOfVault');
  });
});

describe('revokeVault', () => {
  const revocation = (): string => hold(world([errors(500)]).io).revocation!.reveal();

  it('holds all that another process needs', async () => {
    expect(JSON.parse(revocation())).toEqual({
      address: 'http://127.0.0.1:8200',
      namespace: 'team1',
      token: 's.tokenOfVault',
      ca: null,
    });
    const { io, asked } = world([() => new Response(null, { status: 204 })]);
    await revokeVault(revocation(), io);
    expect(asked.map((request) => [request.method, request.url, request.headers.get('x-vault-namespace')])).toEqual([
      ['POST', 'http://127.0.0.1:8200/v1/auth/token/revoke-self', 'team1'],
    ]);
  });

  it.each([
    ['a dead token', [errors(403, 'permission denied')]],
    [
      'a dead token, in the words of Vault',
      [errors(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token')],
    ],
    [
      'a Vault that is sealed for a moment',
      [errors(503, 'Vault is sealed'), () => new Response(null, { status: 204 })],
    ],
  ])('takes %s as done', async (_, answers) => {
    await expect(revokeVault(revocation(), world(answers).io)).resolves.toBeUndefined();
  });

  it.each<[string, () => Response, RegExp]>([
    [
      'a policy without revoke-self',
      errors(403, '1 error occurred:\n\t* permission denied\n\n'),
      /no auth\/token\/revoke-self/,
    ],
    ['a proxy that forbids', () => new Response('<html>', { status: 403 }), /could not be revoked: HTTP 403/],
    ['a Vault that repeats the token', errors(400, 'cannot use s.tokenOfVault'), /cannot use \[token\] \(HTTP 400\)/],
    ['a namespace that is gone', errors(404, 'namespace not found'), /namespace not found \(HTTP 404\)/],
  ])('says that %s kept the token alive', async (_, answer, words) => {
    const error: unknown = await revokeVault(revocation(), world([answer]).io).catch((thrown: unknown) => thrown);
    expect((error as AppError).message).toMatch(words);
    expect(JSON.stringify((error as AppError).problem)).not.toContain('s.tokenOfVault');
  });

  it('refuses a text that is none of ours', async () => {
    const address = 'http://127.0.0.1:8200';
    const forged = [
      { address: 'file:///etc/passwd', token: 'x' },
      { address: 'nonsense', token: 'x' },
      { address: 'http://u:p@127.0.0.1:8200', token: 'x' },
      { address: `${address}/x?y=`, token: 'x' },
      { address, token: 'x\r\nCookie: y' },
      { address, token: 'x', namespace: 'a\nb' },
      { address, token: 'x', namespace: 1 },
      { address, token: 'x', ca: {} },
    ].map((one) => JSON.stringify(one));
    for (const text of ['{}', '[]', '{"address":1,"token":"x"}', 'null', '{', ...forged]) {
      const { io, asked } = world([errors(500)]);
      const work = revokeVault(text, io);
      await expect(work).rejects.toThrow(/not a revocation of Vault/);
      // Not to be tried again.
      await expect(work).rejects.toMatchObject({ code: 'exchange_refused' });
      expect(asked).toEqual([]);
    }
  });
});
