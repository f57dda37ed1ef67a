import type { JsonObject } from '../../domain/json.ts';
import { kept } from './resource.ts';
import { reviewKinds } from './reviews.ts';

const allVerbs = ['create', 'delete', 'get', 'list', 'patch', 'update'];

/** The version that the stand-in plays. */
export const version = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.0+hallpass',
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '2026-04-22T00:00:00Z',
  goVersion: 'go1.26.0',
  compiler: 'gc',
  platform: 'linux/amd64',
} as const satisfies JsonObject;

const groups = [...new Set(reviewKinds.map(({ group }) => group))];

function groupDocument(group: string): JsonObject {
  const one = { groupVersion: `${group}/v1`, version: 'v1' };
  return { name: group, versions: [one], preferredVersion: one };
}

const coreResources: JsonObject = {
  kind: 'APIResourceList',
  groupVersion: 'v1',
  resources: kept.map(({ resource, singular, isNamespaced, kind, shortNames }) => ({
    name: resource,
    singularName: singular,
    namespaced: isNamespaced,
    kind,
    verbs: allVerbs,
    shortNames,
  })),
};

/** What a client must find before it asks for anything, by path. */
const documents: ReadonlyMap<string, JsonObject> = new Map<string, JsonObject>([
  ['/version', version],
  [
    '/api',
    {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: 'localhost' }],
    },
  ],
  ['/api/v1', coreResources],
  ['/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupDocument) }],
  ...groups.flatMap((group): [string, JsonObject][] => [
    [`/apis/${group}`, { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group) }],
    [
      `/apis/${group}/v1`,
      {
        kind: 'APIResourceList',
        apiVersion: 'v1',
        groupVersion: `${group}/v1`,
        resources: reviewKinds
          .filter((review) => review.group === group)
          .map(({ resource, kind }) => ({
            name: resource,
            singularName: kind.toLowerCase(),
            namespaced: false,
            kind,
            verbs: ['create'],
          })),
      },
    ],
  ]),
  ['/openapi/v3', { paths: { 'api/v1': { serverRelativeURL: '/openapi/v3/api/v1?hash=hallpass' } } }],
  ['/openapi/v3/api/v1', openApi()],
]);

/** A discovery document; undefined where an API server has none. A slash at the end counts for nothing. */
export function discoveryDocument(path: string): JsonObject | undefined {
  return documents.get(path.replace(/\/+$/, ''));
}

/**
 * As much OpenAPI as kubectl wants before it applies: that objects are checked by the server.
 *
 * @see k8s.io/cli-runtime, QueryParamVerifierV3
 */
function openApi(): JsonObject {
  const parameters = [{ name: 'fieldValidation', in: 'query', schema: { type: 'string', uniqueItems: true } }];
  const paths = kept.map(({ resource, kind, isNamespaced }): [string, JsonObject] => [
    isNamespaced ? `/api/v1/namespaces/{namespace}/${resource}/{name}` : `/api/v1/${resource}/{name}`,
    {
      patch: {
        parameters,
        responses: { 200: { description: 'OK' } },
        'x-kubernetes-action': 'patch',
        'x-kubernetes-group-version-kind': { group: '', kind, version: 'v1' },
      },
    },
  ]);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: version.gitVersion },
    paths: Object.fromEntries(paths),
  };
}
