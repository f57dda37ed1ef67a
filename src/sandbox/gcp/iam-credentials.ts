import type { JsonObject, Json } from '../../domain/json.ts';
import { isoSeconds } from '../../domain/iso-seconds.ts';
import { decideGcpImpersonation, isGcpMember } from '../../platforms/gcp/trust-policy.ts';
import type { TokenFacts } from './access-tokens.ts';
import { authenticate } from './authenticate.ts';
import { jsonBody } from './json-body.ts';
import type { GcpProject, MethodCall } from './project.ts';
import type { RefusalDetail } from '../refusal.ts';
import { apiRefusal, errorInfo, type GcpRefusal } from './refusal.ts';

const longestSeconds = 3600;
const tokenCreator = 'roles/iam.serviceAccountTokenCreator';

/**
 * `POST /v1/projects/-/serviceAccounts/EMAIL:generateAccessToken`: an access token in a service account's name, for
 * whoever may act as it.
 *
 * @see Google Cloud, IAM Service Account Credentials API, Method: projects.serviceAccounts.generateAccessToken
 */
export function generateAccessToken(request: MethodCall, project: GcpProject): JsonObject {
  const [asked, email] = [request.parts[0]!, request.parts[1]!];
  const caller = authenticate(request, project, ['https://www.googleapis.com/auth/iam']);
  request.note({ role: email, resource: `projects/-/serviceAccounts/${email}` });
  const body = jsonBody(request.call);
  const scopes = readScopes(body['scope']);
  const seconds = Math.min(readLifetime(body['lifetime']), project.config.token_seconds);
  if (asked !== '-') throw denied([`the path names project ${asked}; Google takes only "-" there`]);
  const delegates = body['delegates'];
  if (Array.isArray(delegates) && delegates.length > 0)
    throw denied(['the call goes through delegates, and the stand-in plays no chains of service accounts']);
  requireActAs(caller, email, request, project);
  const issuedAt = project.now();
  const expiresAt = new Date(Math.floor(issuedAt.getTime() / 1000 + seconds) * 1000);
  request.note({ expires_at: isoSeconds(expiresAt) });
  const { principal } = caller;
  const access = project.tokens.issue({ kind: 'service_account', email, principal, scopes, issuedAt, expiresAt });
  return { accessToken: access.reveal(), expireTime: isoSeconds(expiresAt) };
}

/** A federated identity is judged as `platforms/gcp` judges it; one service account as another needs to be its token creator. */
function requireActAs(caller: TokenFacts, email: string, request: MethodCall, project: GcpProject): void {
  const accounts = project.config.serviceAccounts;
  if (caller.kind === 'federated') {
    const verdict = decideGcpImpersonation({ serviceAccounts: accounts }, caller.identity, email);
    request.note({ checks: verdict.checks });
    if (!verdict.allowed) throw denied(verdict.reasons, verdict);
    return;
  }
  const bindings = accounts.get(email)?.bindings ?? [];
  const may = bindings.some(
    ({ role, members, condition }) =>
      role === tokenCreator &&
      condition === null &&
      members.some((member) => isGcpMember(member, { email: caller.email }) === true),
  );
  if (!may)
    throw denied([
      accounts.has(email)
        ? `no binding of ${email} grants ${tokenCreator} to serviceAccount:${caller.email}`
        : `there is no service account ${email}; there are ${[...accounts.keys()].join(', ') || 'none'}`,
    ]);
}

function denied(reasons: readonly string[], detail: Pick<RefusalDetail, 'checks'> = {}): GcpRefusal {
  const permission = 'iam.serviceAccounts.getAccessToken';
  return apiRefusal('PERMISSION_DENIED', `Permission '${permission}' denied on resource (or it may not exist).`, {
    reasons,
    checks: detail.checks ?? [],
    details: [errorInfo('IAM_PERMISSION_DENIED', 'iam.googleapis.com', { permission })],
  });
}

function readScopes(scope: Json | undefined): readonly string[] {
  const scopes = Array.isArray(scope) ? (scope as readonly Json[]) : [];
  const texts = scopes.filter((one): one is string => typeof one === 'string' && /^[!-~]+$/.test(one));
  if (texts.length > 0 && texts.length === scopes.length) return texts;
  throw apiRefusal('INVALID_ARGUMENT', 'Request contains an invalid argument.', {
    reasons: [`scope is ${JSON.stringify(scope ?? null)}; it must be a list of at least one scope`],
  });
}

/** Seconds of a duration such as `3600s`; an hour when it is not given. */
function readLifetime(lifetime: Json | undefined): number {
  if (lifetime === undefined || lifetime === null) return longestSeconds;
  const text = JSON.stringify(lifetime);
  const seconds = /^"(-?\d{1,12}(?:\.\d{1,9})?)s"$/.exec(text)?.[1];
  if (seconds === undefined)
    throw apiRefusal(
      'INVALID_ARGUMENT',
      `Invalid value at 'lifetime' (type.googleapis.com/google.protobuf.Duration), ${text}`,
      { reasons: [`lifetime is ${text}; it must be seconds with an s, such as "3600s"`] },
    );
  if (Number(seconds) <= 0)
    // Google's spelling.
    throw apiRefusal('INVALID_ARGUMENT', 'Lifetime of access token must be larger then zero.', {
      reasons: [`lifetime is ${text}`],
    });
  if (Number(seconds) > longestSeconds)
    throw apiRefusal(
      'INVALID_ARGUMENT',
      "The access token lifetime can not be more than 1 hour. To extend it, the service account must be listed in the organization policy constraint 'constraints/iam.allowServiceAccountCredentialLifetimeExtension'.",
      { reasons: [`lifetime is ${text}; the stand-in has no account with an extended lifetime (3600s)`] },
    );
  return Math.floor(Number(seconds));
}
