import { splitOnce, type HttpCall } from '../http-call.ts';

/** What a request asks for, in the terms of RBAC. */
export type RequestInfo = ResourceRequest | PathRequest;

/** A request about objects of the API. */
export interface ResourceRequest {
  readonly isResource: true;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb: string;
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** In the plural, as in the path. */
  readonly resource: string;
  readonly subresource: string | null;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly path: string;
  readonly query: URLSearchParams;
}

/** A request about any other path. */
export interface PathRequest {
  readonly isResource: false;
  /** The method in lower case. */
  readonly verb: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/**
 * Reads method and path as the API server does before it asks RBAC. Null when the path cannot be decoded.
 *
 * @see Kubernetes docs, "Authorization", request attributes; k8s.io/apiserver, RequestInfoFactory
 */
export function requestInfo(call: Pick<HttpCall, 'method' | 'path' | 'query'>): RequestInfo | null {
  const path = decoded(call.path);
  if (path === null) return null;
  const query = new URLSearchParams(call.query);
  const other: PathRequest = { isResource: false, verb: call.method.toLowerCase(), path, query };
  const parts = path.split('/').filter((part) => part !== '');
  const [prefix, ...rest] = parts;
  const verb = verbs[call.method];
  if (verb === undefined || (prefix !== 'api' && prefix !== 'apis')) return other;
  const group = prefix === 'api' ? '' : (rest.shift() ?? '');
  const version = rest.shift();
  if (version === undefined || rest.length === 0 || (prefix === 'apis' && group === '')) return other;
  const isInside = rest[0] === 'namespaces' && rest.length > 1;
  const namespace = isInside ? rest[1]! : null;
  // "/namespaces/x" alone, or with a part of the namespace behind it, is about the namespace itself.
  const ofNamespace = isInside && (rest.length === 2 || rest[2] === 'status' || rest[2] === 'finalize');
  const [resource, name = null, subresource = null] = isInside && !ofNamespace ? rest.slice(2) : rest;
  return {
    isResource: true,
    verb: name === null ? collectionVerb(verb, query) : verb,
    group,
    version,
    resource: resource!,
    subresource,
    namespace,
    name,
    path,
    query,
  };
}

function collectionVerb(verb: string, query: URLSearchParams): string {
  if (verb === 'delete') return 'deletecollection';
  if (verb !== 'get') return verb;
  return isTrue(query.get('watch')) ? 'watch' : 'list';
}

/** As Go's `strconv.ParseBool` reads it; anything else is false here. */
function isTrue(text: string | null): boolean {
  return text !== null && ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text);
}

function decoded(path: string): string | null {
  try {
    return decodeURIComponent(splitOnce(path, '?')[0]);
  } catch {
    return null;
  }
}
