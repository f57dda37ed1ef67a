import { describe, expect, it } from 'vitest';
import { playedServer, type PlayedAnswer } from '../../../test/support/played-server.ts';
import type { Refusal } from '../../domain/credential.ts';
import { canary, exampleIo, exampleToken } from '../conformance-examples.ts';
import { explainKubernetes } from './exchange.ts';

const server = playedServer();
const { calls } = server;

async function explain(answer: PlayedAnswer, environment: Record<string, string> = {}): Promise<Refusal | null> {
  const host = await server.answer(answer);
  return explainKubernetes(
    'BLUE',
    exampleToken(canary, 'kubernetes'),
    exampleIo({ fetch: globalThis.fetch, environment: { KUBE_HOST: host, ...environment } }),
  );
}

const unauthorized = JSON.stringify({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'Unauthorized',
  reason: 'Unauthorized',
  code: 401,
});

describe('explainKubernetes', () => {
  it('asks once who the token is, as kubectl auth whoami does', async () => {
    await explain({ status: 401, body: unauthorized });
    expect(calls).toMatchObject([
      {
        method: 'POST',
        url: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        headers: { authorization: `Bearer ${canary}` },
        body: '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
      },
    ]);
  });

  it("gives the API server's own words, and three causes with our values", async () => {
    const refusal = await explain({ status: 401, body: unauthorized, headers: { 'audit-id': 'a-1' } });
    expect(refusal).toMatchObject({
      platform: 'kubernetes',
      tag: 'BLUE',
      role: null,
      code: 'Unauthorized',
      message: 'Unauthorized',
      status: 401,
      requestId: 'a-1',
      reasons: [],
    });
    const causes = refusal!.causes.join('\n');
    expect(refusal!.causes).toHaveLength(3);
    for (const value of ['https://id.example.com', '"kubernetes"', 'run_phase:plan', '2026-11-21T', '10 seconds'])
      expect(causes).toContain(value);
    expect(causes).not.toContain('{');
  });

  it('tells a user without rights from an unknown one', async () => {
    const message = 'selfsubjectreviews.authentication.k8s.io is forbidden: User "u" cannot create resource';
    const refusal = await explain({
      status: 403,
      body: JSON.stringify({ kind: 'Status', reason: 'Forbidden', message, code: 403 }),
    });
    expect(refusal).toMatchObject({ code: 'Forbidden', message, status: 403 });
    expect(refusal!.causes[0]).toContain('RBAC');
  });

  it('gives the reasons of a stand-in', async () => {
    const header = Buffer.from(JSON.stringify(['audience: wanted "a", was "b"'])).toString('base64url');
    const refusal = await explain({ status: 401, body: unauthorized, headers: { 'x-hallpass-reasons': header } });
    expect(refusal!.reasons).toEqual(['audience: wanted "a", was "b"']);
  });

  it.each([
    ['HTML', '<html>no</html>'],
    ['nothing', ''],
    ['null', 'null'],
    ['another kind', '{"kind":"Pod","reason":"Unauthorized"}'],
    ['a reason that is no text', '{"kind":"Status","reason":7}'],
  ])('says that %s is no answer of an API server', async (_, body) => {
    const refusal = await explain({ status: 404, body });
    expect(refusal).toMatchObject({ code: 'HTTP 404', message: 'the answer is not one of a Kubernetes API server' });
  });

  it('shows neither the token nor its parts', async () => {
    const [head, payload] = canary.split('.');
    const body = JSON.stringify({ kind: 'Status', reason: 'Bad', message: `${canary} ${payload}\u001b[2J` });
    const refusal = await explain({ status: 400, body });
    expect(JSON.stringify(refusal)).not.toContain(head);
    expect(JSON.stringify(refusal)).not.toContain(payload);
    expect(refusal!.message).not.toContain('\u001b');
  });

  it.each([201, 302, 429, 500, 503])('says nothing of a %i', async (status) => {
    expect(await explain({ status, body: unauthorized })).toBeNull();
  });

  it.each<Record<string, string>>([
    { KUBE_INSECURE: 'true' },
    { KUBE_TLS_SERVER_NAME: 'kubernetes' },
    { KUBE_HOST: '' },
  ])('sends the token nowhere with %j', async (environment) => {
    expect(await explain({ status: 401, body: unauthorized }, environment)).toBeNull();
    expect(calls).toEqual([]);
  });
});
