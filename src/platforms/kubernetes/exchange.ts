import type { PlatformIo, Refusal } from '../../domain/credential.ts';
import type { IdentityToken } from '../../domain/token.ts';
import { fetchWithCa } from '../fetch-with-ca.ts';
import { readLimited } from '../read-limited.ts';
import { foreignText, standInReasons } from '../refusal-text.ts';
import { apiServer } from './api-server.ts';
import { likelyCauses } from './causes.ts';

const timeoutMilliseconds = 3000;
const longestAnswer = 100_000;
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
      signal: AbortSignal.timeout(timeoutMilliseconds),
    });
    if (response.status < 400 || response.status === 429 || response.status >= 500) {
      await response.body?.cancel();
      return null;
    }
    return readRefusal(tag, token, server.url, response, await readLimited(response, longestAnswer));
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
  const status = statusOf(body);
  const code = show(status.reason ?? `HTTP ${response.status}`);
  const message = show(status.message ?? 'the answer is not one of a Kubernetes API server');
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

/** The members of a `Status` object that count here. */
function statusOf(body: string): { reason: string | undefined; message: string | undefined } {
  try {
    const status = JSON.parse(body) as Record<string, unknown> | null;
    const text = (name: string): string | undefined =>
      status?.['kind'] === 'Status' && typeof status[name] === 'string' ? status[name] : undefined;
    return { reason: text('reason'), message: text('message') };
  } catch {
    return { reason: undefined, message: undefined };
  }
}
