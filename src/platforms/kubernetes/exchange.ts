import type { PlatformIo, Refusal } from '../../domain/credential.ts';
import { parseJsonObject } from '../../domain/json.ts';
import type { IdentityToken } from '../../domain/token.ts';
import { fetchWithCa } from '../fetch-with-ca.ts';
import { foreignText, standInReasons } from '../refusal-text.ts';
import { answerText, explainSeconds, refusedAnswer } from '../refused-answer.ts';
import { apiServer } from './api-server.ts';
import { likelyCauses } from './causes.ts';

const review = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

/**
 * Asks the API server who the token is, as `kubectl auth whoami` does, to say why it refuses. Nothing is retried, and the
 * answer of a success is thrown away unread.
 *
 * @returns null when the API server accepts the token, is not known (`KUBE_HOST`), cannot be reached within 3 s, or fails
 *   by itself (429, 5xx)
 * @see Kubernetes API reference, SelfSubjectReview v1 authentication.k8s.io
 */
export async function explainKubernetes(
  tag: string | null,
  token: IdentityToken,
  io: PlatformIo,
): Promise<Refusal | null> {
  const server = apiServer(io.environment);
  // The certificate is not checked there, or for another name: the token is not sent on such terms.
  if (server === null || server.isInsecure || server.serverName !== null) return null;
  const ask =
    server.ca === null || server.url.startsWith('http:') ? io.fetch : (io.fetchTrusting ?? fetchWithCa)(server.ca);
  try {
    const response = await ask(`${server.url}${review}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token.compact.reveal()}`,
        'content-type': 'application/json',
        accept: 'application/json',
      },
      body: '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
      redirect: 'manual',
      signal: AbortSignal.timeout(explainSeconds * 1000),
    });
    const body = await refusedAnswer(response);
    return body === null ? null : readRefusal(tag, token, server.url, response, body);
  } catch {
    // Whatever kept the call from being answered says nothing about the API server's configuration.
    return null;
  }
}

function readRefusal(
  tag: string | null,
  token: IdentityToken,
  host: string,
  response: Response,
  body: string,
): Refusal {
  const show = (text: string): string => foreignText(text, token);
  const answer = parseJsonObject(body) ?? {};
  const status = answer['kind'] === 'Status' ? answer : {};
  const code = show(answerText(status, 'reason') ?? `HTTP ${response.status}`);
  const message = show(answerText(status, 'message') ?? 'the answer is not one of a Kubernetes API server');
  const requestId = response.headers.get('audit-id');
  return {
    platform: 'kubernetes',
    tag,
    role: null,
    code,
    message,
    status: response.status,
    requestId: requestId === null ? null : show(requestId),
    causes: likelyCauses(code, message, {
      iss: token.claims.iss,
      aud: token.claims.aud,
      sub: token.claims.sub,
      exp: token.expiresAt.toISOString(),
      host,
    }),
    reasons: standInReasons(response).map(show),
  };
}
