import type { JsonObject } from '../../domain/json.ts';
import { authorize } from './authorize.ts';
import { uniqueIdOf } from './access-tokens.ts';
import { authenticate, bearer } from './authenticate.ts';
import type { GcpProject, MethodCall } from './project.ts';
import { oauthRefusal, permissionDenied } from './refusal.ts';

/** `GET` or `POST` `oauth2.googleapis.com/tokeninfo`: what clients ask about a service account's access token. */
export function tokenInfo(request: MethodCall, project: GcpProject): JsonObject {
  const { call } = request;
  const token =
    new URLSearchParams(call.query).get('access_token') ??
    new URLSearchParams(call.body.toString('utf8')).get('access_token') ??
    bearer(call);
  const facts = token === null ? undefined : project.tokens.find(token);
  if (facts?.kind !== 'service_account' || project.now() >= facts.expiresAt)
    throw oauthRefusal(400, 'invalid_token', 'Invalid Value', {
      reasons: ['it is no live access token of a service account; federated tokens are introspected at /v1/introspect'],
    });
  request.note({ principal: facts.principal, role: facts.email });
  const id = uniqueIdOf(facts.email);
  const left = facts.expiresAt.getTime() - project.now().getTime();
  return {
    azp: id,
    aud: id,
    scope: facts.scopes.join(' '),
    exp: String(Math.floor(facts.expiresAt.getTime() / 1000)),
    expires_in: String(Math.floor(left / 1000)),
    email: facts.email,
    email_verified: 'true',
    access_type: 'online',
  };
}

/** `GET` userinfo, which Terraform's Google provider asks for; federated identities have none. */
export function userInfo(request: MethodCall, project: GcpProject): JsonObject {
  const scopes = ['https://www.googleapis.com/auth/userinfo.email', 'email', 'openid'];
  const facts = authenticate(request, project, scopes);
  if (facts.kind === 'service_account')
    return { sub: uniqueIdOf(facts.email), email: facts.email, email_verified: true };
  throw oauthRefusal(401, 'invalid_request', 'Invalid Credentials', {
    reasons: ['the caller is a federated identity, which has no user information'],
  });
}

/** `GET cloudresourcemanager.googleapis.com/v1/projects/P`: auth libraries ask for the id of the pool's project. */
export function getProject(request: MethodCall, project: GcpProject): JsonObject {
  const facts = authenticate(request, project);
  const asked = request.parts[0]!;
  const { id, number } = project.config.project;
  request.note({ resource: `projects/${asked}` });
  if (asked !== id && asked !== number)
    throw permissionDenied('resourcemanager.projects.get', `projects/${asked}`, {
      reasons: [`the call is about project ${asked}; the stand-in plays ${id} (${number})`],
    });
  authorize('resourcemanager.projects.get', `projects/${asked}`, facts, [project.config.iamPolicy]);
  return { projectNumber: number, projectId: id, lifecycleState: 'ACTIVE', name: id };
}

/** `GET …/allowedLocations`: google-auth for Python asks in the background where a token may be used. Nothing is narrowed. */
export function allowedLocations(request: MethodCall, project: GcpProject): JsonObject {
  authenticate(request, project);
  return { locations: [], encodedLocations: '0x0' };
}
