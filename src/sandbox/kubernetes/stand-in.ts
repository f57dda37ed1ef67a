import { randomUUID } from 'node:crypto';
import { decideKubernetesAccess } from '../../platforms/kubernetes/trust-policy.ts';
import { header, type Answer, type HttpCall } from '../http-call.ts';
import { loggedAnswer, type Note } from '../logged-answer.ts';
import type { StandInWorld } from '../stand-in.ts';
import { authenticate, authenticateToken } from './authenticate.ts';
import { requireAccess } from './authorize.ts';
import { readBody } from './body.ts';
import type { Cluster } from './cluster.ts';
import { discoveryDocument } from './discovery.ts';
import { methodNotAllowed, performOnObjects } from './objects.ts';
import { requestInfo, type PathRequest, type RequestInfo, type ResourceRequest } from './request-info.ts';
import { kept } from './resource.ts';
import { answerReview, reviewKinds } from './reviews.ts';
import { badRequest, jsonAnswer, KubernetesRefusal, refusalAnswer, textAnswer, UnknownPath } from './status.ts';
import { wantsTable } from './table.ts';
import type { User } from './user.ts';

/** Answers one request as an API server would. */
export async function answerCall(call: HttpCall | null, cluster: Cluster, log: StandInWorld['log']): Promise<Answer> {
  const auditId = randomUUID();
  const asked = call === null ? null : requestInfo(call);
  return loggedAnswer(
    {
      platform: 'kubernetes',
      requestId: auditId,
      action: actionOf(asked),
      resource: placeOf(asked),
      async perform(note) {
        if (call === null)
          throw new KubernetesRefusal(413, 'RequestEntityTooLarge', 'Request entity too large: limit is 1048576');
        if (asked === null) throw badRequest('the path cannot be decoded');
        return perform(call, asked, cluster, note, auditId);
      },
      refusals: KubernetesRefusal,
      failure: (reason) =>
        new KubernetesRefusal(500, 'InternalError', 'Internal error occurred: the stand-in failed', {
          reasons: [reason],
        }),
      refuse: (refusal) => refusalAnswer(refusal, auditId),
    },
    { now: cluster.now, log },
  );
}

async function perform(
  call: HttpCall,
  asked: RequestInfo,
  cluster: Cluster,
  note: Note,
  auditId: string,
): Promise<Answer> {
  const { user, subject, checks } = await authenticate(call, cluster);
  // The user is what RBAC knows; the subject is what the token said.
  note({ principal: subject ?? user.username, role: user.username, checks });
  refuseImpersonation(call, user);
  requireAccess(asked, user, cluster);
  return asked.isResource ? performOnResource(call, asked, user, cluster, auditId) : performOnPath(asked, auditId);
}

async function performOnResource(
  call: HttpCall,
  asked: ResourceRequest,
  user: User,
  cluster: Cluster,
  auditId: string,
): Promise<Answer> {
  const sent = { contentType: header(call, 'content-type') ?? '', body: call.body };
  const kind = asked.group === '' && asked.version === 'v1' && kept.find(({ resource }) => resource === asked.resource);
  if (kind) {
    const isTable = wantsTable(header(call, 'accept'));
    const { status, body } = performOnObjects(kind, asked, { ...sent, wantsTable: isTable }, cluster);
    return jsonAnswer(body, auditId, status);
  }
  const review = reviewKinds.find(({ group, resource }) => group === asked.group && resource === asked.resource);
  if (review === undefined || asked.version !== 'v1') throw new UnknownPath();
  if (asked.verb !== 'create' || asked.name !== null) throw methodNotAllowed();
  const answer = await answerReview(review.resource, readBody(sent), {
    user,
    now: cluster.now(),
    authenticate: (token) => userOf(token, cluster),
    allows: (access) => decideKubernetesAccess(cluster.trust, user, access).allowed,
  });
  return jsonAnswer(answer, auditId, 201);
}

function performOnPath({ path, verb }: PathRequest, auditId: string): Answer {
  if (verb !== 'get' && verb !== 'head') throw new UnknownPath();
  if (['/healthz', '/livez', '/readyz'].includes(path)) return textAnswer('ok', auditId);
  const document = discoveryDocument(path);
  if (document === undefined) throw new UnknownPath();
  return jsonAnswer(document, auditId);
}

async function userOf(token: string, cluster: Cluster): Promise<User | null> {
  try {
    return (await authenticateToken(token, cluster)).user;
  } catch (error) {
    if (error instanceof KubernetesRefusal) return null;
    throw error;
  }
}

/** Nobody here may act as somebody else, whatever the roles say. */
function refuseImpersonation(call: HttpCall, { username }: User): void {
  const name = header(call, 'impersonate-user');
  if (name === undefined && ![...call.headers.keys()].some((key) => key.startsWith('impersonate-'))) return;
  throw new KubernetesRefusal(
    403,
    'Forbidden',
    `users ${JSON.stringify(name ?? '')} is forbidden: User ${JSON.stringify(username)} cannot impersonate resource "users" in API group "" at the cluster scope`,
    { details: { name: name ?? '', kind: 'users' }, reasons: ['the stand-in does not play impersonation'] },
  );
}

function actionOf(asked: RequestInfo | null): string {
  if (asked === null) return '?';
  if (!asked.isResource) return `${asked.verb} ${asked.path}`;
  const { verb, group, resource, subresource } = asked;
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}${subresource === null ? '' : `/${subresource}`}`;
}

function placeOf(asked: RequestInfo | null): string | null {
  if (asked === null || !asked.isResource) return null;
  const { namespace, name } = asked;
  return namespace === null && name === null ? null : [namespace, name].filter((part) => part !== null).join('/');
}
