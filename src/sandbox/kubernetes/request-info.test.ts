import { assert, constantFrom, property, string, stringMatching } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestInfo } from './request-info.ts';

const ask = (line: string) => {
  const [method, address] = line.split(' ') as [string, string];
  const [path, query = ''] = address.split('?') as [string, string?];
  return requestInfo({ method, path, query });
};

describe('a request in the terms of RBAC', () => {
  it.each([
    ['GET /api/v1/namespaces/shop/configmaps/one', 'get', '', 'configmaps', 'shop', 'one', null],
    ['GET /api/v1/namespaces/shop/configmaps', 'list', '', 'configmaps', 'shop', null, null],
    ['GET /api/v1/namespaces/shop/configmaps?watch=true', 'watch', '', 'configmaps', 'shop', null, null],
    ['GET /api/v1/namespaces/shop/configmaps?watch=1', 'watch', '', 'configmaps', 'shop', null, null],
    ['GET /api/v1/namespaces/shop/configmaps?watch=false', 'list', '', 'configmaps', 'shop', null, null],
    ['GET /api/v1/configmaps', 'list', '', 'configmaps', null, null, null],
    ['POST /api/v1/namespaces/shop/configmaps', 'create', '', 'configmaps', 'shop', null, null],
    ['PUT /api/v1/namespaces/shop/configmaps/one', 'update', '', 'configmaps', 'shop', 'one', null],
    ['PATCH /api/v1/namespaces/shop/configmaps/one', 'patch', '', 'configmaps', 'shop', 'one', null],
    ['DELETE /api/v1/namespaces/shop/configmaps/one', 'delete', '', 'configmaps', 'shop', 'one', null],
    ['DELETE /api/v1/namespaces/shop/configmaps', 'deletecollection', '', 'configmaps', 'shop', null, null],
    ['GET /api/v1/namespaces', 'list', '', 'namespaces', null, null, null],
    ['GET /api/v1/namespaces/shop', 'get', '', 'namespaces', 'shop', 'shop', null],
    ['PUT /api/v1/namespaces/shop/finalize', 'update', '', 'namespaces', 'shop', 'shop', 'finalize'],
    ['GET /apis/apps/v1/namespaces/shop/deployments/a/scale', 'get', 'apps', 'deployments', 'shop', 'a', 'scale'],
    [
      'POST /apis/authentication.k8s.io/v1/tokenreviews',
      'create',
      'authentication.k8s.io',
      'tokenreviews',
      null,
      null,
      null,
    ],
    ['HEAD /api/v1/namespaces/shop/configmaps/one', 'get', '', 'configmaps', 'shop', 'one', null],
  ])('%s', (line, verb, group, resource, namespace, name, subresource) => {
    expect(ask(line)).toMatchObject({ isResource: true, verb, group, resource, namespace, name, subresource });
  });

  it.each([
    ['GET /version', 'get'],
    ['GET /api', 'get'],
    ['GET /api/v1', 'get'],
    ['GET /api/v1/', 'get'],
    ['GET /apis/apps/v1', 'get'],
    ['GET /apis', 'get'],
    ['POST /healthz', 'post'],
    ['OPTIONS /api/v1/namespaces', 'options'],
    ['GET /apiv1/namespaces/shop', 'get'],
  ])('%s is about a path', (line, verb) => {
    expect(ask(line)).toMatchObject({ isResource: false, verb });
  });

  it('reads an encoded slash as RBAC would, before it asks', () => {
    expect(ask('GET /api/v1/namespaces/shop%2Fconfigmaps')).toMatchObject({
      resource: 'configmaps',
      namespace: 'shop',
    });
  });

  it('gives null for what cannot be decoded', () => expect(ask('GET /api/v1/%ff')).toBeNull());

  it('throws at nothing', () => {
    assert(
      property(constantFrom('GET', 'POST', 'DELETE', 'X'), string(), string(), (method, path, query) => {
        expect(() => requestInfo({ method, path: `/api/v1/${path}`, query })).not.toThrow();
      }),
    );
  });

  it('never loses a namespace', () => {
    assert(
      property(stringMatching(/^[a-z]{1,8}$/), stringMatching(/^[a-z]{1,8}$/), (namespace, name) => {
        expect(ask(`GET /api/v1/namespaces/${namespace}/configmaps/${name}`)).toMatchObject({ namespace, name });
      }),
    );
  });
});
