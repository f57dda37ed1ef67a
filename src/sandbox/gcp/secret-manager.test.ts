import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reasonsOf } from '../../../test/support/aws-client.ts';
import { accountToken, callApi, federated } from '../../../test/support/gcp-client.ts';
import {
  applyAccount,
  applySubject,
  binding,
  gcpAudience,
  gcpPart,
  planAccount,
  planPrincipal,
  projectId,
  projectNumber,
} from '../../../test/support/gcp-project.ts';
import { openTestIssuer, testKey, type TestIssuer } from '../../../test/support/issuer.ts';
import { readSandboxConfig } from '../config.ts';
import type { SandboxLogLine } from '../log.ts';
import { openSandbox, type Sandbox } from '../open.ts';
import { crc32c } from './crc32c.ts';

let issuer: TestIssuer;
let sandbox: Sandbox;
let plan: string;
let apply: string;
let key: Awaited<ReturnType<typeof testKey>>;
const log: SandboxLogLine[] = [];
const secrets = `/v1/projects/${projectId}/secrets`;
const name = (path: string): string => `projects/${projectNumber}/secrets/${path}`;

async function open(changes: Record<string, unknown> = {}): Promise<Sandbox> {
  const config = await readSandboxConfig(JSON.stringify({ gcp: gcpPart(issuer.url, changes) }), '/');
  return openSandbox({ config, log: (line) => log.push(line) });
}

const endpoint = (at = sandbox): string => at.endpoint('gcp');
const sign = (claims: Record<string, unknown> = {}): Promise<string> => issuer.sign({ aud: gcpAudience, ...claims });

async function json(path: string, token: string, body?: unknown, method?: string): Promise<Record<string, any>> {
  const response = await callApi(endpoint(), { path: `${secrets}${path}`, token, body, ...(method && { method }) });
  return { http: response.status, ...((await response.json()) as object), reasons: reasonsOf(response) };
}

beforeAll(async () => {
  key = await testKey();
});

beforeEach(async () => {
  log.length = 0;
  await issuer?.close();
  await sandbox?.close();
  issuer = await openTestIssuer({ key });
  sandbox = await open();
  plan = await accountToken(endpoint(), planAccount, await sign());
  apply = await accountToken(endpoint(), applyAccount, await sign({ sub: applySubject }));
});

afterAll(async () => {
  await sandbox.close();
  await issuer.close();
});

describe('a plan', () => {
  it('reads a secret by name, id and number, with the checksum that clients check', async () => {
    const data = Buffer.from('eu-north-1').toString('base64');
    const payload = { data, dataCrc32c: String(crc32c(Buffer.from('eu-north-1'))) };
    const read = await json('/region/versions/latest:access', plan);
    expect(read).toMatchObject({ http: 200, name: name('region/versions/1'), payload });
    const path = `/v1/projects/${projectNumber}/secrets/region/versions/1:access`;
    expect(await (await callApi(endpoint(), { path, token: plan })).json()).toMatchObject({ payload });
    expect(JSON.stringify(log)).not.toContain(data);
    expect(log.at(-1)).toMatchObject({ action: 'secretmanager:versions.access', role: planAccount });
  });

  it('reads with the federated identity itself, where that is bound', async () => {
    const direct = await federated(endpoint(), await sign());
    expect(await json('/region/versions/latest:access', direct)).toMatchObject({ http: 200 });
    const other = await federated(endpoint(), await sign({ sub: applySubject }));
    expect(await json('/region/versions/latest:access', other)).toMatchObject({ http: 403 });
  });

  it('lists and describes', async () => {
    expect(await json('', plan)).toMatchObject({ secrets: [{ name: name('region') }], totalSize: 1 });
    expect(await json('/region', plan)).toMatchObject({ name: name('region'), replication: { automatic: {} } });
    expect(await json('/region/versions', plan)).toMatchObject({ versions: [{ state: 'ENABLED' }] });
    expect(await json('/region/versions/1', plan)).toMatchObject({ name: name('region/versions/1') });
  });

  it('is refused to write, in IAM’s words, with the bindings that were looked at', async () => {
    const refused = await json('?secretId=x', plan, { replication: { automatic: {} } });
    expect(refused).toMatchObject({
      http: 403,
      error: {
        code: 403,
        status: 'PERMISSION_DENIED',
        message: `Permission 'secretmanager.secrets.create' denied for resource 'projects/${projectId}' (or it may not exist).`,
        details: [{ reason: 'IAM_PERMISSION_DENIED', metadata: { permission: 'secretmanager.secrets.create' } }],
      },
    });
    expect(refused['reasons']).toEqual([
      expect.stringContaining(`roles/secretmanager.admin to serviceAccount:${applyAccount}`),
    ]);
    const version = { payload: { data: 'eA==' } };
    expect(await json('/region:addVersion', plan, version)).toMatchObject({ http: 403 });
    expect(await json('/region', plan, undefined, 'DELETE')).toMatchObject({ http: 403 });
    expect(await json('/region/versions/1:destroy', plan, {})).toMatchObject({ http: 403 });
  });

  it('learns nothing of what it may not see', async () => {
    await using closed = await open({ iam_policy: {} });
    const token = await accountToken(endpoint(closed), planAccount, await sign());
    for (const secret of ['region', 'nothere']) {
      const path = `${secrets}/${secret}/versions/latest:access`;
      expect((await callApi(endpoint(closed), { path, token })).status).toBe(403);
    }
    const other = await callApi(endpoint(), { path: '/v1/projects/another-one/secrets', token: plan });
    expect(other.status).toBe(403);
  });
});

describe('a binding', () => {
  it('of one secret holds for that one only', async () => {
    await using one = await open({
      iam_policy: {},
      secrets: {
        open: { value: 'a', iam_policy: binding('roles/secretmanager.secretAccessor', planPrincipal) },
        closed: 'b',
      },
    });
    const token = await federated(endpoint(one), await sign());
    const read = (secret: string) => callApi(endpoint(one), { path: `${secrets}/${secret}/versions/1:access`, token });
    expect((await read('open')).status).toBe(200);
    expect((await read('closed')).status).toBe(403);
  });

  it.each([
    ['under a condition is not relied on', { condition: { expression: 'true', title: 't' } }, 'under a condition'],
    ['of an unknown role grants nothing', { role: 'projects/acme/roles/reader' }, 'does not know'],
    ['of editors does not show what secrets hold', { role: 'roles/editor' }, 'no binding grants'],
  ])('%s', async (_, change, reason) => {
    const one = { role: 'roles/secretmanager.secretAccessor', members: [planPrincipal], ...change };
    await using bound = await open({ iam_policy: { bindings: [one] } });
    const token = await federated(endpoint(bound), await sign());
    const response = await callApi(endpoint(bound), { path: `${secrets}/region/versions/1:access`, token });
    expect(response.status).toBe(403);
    expect(reasonsOf(response).join()).toContain(reason);
  });
});

describe('an apply', () => {
  const replication = { automatic: {} };

  it('creates, fills, changes and deletes a secret', async () => {
    const created = await json('?secretId=db', apply, { replication, labels: { team: 'payments' } });
    expect(created).toMatchObject({ http: 200, name: name('db'), labels: { team: 'payments' }, replication });
    const payload = { data: 'aGVsbG8=', dataCrc32c: String(crc32c(Buffer.from('hello'))) };
    expect(await json('/db:addVersion', apply, { payload })).toMatchObject({
      name: name('db/versions/1'),
      state: 'ENABLED',
      clientSpecifiedPayloadChecksum: true,
    });
    await json('/db:addVersion', apply, { payload: { data: 'd29ybGQ=' } });
    expect(await json('/db/versions/latest:access', plan)).toMatchObject({ payload: { data: 'd29ybGQ=' } });
    const patched = await json('/db?updateMask=labels', apply, { labels: { team: 'risk' } }, 'PATCH');
    expect(patched).toMatchObject({ labels: { team: 'risk' }, replication });
    expect(patched['etag']).not.toBe(created['etag']);
    expect(await json('/db', apply, undefined, 'DELETE')).toMatchObject({ http: 200 });
    expect(await json('/db', apply)).toMatchObject({ http: 404 });
  });

  it('disables, enables and destroys a version', async () => {
    expect(await json('/region/versions/1:disable', apply, {})).toMatchObject({ state: 'DISABLED' });
    expect(await json('/region/versions/1:access', apply)).toMatchObject({
      http: 400,
      error: {
        status: 'FAILED_PRECONDITION',
        message: `Secret Version [${name('region/versions/1')}] is in DISABLED state.`,
      },
    });
    expect(await json('/region/versions/1:enable', apply, {})).toMatchObject({ state: 'ENABLED' });
    expect(await json('/region/versions/1:destroy', apply, {})).toMatchObject({
      state: 'DESTROYED',
      destroyTime: expect.any(String),
    });
    expect(await json('/region/versions/1:enable', apply, {})).toMatchObject({ http: 400 });
    expect(await json('/region/versions/latest:access', apply)).toMatchObject({ http: 400 });
  });

  it('pages through its lists', async () => {
    for (const one of ['a', 'b', 'c']) await json(`?secretId=${one}`, apply, { replication });
    const first = await json('?pageSize=3', apply);
    expect(first).toMatchObject({ totalSize: 4, nextPageToken: '3' });
    const last = await json('?pageSize=3&pageToken=3', apply);
    expect(last).toMatchObject({ secrets: [{ name: name('c') }] });
    expect(last).not.toHaveProperty('nextPageToken');
  });

  const bad: Record<string, [string, unknown, string | undefined, number, string]> = {
    'a name with a slash': ['?secretId=a%2Fb', { replication }, undefined, 400, 'Secret ID must match'],
    'no replication': ['?secretId=a', {}, undefined, 400, 'The replication field is required.'],
    'a name that is taken': [
      '?secretId=region',
      { replication },
      undefined,
      409,
      `Secret [${name('region')}] already exists.`,
    ],
    'a version without data': ['/region:addVersion', { payload: {} }, undefined, 400, 'The payload field is required.'],
    'data that is not base64': [
      '/region:addVersion',
      { payload: { data: '§' } },
      undefined,
      400,
      'Base64 decoding failed',
    ],
    'too much data': [
      '/region:addVersion',
      { payload: { data: Buffer.alloc(65_537).toString('base64') } },
      undefined,
      400,
      '65536 bytes',
    ],
    'another checksum': [
      '/region:addVersion',
      { payload: { data: 'aGVsbG8=', dataCrc32c: '1' } },
      undefined,
      400,
      'The checksum provided in the request does not match the payload.',
    ],
    'a body that is no object': ['/region:addVersion', [], undefined, 400, 'Invalid JSON payload received.'],
    'a secret that is not there': [
      '/none:addVersion',
      { payload: { data: 'eA==' } },
      undefined,
      404,
      `Secret [${name('none')}] not found.`,
    ],
    'a version that is not there': [
      '/region/versions/9:destroy',
      {},
      undefined,
      404,
      `Secret Version [${name('region/versions/9')}] not found.`,
    ],
    'a change of replication': ['/region?updateMask=replication', {}, 'PATCH', 400, 'Invalid update mask'],
    'a change of nothing': ['/region', {}, 'PATCH', 400, 'Invalid update mask'],
  };
  for (const [what, [path, body, method, status, message]] of Object.entries(bad)) {
    it(`is refused ${what}`, async () => {
      const refused = await json(path, apply, body, method);
      expect(refused).toMatchObject({
        http: status,
        error: { code: status, message: expect.stringContaining(message) },
      });
      expect(refused['reasons']).toHaveLength(1);
    });
  }

  it('finds no version in a secret that has none', async () => {
    await json('?secretId=empty', apply, { replication });
    expect(await json('/empty/versions/latest:access', apply)).toMatchObject({
      http: 404,
      error: { message: `Secret [${name('empty')}] not found or has no versions.` },
    });
  });
});
