import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { KubernetesAccess } from '../../platforms/kubernetes/trust-policy.ts';
import { userInfo, type User } from './user.ts';
import { badRequest } from './status.ts';

/** Questions that a client posts and that are answered at once; nothing is kept. */
export const reviewKinds = [
  { group: 'authentication.k8s.io', resource: 'selfsubjectreviews', kind: 'SelfSubjectReview' },
  { group: 'authentication.k8s.io', resource: 'tokenreviews', kind: 'TokenReview' },
  { group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' },
] as const;

/** What a review is answered with. */
export interface ReviewTools {
  readonly user: User;
  readonly now: Date;
  /** Who a token is for, or why it will not do. */
  readonly authenticate: (token: string) => Promise<User | null>;
  /** Whether RBAC allows something to the user. */
  readonly allows: (access: KubernetesAccess) => boolean;
}

/** @throws {KubernetesRefusal} 400 */
export async function answerReview(resource: string, body: Json, tools: ReviewTools): Promise<JsonObject> {
  const { group, kind } = reviewKinds.find((one) => one.resource === resource)!;
  if (!isJsonObject(body)) throw badRequest(`the body is no ${kind}`);
  const head = {
    kind,
    apiVersion: `${group}/v1`,
    metadata: { creationTimestamp: `${tools.now.toISOString().slice(0, 19)}Z` },
  };
  if (kind === 'SelfSubjectReview') return { ...head, status: { userInfo: userInfo(tools.user) } };
  const { spec } = body;
  if (!isJsonObject(spec)) throw badRequest(`${kind}.spec is no object`);
  if (kind === 'TokenReview') return { ...head, spec: {}, status: await tokenStatus(spec, tools) };
  return { ...head, spec, status: { allowed: tools.allows(accessOf(spec)) } };
}

async function tokenStatus({ token }: JsonObject, { authenticate }: ReviewTools): Promise<JsonObject> {
  if (typeof token !== 'string' || token === '')
    throw badRequest('token is required for TokenReview in authentication');
  const user = await authenticate(token);
  return user === null ? { user: {}, error: 'invalid bearer token' } : { authenticated: true, user: userInfo(user) };
}

function accessOf({ resourceAttributes: of, nonResourceAttributes: path }: JsonObject): KubernetesAccess {
  if (isJsonObject(of) === isJsonObject(path))
    throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  if (isJsonObject(path)) return { verb: text(path, 'verb'), nonResourceURL: text(path, 'path') };
  const asked = of as JsonObject;
  return {
    verb: text(asked, 'verb'),
    group: text(asked, 'group'),
    resource: text(asked, 'resource'),
    subresource: text(asked, 'subresource'),
    namespace: text(asked, 'namespace') || null,
    name: text(asked, 'name') || null,
  };
}

function text(object: JsonObject, member: string): string {
  const value = object[member] ?? '';
  if (typeof value !== 'string') throw badRequest(`${member} is no text`);
  return value;
}
