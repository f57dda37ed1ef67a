import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ExchangeRefused, type CredentialSet } from '../../src/domain/credential.ts';
import { AppError } from '../../src/domain/errors.ts';
import { revealed } from '../../src/domain/secret.ts';
import { exampleIo } from '../../src/platforms/conformance.ts';
import { variableReader } from '../../src/platforms/variables.ts';
import { vault } from '../../src/platforms/vault/index.ts';
import { startBao, type Bao, type BaoAnswer } from '../support/bao.ts';
import { base64, certificateA } from '../support/certificates.ts';
import { openTestIssuer, testKey, testSubject, type TestIssuer } from '../support/issuer.ts';
import { describeWith } from '../support/programs.ts';
import { identityToken, setRole, setUpJwt, vaultAudience } from '../support/vault-set-up.ts';

let bao: Bao;
let issuer: TestIssuer;

const io = () => exampleIo({ fetch, now: () => new Date() });

/** One configuration of the platform, for a server. */
function requestFor(values: Readonly<Record<string, string>>, at: Bao = bao) {
  const all = { ADDR: at.address, RUN_ROLE: 'usual', CLIENT_TIMEOUT: '5', ...values };
  const variables = new Map(Object.entries(all).map(([name, value]) => [`TFC_VAULT_${name}`, value]));
  return vault.request(variableReader(vault, variables, { tag: null, phase: 'plan', workspace: 'payments-prod' }));
}

interface Attempt {
  readonly role?: string;
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly values?: Readonly<Record<string, string>>;
}

async function tokenOf({ claims = {}, header }: Attempt) {
  return identityToken(await issuer.sign({ aud: vaultAudience, ...claims }, header));
}

async function obtain(attempt: Attempt = {}, at: Bao = bao): Promise<CredentialSet> {
  const { role, values = {} } = attempt;
  const request = requestFor({ ...(role === undefined ? {} : { RUN_ROLE: role }), ...values }, at);
  return request.obtain(await tokenOf(attempt), io());
}

async function errorOf(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error(`an error was expected, not ${String(error)}`);
}

async function refusalOf(attempt: Attempt) {
  const error = await errorOf(obtain(attempt));
  if (!(error instanceof ExchangeRefused)) throw error;
  return error.refusal;
}

function tokenIn(set: CredentialSet): string {
  return revealed(set.files.find((file) => file.name === 'token')!.contents);
}

const lookUp = (token: string, at: Bao = bao, namespace?: string): Promise<BaoAnswer> =>
  at.call('GET', 'auth/token/lookup-self', undefined, { token, ...(namespace === undefined ? {} : { namespace }) });

const revoke = (set: CredentialSet): Promise<void> => vault.revoke!(set.revocation!.reveal(), io());

async function accessors(): Promise<number> {
  const { body } = await bao.call('LIST', 'auth/token/accessors');
  return (body!.data!['keys'] as unknown[]).length;
}

describeWith(['bao'], 'Vault: a real OpenBao', () => {
  beforeAll(async () => {
    bao = await startBao();
    issuer = await openTestIssuer({ key: await testKey() });
    await setUpJwt(bao, issuer.url);
    await setRole(bao, 'usual');
    await bao.set('POST', 'secret/data/payments', { data: { region: 'eu-north-1' } });
  });
  afterAll(async () => {
    await issuer?.close();
    await bao?.[Symbol.asyncDispose]();
  });

  it('gives a token that works, and that is dead once it is revoked, with all that was made by it', async () => {
    const set = await obtain();
    expect(set.environment).toMatchObject({ VAULT_ADDR: bao.address, TERRAFORM_VAULT_SKIP_CHILD_TOKEN: 'true' });
    const token = tokenIn(set);
    const { body } = await lookUp(token);
    expect(body!.data).toMatchObject({ path: 'auth/jwt/login', policies: ['tf'], display_name: `jwt-${testSubject}` });
    const secret = await bao.call('GET', 'secret/data/payments', undefined, { token });
    expect(secret.body!.data!['data']).toEqual({ region: 'eu-north-1' });
    const child = await bao.call('POST', 'auth/token/create', { ttl: '10m' }, { token });
    const childToken = child.body!.auth!.client_token;
    expect((await lookUp(childToken)).status).toBe(200);

    await revoke(set);
    for (const dead of [token, childToken]) expect((await lookUp(dead)).status).toBe(403);
    await revoke(set);
  });

  it.each<
    [string, { role?: Record<string, unknown>; attempt?: Attempt; status?: number; says: RegExp; cause: RegExp }]
  >([
    [
      'another audience',
      {
        attempt: { claims: { aud: 'aws.workload.identity' } },
        says: /invalid audience/,
        cause: /bound_audiences.*aws/,
      },
    ],
    [
      'a role without audiences',
      {
        role: { bound_audiences: [], bound_subject: testSubject },
        says: /no audiences bound/,
        cause: /bound_audiences/,
      },
    ],
    [
      'another subject',
      {
        role: { bound_subject: testSubject.replace('plan', 'apply') },
        says: /invalid subject/,
        cause: /bound_subject/,
      },
    ],
    [
      'a subject with a wildcard, which is none',
      { role: { bound_subject: testSubject.replace('plan', '*') }, says: /invalid subject/, cause: /never a pattern/ },
    ],
    [
      'a bound claim that differs',
      {
        role: { bound_claims: { terraform_run_phase: 'apply' } },
        attempt: { claims: { terraform_run_phase: 'plan' } },
        says: /claim "terraform_run_phase" does not match/,
        cause: /bound_claims/,
      },
    ],
    [
      'a glob of another workspace',
      {
        role: { bound_claims_type: 'glob', bound_claims: { sub: 'organization:acme:project:net:*' } },
        says: /claim "sub" does not match/,
        cause: /bound_claims/,
      },
    ],
    [
      'a wildcard in a role that compares letter by letter',
      { role: { bound_claims: { sub: 'organization:acme:*' } }, says: /does not match/, cause: /bound_claims/ },
    ],
    [
      'a bound claim that is missing',
      { role: { bound_claims: { terraform_stack_id: 'x' } }, says: /is missing/, cause: /bound_claims/ },
    ],
    [
      'a user claim that is missing',
      { role: { user_claim: 'terraform_full_workspace' }, says: /not found in token/, cause: /user_claim/ },
    ],
    [
      'another issuer',
      { attempt: { claims: { iss: 'https://evil.example' } }, says: /invalid issuer/, cause: /bound_issuer/ },
    ],
    [
      'a token that has expired',
      { attempt: { claims: { exp: 1_700_000_000 } }, says: /token is expired/, cause: /clocks/ },
    ],
    ['a token of the future', { attempt: { claims: { nbf: 4_000_000_000 } }, says: /not yet valid/, cause: /clocks/ }],
    [
      'a role that is not there',
      { attempt: { role: 'nope' }, says: /role "nope" could not be found/, cause: /no role nope/ },
    ],
    [
      'a mount that is not there',
      {
        attempt: { values: { AUTH_PATH: 'nope' } },
        status: 403,
        says: /permission denied/,
        cause: /no auth method at nope/,
      },
    ],
    [
      'a namespace that is not there',
      {
        attempt: { values: { NAMESPACE: 'nope' } },
        status: 404,
        says: /namespace not found/,
        cause: /no namespace nope/,
      },
    ],
    [
      'an address that the role does not take',
      {
        role: { token_bound_cidrs: ['10.0.0.0/8'] },
        status: 403,
        says: /permission denied/,
        cause: /no auth method at jwt/,
      },
    ],
  ])('is refused by it for %s, in its own words and with causes', async (_, { role, attempt, status, says, cause }) => {
    if (role !== undefined) await setRole(bao, 'bent', role);
    const refusal = await refusalOf({ ...(role === undefined ? {} : { role: 'bent' }), ...attempt });
    expect(refusal).toMatchObject({ platform: 'vault', status: status ?? 400, code: `HTTP ${status ?? 400}` });
    expect(refusal.message).toMatch(says);
    expect(refusal.causes).toHaveLength(3);
    expect(refusal.causes[0]).toMatch(cause);
    expect(refusal.causes.join()).not.toMatch(/\{\w+\}/);
  });

  it('is refused for a key that the issuer does not publish, and for a method that was never configured', async () => {
    const other = await openTestIssuer({ key: await testKey('RS256', 'key-RS256') });
    const compact = await other.sign({ iss: issuer.url, aud: vaultAudience });
    await other.close();
    const error = await errorOf(requestFor({}).obtain(identityToken(compact), io()));
    expect(error.message).toMatch(/failed to verify id token signature/);
    await bao.set('POST', 'sys/auth/empty', { type: 'jwt' });
    expect((await refusalOf({ values: { AUTH_PATH: 'empty' } })).message).toBe('could not load configuration');
  });

  it('lets in by a glob, and by one of several audiences', async () => {
    await setRole(bao, 'glob', {
      bound_claims_type: 'glob',
      bound_claims: { sub: 'organization:acme:project:payments:workspace:*:run_phase:plan' },
      bound_audiences: ['other', vaultAudience],
    });
    const set = await obtain({ role: 'glob' });
    expect((await lookUp(tokenIn(set))).status).toBe(200);
    await revoke(set);
  });

  it('says why before a run, and leaves no token of a question behind', async () => {
    const token = await tokenOf({});
    const before = await accessors();
    expect(await requestFor({}).explain!(token, io())).toBeNull();
    expect(await accessors()).toBe(before);
    expect(await requestFor({ RUN_ROLE: 'nope' }).explain!(token, io())).toMatchObject({ status: 400 });
    expect(await requestFor({ ADDR: 'http://127.0.0.1:9' }).explain!(token, io())).toBeNull();
  });

  it('is renewed at half of its lease, and outlives it', async () => {
    await setRole(bao, 'short', { token_ttl: '4s' });
    let set = await obtain({ role: 'short' });
    const token = tokenIn(set);
    const start = Date.now();
    expect(set.renewAt!.getTime()).toBeLessThanOrEqual(start + 2000);
    while (Date.now() < start + 7000) {
      await sleep(set.renewAt!.getTime() - Date.now());
      set = await set.renew!(() => Promise.reject(new Error('no new token is needed')));
    }
    expect(tokenIn(set)).toBe(token);
    expect((await lookUp(token)).status).toBe(200);
    await revoke(set);
    expect((await lookUp(token)).status).toBe(403);
  });

  it('warns when token_max_ttl shows, and stops renewing', async () => {
    await setRole(bao, 'ending', { token_ttl: '4s', token_max_ttl: '5s' });
    let set = await obtain({ role: 'ending' });
    const warnings: string[] = [];
    for (let times = 0; set.renew !== undefined && times < 10; times += 1) {
      await sleep(Math.max(0, set.renewAt!.getTime() - Date.now()));
      set = await set.renew(() => Promise.reject(new Error('no new token is needed')));
      warnings.push(...(set.warnings ?? []).map((warning) => warning.what));
    }
    expect(set.renewAt).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(/token_max_ttl ends it at \d{4}-/)]);
  });

  it('warns when its policy has no renew-self, and cannot be revoked without revoke-self', async () => {
    await setRole(bao, 'bare', { token_policies: ['bare'] });
    const set = await obtain({ role: 'bare' });
    const renewed = await set.renew!(() => Promise.reject(new Error('no new token is needed')));
    expect('renew' in renewed).toBe(false);
    expect(renewed.warnings).toEqual([
      expect.objectContaining({ mend: expect.stringContaining('auth/token/renew-self') }),
    ]);
    const error = await errorOf(revoke(set));
    expect(error.problem.mend).toContain('auth/token/revoke-self');
    expect((await lookUp(tokenIn(set))).status).toBe(200);
  });

  it('warns when somebody has ended it early', async () => {
    const set = await obtain();
    await bao.set('POST', 'auth/token/revoke', { token: tokenIn(set) });
    const renewed = await set.renew!(() => Promise.reject(new Error('no new token is needed')));
    expect('renew' in renewed).toBe(false);
    expect(renewed.warnings![0]!.what).toContain('ended early');
    await revoke(set);
  });

  it('is tried again when its role has gone: somebody may put it back', async () => {
    await setRole(bao, 'going', { token_ttl: '5s' });
    const set = await obtain({ role: 'going' });
    const renew = () => set.renew!(() => Promise.reject(new Error('no new token is needed')));
    await bao.set('DELETE', 'auth/jwt/role/going');
    const error = await errorOf(renew());
    expect(error.code).toBe('exchange_failed');
    expect(error.message).toMatch(/role going does not exist during renewal \(HTTP 500\)/);
    await setRole(bao, 'going', { token_ttl: '5s' });
    expect('renew' in (await renew())).toBe(true);
    await revoke(set);
  });

  it('is refused when it can neither be renewed nor last for the phase, and taken when it lasts', async () => {
    await setRole(bao, 'batch', { token_type: 'batch', token_ttl: '5m' });
    const error = await errorOf(obtain({ role: 'batch' }));
    expect(error.code).toBe('exchange_refused');
    expect(error.message).toMatch(/batch token.*lives 5m.*the phase may take 10m/);
    expect(error.problem.mend).toContain('token_ttl');
    await setRole(bao, 'batch', { token_type: 'batch', token_ttl: '10m' });
    const set = await obtain({ role: 'batch' });
    expect('renew' in set).toBe(false);
    expect(set.revocation).toBeUndefined();
    expect(set.warnings).toEqual([expect.objectContaining({ what: expect.stringContaining('cannot be revoked') })]);
    expect((await lookUp(tokenIn(set))).status).toBe(200);
  });

  it('warns of a token that can be used a few times only', async () => {
    await setRole(bao, 'counted', { token_num_uses: 3 });
    const set = await obtain({ role: 'counted' });
    expect(set.warnings![0]!.what).toContain('can be used 3 times');
    await revoke(set);
  });

  it('keeps a periodic token alive, whatever its role says of ends', async () => {
    await setRole(bao, 'periodic', { token_ttl: undefined, token_period: '2s' });
    let set = await obtain({ role: 'periodic' });
    for (let times = 0; times < 3; times += 1) {
      await sleep(Math.max(0, set.renewAt!.getTime() - Date.now()));
      set = await set.renew!(() => Promise.reject(new Error('no new token is needed')));
    }
    expect((await lookUp(tokenIn(set))).status).toBe(200);
    await revoke(set);
  });

  it('is refused when a second factor is asked for, by doctor too', async () => {
    await bao.set('POST', 'sys/auth/jwt-mfa', { type: 'jwt' });
    await bao.set('POST', 'auth/jwt-mfa/config', { oidc_discovery_url: issuer.url, bound_issuer: issuer.url });
    await setRole(bao, 'usual', {}, { mount: 'jwt-mfa' });
    const method = await bao.set('POST', 'identity/mfa/method/totp', { issuer: 'hallpass' });
    const mounts = await bao.set('GET', 'sys/auth');
    await bao.set('POST', 'identity/mfa/login-enforcement/jwt', {
      mfa_method_ids: [method.body!.data!['method_id']],
      auth_method_accessors: [(mounts.body!.data!['jwt-mfa/'] as { accessor: string }).accessor],
    });
    const values = { AUTH_PATH: 'jwt-mfa' };
    expect((await refusalOf({ values })).causes[0]).toMatch(/login MFA enforcement/);
    expect(await requestFor(values).explain!(await tokenOf({}), io())).toMatchObject({
      message: 'a second factor is asked for (login MFA)',
    });
  });

  it('lives in namespaces, also nested ones, and is revoked there', async () => {
    await bao.set('POST', 'sys/namespaces/team1');
    await bao.set('POST', 'sys/namespaces/inner', undefined, 'team1');
    for (const namespace of ['team1', 'team1/inner']) {
      await setUpJwt(bao, issuer.url, { namespace, mount: 'hallpass/prod' });
      await setRole(bao, 'spaced', {}, { namespace, mount: 'hallpass/prod' });
      const values = { NAMESPACE: namespace, AUTH_PATH: 'hallpass/prod', RUN_ROLE: 'spaced' };
      const set = await obtain({ values });
      expect(set.environment['VAULT_NAMESPACE']).toBe(namespace);
      expect(set.input).toMatchObject({ namespace, ca_cert_file: null });
      expect((await lookUp(tokenIn(set), bao, namespace)).status).toBe(200);
      const renewed = await set.renew!(() => Promise.reject(new Error('no new token is needed')));
      await revoke(renewed);
      expect((await lookUp(tokenIn(set), bao, namespace)).status).toBe(403);
    }
  });
});

describeWith(['bao'], 'Vault: an OpenBao that is sealed, or behind a private CA', () => {
  beforeAll(async () => {
    issuer = await openTestIssuer({ key: await testKey() });
  });
  afterAll(() => issuer?.close());

  it('is waited for while it is sealed: within the time limit, and no longer', async () => {
    await using own = await startBao();
    await setUpJwt(own, issuer.url);
    await setRole(own, 'usual');
    await own.set('PUT', 'sys/seal');
    const error = await errorOf(obtain({ values: { CLIENT_TIMEOUT: '1' } }, own));
    expect(error.code).toBe('exchange_failed');
    expect(error.message).toMatch(/is still sealed after 1 s/);

    const waiting = obtain({ values: { CLIENT_TIMEOUT: '30' } }, own);
    await sleep(700);
    await own.set('PUT', 'sys/unseal', { key: own.unsealKey });
    const set = await waiting;
    expect((await lookUp(tokenIn(set), own)).status).toBe(200);
    await vault.revoke!(set.revocation!.reveal(), io());
  });

  it('is trusted by its CA alone', async () => {
    await using own = await startBao({ tls: true });
    await setUpJwt(own, issuer.url);
    await setRole(own, 'usual');
    const set = await obtain({ values: { ENCODED_CACERT: base64(own.ca!) } }, own);
    expect(set.files.map((file) => file.name)).toEqual(['token', 'ca.pem']);
    const renewed = await set.renew!(() => Promise.reject(new Error('no new token is needed')));
    expect('renew' in renewed).toBe(true);
    expect((await lookUp(tokenIn(set), own)).status).toBe(200);
    await revoke(set);
    expect((await lookUp(tokenIn(set), own)).status).toBe(403);

    const token = await tokenOf({});
    const withCa = requestFor({ ENCODED_CACERT: base64(own.ca!), RUN_ROLE: 'nope' }, own);
    expect(await withCa.explain!(token, io())).toMatchObject({ status: 400 });
    const untrusting: Readonly<Record<string, string>>[] = [{}, { ENCODED_CACERT: base64(certificateA) }];
    for (const values of untrusting) {
      const error = await errorOf(obtain({ values }, own));
      expect(error.message).toMatch(/certificate that no CA we know has signed/);
      expect(error.problem.mend).toContain('TFC_VAULT_ENCODED_CACERT');
    }
    const otherName = { ADDR: own.address.replace('127.0.0.1', '127.0.0.2'), ENCODED_CACERT: base64(own.ca!) };
    expect((await errorOf(obtain({ values: otherName }, own))).message).toMatch(/cannot be reached|another name/);
    const plain = { ADDR: own.address.replace('https:', 'http:') };
    expect((await errorOf(obtain({ values: plain }, own))).message).toMatch(/HTTP 400|may not be Vault/);
  });
});
