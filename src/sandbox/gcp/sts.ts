import type { JsonObject } from '../../domain/json.ts';
import { isoSeconds } from '../../domain/iso-seconds.ts';
import {
  decideGcpExchange,
  gcpPrincipal,
  type GcpIdentity,
  type GcpVerdict,
} from '../../platforms/gcp/trust-policy.ts';
import { header } from '../http-call.ts';
import type { ParsedToken } from '../relying-party/parse-token.ts';
import type { TrustedProvider } from './config.ts';
import { accessTokenType, invalid, readExchangeParameters } from './exchange-parameters.ts';
import type { GcpProject, MethodCall } from './project.ts';
import { oauthRefusal, type GcpRefusal } from './refusal.ts';
import { readSubjectToken, verifySubjectToken } from './subject-token.ts';

/** Steps of the decision that come before anything is fetched. */
const beforeKeys: readonly string[] = ['request', 'provider', 'issuer'];

/**
 * `POST /v1/token`: a token of a trusted issuer for a federated access token. The order is form, provider, issuer, key
 * and signature, times, audience, mapping, sizes, condition (Google does not publish its own).
 *
 * @see Google Cloud, Security Token Service API, Method: token
 */
export async function exchangeToken(request: MethodCall, project: GcpProject): Promise<JsonObject> {
  const asked = readExchangeParameters(request.call);
  request.note({ resource: asked.audience });
  const trusted = providerFor(asked.audience, project);
  const token = readSubjectToken(asked.subjectToken);
  const { provider } = trusted;
  const verdict = decideGcpExchange(
    { provider },
    {
      claims: token.claims,
      audience: asked.audience,
      at: project.now(),
      clockSkewSeconds: project.config.clock_skew_seconds,
    },
  );
  const first = verdict.checks.find(({ result }) => result !== 'pass');
  if (first !== undefined && beforeKeys.includes(first.step)) throw refusalOf(verdict);
  await verifySubjectToken(token, project.keysOf(provider.name));
  if (typeof token.claims['sub'] === 'string') request.note({ principal: token.claims['sub'] });
  request.note({ checks: verdict.checks });
  if (!verdict.allowed || verdict.identity === null) throw refusalOf(verdict);
  return issue(verdict.identity, token, asked.scopes, request, project);
}

/** The provider that an audience names; its own name is matched character for character. */
function providerFor(audience: string, { config }: GcpProject): TrustedProvider {
  const prefix = '//iam.googleapis.com/';
  const trusted = config.providers.find(({ provider }) => audience === `${prefix}${provider.name}`);
  if (trusted !== undefined) return trusted;
  const known = config.providers.map(({ provider }) => `${prefix}${provider.name}`).join(', ') || 'none';
  const form =
    /^\/\/iam\.googleapis\.com\/projects\/\d+\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32}\/providers\/[a-z0-9-]{4,32}$/;
  if (!form.test(audience))
    throw invalid(
      'audience',
      `the call's audience is ${audience}; it must be //iam.googleapis.com/ and the provider's name, with the number of its project, without https:`,
    );
  throw oauthRefusal(
    400,
    'invalid_target',
    'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.',
    { reasons: [`the call's audience is ${audience}; the project's providers are ${known}`] },
  );
}

function refusalOf(verdict: GcpVerdict): GcpRefusal {
  const { error, reasons, checks } = verdict;
  if (error !== null && 'error' in error)
    return oauthRefusal(error.status, error.error, error.error_description, { reasons, checks });
  return oauthRefusal(400, 'unauthorized_client', 'The given credential is rejected by the attribute condition.', {
    reasons,
    checks,
  });
}

/** The access token ends with the subject token, and after an hour at the latest. */
function issue(
  identity: GcpIdentity,
  token: ParsedToken,
  scopes: readonly string[],
  request: MethodCall,
  project: GcpProject,
): JsonObject {
  const issuedAt = project.now();
  const left = Math.floor(Number(token.claims['exp']) - issuedAt.getTime() / 1000);
  // As measured: with one second left the service answers 500, and with two it leaves the life out.
  if (left === 1)
    throw oauthRefusal(500, 'internal_failure', 'Internal error encountered.', {
      reasons: ['the token ends within a second; Google was seen to answer 500 then'],
    });
  const seconds = Math.max(1, Math.min(left, project.config.token_seconds));
  const expiresAt = new Date(issuedAt.getTime() + seconds * 1000);
  const principal = gcpPrincipal(identity);
  request.note({ principal, expires_at: isoSeconds(expiresAt) });
  const access = project.tokens.issue({ kind: 'federated', identity, principal, scopes, issuedAt, expiresAt });
  return {
    access_token: access.reveal(),
    issued_token_type: accessTokenType,
    token_type: 'Bearer',
    ...(left > 2 && { expires_in: seconds }),
  };
}

/**
 * `POST /v1/introspect` (RFC 7662): what gcloud asks when a federated token is used without a service account. It needs
 * the client's own authentication, of which gcloud's id, which is no secret, is enough.
 */
export function introspectToken(request: MethodCall, project: GcpProject): JsonObject {
  if (!/^Basic +\S+$/i.test(header(request.call, 'authorization') ?? ''))
    throw oauthRefusal(401, 'invalid_client', 'The OAuth client was not found.', {
      reasons: ['introspection needs client authentication (Authorization: Basic …), as gcloud sends it'],
    });
  const token = new URLSearchParams(request.call.body.toString('utf8')).get('token');
  if (!token)
    throw oauthRefusal(400, 'invalid_request', 'Invalid value for "token".', { reasons: ['the call has no token'] });
  const facts = project.tokens.find(token);
  if (facts?.kind !== 'federated' || project.now() >= facts.expiresAt) return { active: false };
  request.note({ principal: facts.principal });
  return {
    active: true,
    scope: facts.scopes.join(' '),
    // int64 is text in Google's JSON.
    exp: String(Math.floor(facts.expiresAt.getTime() / 1000)),
    iat: String(Math.floor(facts.issuedAt.getTime() / 1000)),
    iss: 'https://sts.googleapis.com/',
    sub: facts.principal,
    username: facts.principal,
  };
}
