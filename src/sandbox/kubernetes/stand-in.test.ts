import { readFileSync } from 'node:fs';
import { assert, asyncProperty, constantFrom, json, oneof, string } from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openTestIssuer, testKey, testSubject, type TestIssuer, type TestKey } from '../../../test/support/issuer.ts';
import { testClock } from '../../../test/support/identity.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { fetchWithCa } from '../../platforms/fetch-with-ca.ts';
import { readSandboxConfig } from '../config.ts';
import type { SandboxLogLine } from '../log.ts';
import { openSandbox, type Sandbox } from '../open.ts';

const planSubject = testSubject;
const applySubject = testSubject.replace(/plan$/, 'apply');
const rbac = 'rbac.authorization.k8s.io';

let key: TestKey;
let issuer: TestIssuer;
let sandbox: Sandbox;
let fetchIt: typeof fetch;
const log: SandboxLogLine[] = [];
let clock: ReturnType<typeof testClock>;

beforeAll(async () => {
  key = await testKey('ES256');
});

beforeEach(async () => {
  log.length = 0;
  clock = testClock();
  issuer = await openTestIssuer({ key, now: clock.now });
  await open();
  onTestFinished(() => issuer.close());
});

async function open(changes: Record<string, unknown> = {}): Promise<void> {
  const kubernetes = { ...part(issuer.url), ...changes };
  sandbox = await openSandbox({
    config: await readSandboxConfig(JSON.stringify({ kubernetes }), '/'),
    now: clock.now,
    log: (line) => log.push(line),
  });
  const opened = sandbox;
  onTestFinished(() => opened.close());
  fetchIt = fetchWithCa(sandbox.environment['KUBE_CLUSTER_CA_CERT_DATA']!);
}

const bound = (name: string, role: string, user: string) => ({
  apiVersion: `${rbac}/v1`,
  kind: 'RoleBinding',
  metadata: { name, namespace: 'payments' },
  roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role },
  subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
});

function part(url: string) {
  return {
    authentication: {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: [
        {
          issuer: { url, audiences: ['kubernetes'] },
          claimValidationRules: [{ expression: "claims.sub.startsWith('organization:acme:')", message: 'not of acme' }],
          claimMappings: {
            username: { claim: 'sub', prefix: '' },
            groups: { expression: "['hallpass']" },
          },
        },
      ],
    },
    rbac: [bound('plan', 'view', planSubject), bound('apply', 'edit', applySubject)],
    config_maps: { payments: { one: { a: 'b' } } },
  };
}

interface Ask {
  readonly method?: string;
  readonly token?: string | null;
  readonly body?: Json;
  readonly headers?: Record<string, string>;
}

async function ask(path: string, { method, token, body, headers }: Ask = {}) {
  const bearer = token === undefined ? await issuer.sign({ aud: 'kubernetes' }) : token;
  const response = await fetchIt(`${sandbox.endpoint('kubernetes')}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return { status: response.status, body: (isJson ? JSON.parse(text) : text) as JsonObject, headers: response.headers };
}

const maps = '/api/v1/namespaces/payments/configmaps';
const asApply = () => issuer.sign({ aud: 'kubernetes', sub: applySubject });
const configMap = (name: string, data: Record<string, string>) => ({ metadata: { name }, data });

const unauthorized = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'Unauthorized',
  reason: 'Unauthorized',
  code: 401,
};

function reasonsOf({ headers }: { headers: Headers }): string[] {
  return JSON.parse(Buffer.from(headers.get('x-hallpass-reasons') ?? '', 'base64url').toString() || '[]') as string[];
}

describe('who is asking', () => {
  it('is told by a review', async () => {
    const { status, body } = await ask('/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {} });
    expect(status).toBe(201);
    expect(body['status']).toEqual({
      userInfo: {
        username: planSubject,
        groups: ['hallpass', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': ['JTI=jti-1'] },
      },
    });
    expect(log).toMatchObject([{ platform: 'kubernetes', outcome: 'ok', principal: planSubject, role: planSubject }]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['another audience', { aud: 'vault' }, /expected audience "kubernetes" got \["vault"\]/],
    ['no audience', { aud: undefined }, /audience/],
    ['another organization', { sub: testSubject.replace('acme', 'evil') }, /not of acme/],
    ['an end in the past', { exp: 1 }, /token is expired/],
    ['a start beyond the minute of tolerance', { nbf: 4_000_000_000 }, /nbf/],
    ['another issuer', { iss: 'http://127.0.0.1:1' }, /iss|invalid bearer token/],
  ])('is refused with %s, in the same words', async (_, claims, reason) => {
    const answer = await ask('/api', { token: await issuer.sign({ aud: 'kubernetes', ...claims }) });
    expect(answer).toMatchObject({ status: 401, body: unauthorized });
    expect(answer.body).toEqual(unauthorized);
    expect(reasonsOf(answer).join('\n')).toMatch(reason);
    expect(log).toMatchObject([{ outcome: 'refused', code: 'Unauthorized', reasons: reasonsOf(answer) }]);
  });

  it('is refused with a signature of another key', async () => {
    const stranger = await openTestIssuer({ key: await testKey('ES256'), now: clock.now });
    onTestFinished(() => stranger.close());
    const token = await stranger.sign({ aud: 'kubernetes', iss: issuer.url });
    const answer = await ask('/api', { token });
    expect(answer.body).toEqual(unauthorized);
    expect(reasonsOf(answer).join()).toContain('failed to verify id token signature');
  });

  it.each(['x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.'])('is refused with %s for a token', async (token) => {
    expect((await ask('/version', { token })).body).toEqual(unauthorized);
  });

  it('is refused while the issuer cannot be reached', async () => {
    issuer.documents.set('/.well-known/openid-configuration', 503);
    const answer = await ask('/api');
    expect(answer.body).toEqual(unauthorized);
    expect(reasonsOf(answer).join()).toContain('oidc: authenticator not initialized');
  });

  it('never has the token in the log', async () => {
    const token = await issuer.sign({ aud: 'kubernetes' });
    await ask(maps, { token });
    await ask(maps, { token: token.slice(0, -2) });
    expect(log).toHaveLength(2);
    expect(JSON.stringify(log)).not.toContain(token.split('.')[2]!.slice(0, 20));
  });

  it('may see the version without a token, and nothing else', async () => {
    expect((await ask('/version', { token: null })).body).toMatchObject({ major: '1' });
    expect((await ask('/healthz', { token: null })).body).toBe('ok');
    for (const path of ['/', '/api', '/apis', maps, '/apis/authentication.k8s.io/v1/selfsubjectreviews', '/metrics'])
      expect((await ask(path, { token: null })).body).toMatchObject({
        reason: 'Forbidden',
        message: expect.stringContaining('User "system:anonymous" cannot'),
      });
  });

  it('may not be somebody else', async () => {
    const answer = await ask(maps, { headers: { 'impersonate-user': 'admin' } });
    expect(answer).toMatchObject({ status: 403, body: { message: expect.stringContaining('cannot impersonate') } });
  });
});

/** A token of the issuer's new key, which has taken the place of the old one. */
async function rotated(): Promise<string> {
  const other = await testKey('ES256', 'next');
  issuer.documents.set('/.well-known/jwks', { keys: [other.jwk] });
  const twin = await openTestIssuer({ key: other, now: clock.now });
  onTestFinished(() => twin.close());
  return twin.sign({ aud: 'kubernetes', iss: issuer.url });
}

describe('keys of the issuer', () => {
  it('are read again at once for an unknown key id when the issuer names no age', async () => {
    await ask('/version');
    expect((await ask('/version', { token: await rotated() })).status).toBe(200);
  });

  it('are not read again within the time that the configuration names', async () => {
    await open({ key_refetch_seconds: 60 });
    await ask('/version');
    const token = await rotated();
    expect((await ask('/version', { token })).status).toBe(401);
    clock.advance(61);
    expect((await ask('/version', { token: await rotated() })).status).toBe(200);
  });

  it('go on working for tokens that they signed, also when the issuer is gone', async () => {
    await ask('/version');
    issuer.documents.clear();
    expect((await ask('/version')).status).toBe(200);
  });
});

async function can(verb: string, token?: string): Promise<Json | undefined> {
  const spec = { resourceAttributes: { namespace: 'payments', verb, resource: 'configmaps' } };
  const asked = { body: { spec }, ...(token === undefined ? {} : { token }) };
  const { body } = await ask('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', asked);
  return (body['status'] as JsonObject)['allowed'];
}

async function review(token: string): Promise<Json | undefined> {
  const { body } = await ask('/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec: { token } } });
  expect(JSON.stringify(body)).not.toContain(token);
  return body['status'];
}

describe('RBAC', () => {
  it('lets the plan read', async () => {
    const { body } = await ask(`${maps}/one`);
    expect(body).toMatchObject({
      kind: 'ConfigMap',
      metadata: { name: 'one', namespace: 'payments' },
      data: { a: 'b' },
    });
  });

  it('does not let the plan write, in the words of an API server', async () => {
    const answer = await ask(maps, { body: configMap('two', {}) });
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `configmaps is forbidden: User "${planSubject}" cannot create resource "configmaps" in API group "" in the namespace "payments"`,
      reason: 'Forbidden',
      details: { kind: 'configmaps' },
      code: 403,
    });
    expect(reasonsOf(answer).length).toBeGreaterThan(0);
  });

  it('names the object, where the request does', async () => {
    const { body } = await ask(`${maps}/one`, { method: 'DELETE' });
    expect(body).toMatchObject({
      message: expect.stringMatching(/^configmaps "one" is forbidden: /),
      details: { name: 'one', kind: 'configmaps' },
    });
  });

  it.each([
    ['another namespace', '/api/v1/namespaces/default/configmaps'],
    ['all namespaces', '/api/v1/configmaps'],
    ['what the stand-in does not play', '/api/v1/namespaces/payments/secrets'],
    ['another group', '/apis/apps/v1/namespaces/payments/deployments'],
    ['a path', '/metrics'],
    ['a name that hides a slash', '/api/v1/namespaces/payments%2F..%2Fdefault/configmaps'],
  ])('does not let the plan see %s', async (_, path) => {
    expect((await ask(path)).status).toBe(403);
  });

  it('knows nobody of another workspace', async () => {
    const token = await issuer.sign({ aud: 'kubernetes', sub: testSubject.replace('payments-prod', 'payments-prod2') });
    expect((await ask(`${maps}/one`, { token })).status).toBe(403);
  });

  it('answers what it would allow', async () => {
    expect([await can('get'), await can('create'), await can('create', await asApply())]).toEqual([true, false, true]);
  });

  it('reviews a token for who may, and says no more than a cluster of one that is refused', async () => {
    const reviewer = [
      {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRole',
        metadata: { name: 'reviewer' },
        rules: [{ apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] }],
      },
      {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name: 'reviewer' },
        roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'reviewer' },
        subjects: [{ apiGroup: rbac, kind: 'User', name: planSubject }],
      },
    ];
    await open({ rbac: reviewer });
    expect(await review(await asApply())).toMatchObject({ authenticated: true, user: { username: applySubject } });
    const other = await issuer.sign({ aud: 'vault' });
    expect(await review(other)).toEqual({ user: {}, error: 'invalid bearer token' });
  });

  it('lets nobody review the tokens of others who was not allowed to', async () => {
    const body = { spec: { token: 'x' } };
    expect((await ask('/apis/authentication.k8s.io/v1/tokenreviews', { body })).status).toBe(403);
  });
});

describe('config maps', () => {
  const change = async (path: string, how: Ask) => ask(path, { token: await asApply(), ...how });

  it('are made, read, replaced, patched, listed and deleted', async () => {
    const made = await change(maps, { body: configMap('two', { x: '1' }) });
    expect(made).toMatchObject({ status: 201, body: { kind: 'ConfigMap', data: { x: '1' } } });
    const metadata = made.body['metadata'] as JsonObject;
    expect(metadata).toMatchObject({ name: 'two', namespace: 'payments', uid: expect.any(String) });
    const put = { method: 'PUT', body: { metadata: { name: 'two' }, data: { x: '2' } } };
    expect(await change(`${maps}/two`, put)).toMatchObject({ status: 200, body: { data: { x: '2' } } });
    const patch = {
      method: 'PATCH',
      body: { data: { y: '3' } },
      headers: { 'content-type': 'application/merge-patch+json' },
    };
    expect(await change(`${maps}/two`, patch)).toMatchObject({ status: 200, body: { data: { x: '2', y: '3' } } });
    const { body } = await change(maps, {});
    expect(body).toMatchObject({ kind: 'ConfigMapList', items: [{ data: { a: 'b' } }, { data: { x: '2', y: '3' } }] });
    expect(await change(`${maps}/two`, { method: 'DELETE' })).toMatchObject({
      status: 200,
      body: { status: 'Success' },
    });
    expect(await change(`${maps}/two`, {})).toMatchObject({
      status: 404,
      body: { message: 'configmaps "two" not found', reason: 'NotFound', details: { name: 'two', kind: 'configmaps' } },
    });
  });

  it('keep their version when nothing changes, and get a new one when something does', async () => {
    const version = async () => ((await change(`${maps}/one`, {})).body['metadata'] as JsonObject)['resourceVersion'];
    const first = await version();
    await change(`${maps}/one`, { method: 'PUT', body: configMap('one', { a: 'b' }) });
    expect(await version()).toBe(first);
    await change(`${maps}/one`, { method: 'PUT', body: configMap('one', { a: 'c' }) });
    expect(await version()).not.toBe(first);
  });

  it('are not written over by who read them before', async () => {
    const { body: before } = await change(`${maps}/one`, {});
    await change(`${maps}/one`, { method: 'PUT', body: configMap('one', { a: 'c' }) });
    expect(await change(`${maps}/one`, { method: 'PUT', body: before })).toMatchObject({
      status: 409,
      body: { reason: 'Conflict' },
    });
  });

  it('come as a table for who wants one', async () => {
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    expect(await ask(maps, { headers })).toMatchObject({
      body: { kind: 'Table', rows: [{ cells: ['one', 1, expect.any(String)] }] },
    });
  });

  it('are not stored by a trial', async () => {
    expect((await change(`${maps}?dryRun=All`, { body: configMap('two', {}) })).status).toBe(201);
    expect((await change(`${maps}/two`, {})).status).toBe(404);
    const trial = { method: 'DELETE', body: { dryRun: ['All'] } };
    expect((await change(`${maps}/one`, trial)).status).toBe(200);
    expect((await change(`${maps}/one`, {})).status).toBe(200);
    expect((await change(`${maps}/one`, { method: 'DELETE', body: { dryRun: ['Some'] } })).status).toBe(422);
  });

  it('are deleted only by who knows them, where that was asked for', async () => {
    const { uid } = (await change(`${maps}/one`, {})).body['metadata'] as JsonObject;
    for (const [known, status] of [['another', 409] as const, [uid!, 200] as const]) {
      const deletion = { method: 'DELETE', body: { preconditions: { uid: known } } };
      expect((await change(`${maps}/one`, deletion)).status).toBe(status);
    }
  });

  it('are found by label and by name', async () => {
    await change(maps, { body: { metadata: { name: 'two', labels: { app: 'pay' } } } });
    const names = async (query: string) =>
      ((await change(`${maps}?${query}`, {})).body['items'] as JsonObject[]).map(
        ({ metadata }) => (metadata as JsonObject)['name'],
      );
    expect(await names('labelSelector=app%3Dpay')).toEqual(['two']);
    expect(await names('labelSelector=app!%3Dpay')).toEqual(['one']);
    expect(await names('labelSelector=!app')).toEqual(['one']);
    expect(await names('fieldSelector=metadata.name%3Done')).toEqual(['one']);
    expect((await change(`${maps}?labelSelector=app+in+(a)`, {})).status).toBe(400);
    expect((await change(`${maps}?fieldSelector=data.a%3Db`, {})).status).toBe(400);
  });

  it.each<[string, Ask, number]>([
    ['a name that is there', { body: configMap('one', {}) }, 409],
    ['no name', { body: { data: {} } }, 422],
    ['a bad name', { body: configMap('One', {}) }, 422],
    ['a bad key', { body: configMap('two', { 'a/b': '' }) }, 422],
    ['a number for a text', { body: { metadata: { name: 'two' }, data: { a: 1 } } }, 400],
    ['another namespace in it', { body: { metadata: { name: 'two', namespace: 'default' } } }, 400],
    ['another kind', { body: { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'two' } } }, 400],
    ['a list', { body: [] }, 400],
    ['more than a megabyte', { body: configMap('two', { a: 'x'.repeat(1024 * 1024) }) }, 413],
    ['YAML', { body: configMap('two', {}), headers: { 'content-type': 'application/yaml' } }, 415],
    ['another method', { method: 'DELETE' }, 405],
  ])('are refused with %s', async (_, how, status) => {
    const answer = await change(maps, how);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code: status });
  });

  it('refuse unknown members when that was asked for, and drop them otherwise', async () => {
    const body = { metadata: { name: 'two' }, dat: { a: 'b' } };
    expect((await change(`${maps}?fieldValidation=Strict`, { body })).body).toMatchObject({
      message: 'strict decoding error: unknown field "dat"',
    });
    expect((await change(maps, { body })).body).not.toHaveProperty('dat');
  });

  it('that are immutable stay as they are', async () => {
    await change(maps, { body: { ...configMap('two', { a: 'b' }), immutable: true } });
    const how = { method: 'PUT', body: { ...configMap('two', { a: 'c' }), immutable: true } };
    expect((await change(`${maps}/two`, how)).body).toMatchObject({ message: expect.stringContaining('immutable') });
  });
});

describe('whatever is sent', () => {
  const path = oneof(
    string(),
    constantFrom('', '/one', '?watch=true', '?labelSelector=%', '?dryRun=x', '/one/status', '//', '/%00').map(
      (rest) => maps + rest,
    ),
    constantFrom('/api/v1/namespaces', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', '/openapi/v3/x'),
  );
  const types = constantFrom(
    'application/json',
    'application/vnd.kubernetes.protobuf',
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
    '',
  );
  const bodies = oneof(
    json(),
    string(),
    constantFrom('{"metadata":{"name":"two","labels":[]}}', 'k8s\0\n', '[{"op":"add","path":"/metadata"}]'),
  );
  const methods = constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'QUERY');

  it('is answered and logged, and is no fault of the stand-in', async () => {
    const { standIn } = sandbox.playing[0]!;
    const bearer = `Bearer ${await asApply()}`;
    await assert(
      asyncProperty(methods, path, types, bodies, async (method, target, type, body) => {
        const before = log.length;
        const [place = '', query = ''] = target.split('?');
        const { status } = await standIn.answer({
          method,
          path: place,
          query,
          headers: new Map([
            ['authorization', [bearer]],
            ['content-type', [type]],
          ]),
          body: Buffer.from(body),
          remoteAddress: '127.0.0.1',
        });
        expect(status).toBeLessThan(500);
        expect(log).toHaveLength(before + 1);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the configuration', () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'no issuer',
      { authentication: { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt: [] } },
      /no issuer is trusted/,
    ],
    [
      'a misspelt member',
      { authentication: { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jw: [] } },
      /jw/,
    ],
    ['a document of another kind', { rbac: [{ apiVersion: 'v1', kind: 'Secret' }] }, /Secret/],
    ['keys of a stranger', { fetch_from: { 'https://stranger.example': 'http://127.0.0.1:1' } }, /is not trusted/],
    ['a namespace twice', { namespaces: ['a', 'a'] }, /twice/],
    ['a bad namespace', { namespaces: ['A'] }, /is not the name of a namespace/],
    ['an unknown key', { audiences: [] }, /audiences/],
  ])('with %s stops the start', async (_, changes, words) => {
    const config = { kubernetes: { ...part('http://127.0.0.1:8000'), ...changes } };
    await expect(readSandboxConfig(JSON.stringify(config), '/')).rejects.toThrow(words);
  });

  it('of the guide is one', async () => {
    const guide = readFileSync(new URL('../../../docs/guides/sandbox-kubernetes.md', import.meta.url), 'utf8');
    const text = /```yaml\n([^]*?)```/.exec(guide)![1]!;
    expect((await readSandboxConfig(text, '/')).kubernetes!.documents).toHaveLength(2);
  });
});
