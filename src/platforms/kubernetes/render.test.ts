import { describe, expect, it } from 'vitest';
import { Secret, revealed } from '../../domain/secret.ts';
import { canary, exampleIo, exampleToken } from '../conformance-examples.ts';
import { apiServer } from './api-server.ts';
import { renderKubernetes } from './render.ts';

const ca = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

const render = (environment: Record<string, string> = {}) =>
  renderKubernetes(exampleToken(canary, 'kubernetes'), { directory: '/creds/kubernetes/0-default', environment });

describe('renderKubernetes', () => {
  it('gives the token as it is, in a file and in KUBE_TOKEN, both secret', () => {
    const set = render();
    expect(set.files).toEqual([{ name: 'token', contents: expect.any(Secret) }]);
    expect(set.environment).toEqual({ KUBE_TOKEN: expect.any(Secret) });
    expect(revealed(set.files[0]!.contents)).toBe(canary);
    expect(revealed(set.environment['KUBE_TOKEN']!)).toBe(canary);
    expect(set.input).toEqual({ token_path: '/creds/kubernetes/0-default/token' });
    expect(set.expiresAt).toEqual(exampleToken().expiresAt);
  });

  it('writes a kubeconfig without a secret where the API server is known', () => {
    const set = render({ KUBE_HOST: 'https://k8s.example.com:6443/', KUBE_CLUSTER_CA_CERT_DATA: ca });
    expect(set.environment['KUBECONFIG']).toBe('/creds/kubernetes/0-default/kubeconfig');
    const text = set.files.find((file) => file.name === 'kubeconfig')!.contents;
    expect(text).toBeTypeOf('string');
    expect(text).not.toContain(canary);
    expect(JSON.parse(text as string)).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'hallpass',
          cluster: {
            server: 'https://k8s.example.com:6443',
            'certificate-authority-data': Buffer.from(ca).toString('base64'),
          },
        },
      ],
      users: [{ name: 'hallpass', user: { tokenFile: '/creds/kubernetes/0-default/token' } }],
      contexts: [{ name: 'hallpass', context: { cluster: 'hallpass', user: 'hallpass' } }],
      'current-context': 'hallpass',
    });
  });

  it('leaves the authority out where the user switched the check off: kubectl refuses both', () => {
    const set = render({
      KUBE_HOST: 'https://k8s.example.com',
      KUBE_CLUSTER_CA_CERT_DATA: ca,
      KUBE_TLS_SERVER_NAME: 'kubernetes',
      KUBE_INSECURE: 'true',
    });
    const { clusters } = JSON.parse(set.files[1]!.contents as string) as { clusters: { cluster: unknown }[] };
    expect(clusters[0]!.cluster).toEqual({
      server: 'https://k8s.example.com',
      'insecure-skip-tls-verify': true,
      'tls-server-name': 'kubernetes',
    });
  });
});

describe('apiServer', () => {
  it.each([
    ['https://k8s.example.com', 'https://k8s.example.com'],
    ['k8s.example.com:6443', 'https://k8s.example.com:6443'],
    ['https://rancher.example.com/k8s/clusters/c-1/', 'https://rancher.example.com/k8s/clusters/c-1'],
    ['http://127.0.0.1:8001', 'http://127.0.0.1:8001'],
    ['http://localhost:8001/', 'http://localhost:8001'],
    ['HTTPS://K8S.example.com', 'https://k8s.example.com'],
  ])('takes %s as %s', (host, url) => {
    expect(apiServer({ KUBE_HOST: host })?.url).toBe(url);
  });

  it.each([
    ['nothing', ''],
    ['plain http elsewhere', 'http://k8s.example.com'],
    ['a host that only looks like loopback', 'http://127.0.0.1.example.com'],
    ['a user in the address', 'https://me:pw@k8s.example.com'],
    ['a query', 'https://k8s.example.com/?a=b'],
    ['a fragment', 'https://k8s.example.com/#a'],
    ['what is no address', 'https://'],
    ['another scheme', 'ftp://k8s.example.com'],
    ['blanks', 'https://k8s example'],
  ])('refuses %s', (_, host) => {
    expect(apiServer({ KUBE_HOST: host })).toBeNull();
  });

  it('knows none where none is said', () => {
    expect(apiServer(exampleIo().environment)).toBeNull();
  });
});
