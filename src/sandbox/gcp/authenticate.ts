import { apiRefusal, errorInfo, type GcpRefusal } from './refusal.ts';
import type { TokenFacts } from './access-tokens.ts';
import { header, type HttpCall } from '../http-call.ts';
import type { GcpProject, MethodCall } from './project.ts';

const expected =
  'Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.';

const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform';

/**
 * Finds out whose access token a call bears.
 *
 * @param scopes  besides `cloud-platform`, the scopes that are enough
 * @throws {GcpRefusal} 401 `UNAUTHENTICATED`; 403 when the token's scopes do not cover the call
 */
export function authenticate(
  { call, note }: MethodCall,
  project: GcpProject,
  scopes: readonly string[] = [],
): TokenFacts {
  const token = bearer(call);
  if (token === null)
    throw unauthenticated(`Request is missing required authentication credential. ${expected}`, 'CREDENTIALS_MISSING', [
      'the call has no header "Authorization: Bearer …"',
    ]);
  const facts = project.tokens.find(token);
  const invalid = `Request had invalid authentication credentials. ${expected}`;
  if (facts === undefined)
    throw unauthenticated(invalid, 'ACCESS_TOKEN_TYPE_UNSUPPORTED', [
      looksLikeJwt(token)
        ? 'the bearer is a JWT; it must be exchanged for an access token first (POST /v1/token)'
        : 'this stand-in has not issued that access token (its tokens end with its process)',
    ]);
  note({ principal: facts.principal, ...(facts.kind === 'service_account' && { role: facts.email }) });
  if (project.now() >= facts.expiresAt)
    throw unauthenticated(invalid, 'ACCESS_TOKEN_EXPIRED', [
      `the access token ended at ${facts.expiresAt.toISOString()}; it is ${project.now().toISOString()}`,
    ]);
  if (!facts.scopes.some((scope) => scope === cloudPlatform || scopes.includes(scope)))
    throw insufficientScopes(facts, [cloudPlatform, ...scopes]);
  return facts;
}

/** The bearer token of a call; null when there is none. */
export function bearer(call: HttpCall): string | null {
  return /^Bearer +(\S+)$/i.exec(header(call, 'authorization') ?? '')?.[1] ?? null;
}

function looksLikeJwt(token: string): boolean {
  return token.startsWith('eyJ') && token.split('.').length === 3;
}

function unauthenticated(message: string, reason: string, reasons: readonly string[]): GcpRefusal {
  return apiRefusal('UNAUTHENTICATED', message, {
    reasons,
    details: [errorInfo(reason, 'googleapis.com', {})],
    challenge: 'Bearer realm="https://accounts.google.com/", error="invalid_token"',
  });
}

function insufficientScopes(facts: TokenFacts, wanted: readonly string[]): GcpRefusal {
  return apiRefusal('PERMISSION_DENIED', 'Request had insufficient authentication scopes.', {
    reasons: [
      `the access token's scopes are ${facts.scopes.join(' ') || 'none'}; the call needs ${wanted.join(' or ')}`,
    ],
    details: [errorInfo('ACCESS_TOKEN_SCOPE_INSUFFICIENT', 'googleapis.com', {})],
    challenge: `Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="${wanted.join(' ')}"`,
  });
}
