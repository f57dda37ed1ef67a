import type { PlatformIo, Refusal } from '../../domain/credential.ts';
import { isJsonObject, parseJsonObject, type JsonObject } from '../../domain/json.ts';
import type { IdentityToken } from '../../domain/token.ts';
import { readLimited } from '../read-limited.ts';
import { foreignText, standInReasons } from '../refusal-text.ts';
import { answerText, explainSeconds, longestAnswer, refusedAnswer } from '../refused-answer.ts';
import { likelyCauses } from './causes.ts';
import { cloudAt, cloudNamed, tokenAddress, type AzureCloud } from './clouds.ts';
import type { AzureConfiguration } from './configure.ts';
import { tenantOf } from './render.ts';

/**
 * Tries the exchange once, to say why Entra refuses it: one client-credentials request with the token as assertion, as
 * the providers send it, nothing retried. The access token of a success is thrown away unread.
 *
 * @returns null when Entra accepts the token, when the run names no tenant (it may stand in a provider block), when Entra
 *   cannot be reached within 3 s, or when it fails by itself (429, 5xx)
 * @see Microsoft identity platform, "OAuth 2.0 client credentials flow", access token request with a federated credential
 */
export async function explainAzure(
  configuration: AzureConfiguration,
  tag: string | null,
  token: IdentityToken,
  io: PlatformIo,
): Promise<Refusal | null> {
  const tenant = tenantOf(io.environment);
  // The tenant becomes part of a path.
  if (tenant === undefined || !/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(tenant)) return null;
  const signal = AbortSignal.timeout(explainSeconds * 1000);
  try {
    const cloud = await cloudOf(io, signal);
    if (cloud === null) return null;
    const response = await io.fetch(`${cloud.authority}/${tenant}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: configuration.clientId,
        scope: `${cloud.resourceManager}/.default`,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: token.compact.reveal(),
      }).toString(),
      redirect: 'manual',
      signal,
    });
    const body = await refusedAnswer(response);
    if (body === null) return null;
    return readRefusal({ configuration, tag, tenant, token }, response, parseJsonObject(body) ?? {});
  } catch {
    // Whatever kept the call from being answered says nothing about the federated credentials.
    return null;
  }
}

/**
 * Where the providers would go, from the child's variables: the metadata of `ARM_METADATA_HOSTNAME`, else
 * `AZURE_AUTHORITY_HOST` (the SDKs' own), else the cloud of `ARM_ENVIRONMENT`. Null when they give no usable address.
 */
async function cloudOf({ environment, fetch }: PlatformIo, signal: AbortSignal): Promise<AzureCloud | null> {
  const metadataHost = environment['ARM_METADATA_HOSTNAME'] || environment['ARM_METADATA_HOST'];
  if (metadataHost) {
    const base = tokenAddress(`https://${metadataHost}`);
    if (base === null) return null;
    const response = await fetch(`${base}/metadata/endpoints?api-version=2022-09-01`, { redirect: 'manual', signal });
    return response.ok ? cloudFrom(parseJsonObject(await readLimited(response, longestAnswer)) ?? {}) : null;
  }
  const authorityHost = environment['AZURE_AUTHORITY_HOST'];
  if (authorityHost) {
    const authority = tokenAddress(/^https?:\/\//i.test(authorityHost) ? authorityHost : `https://${authorityHost}`);
    return authority === null ? null : cloudAt(authority);
  }
  return cloudNamed(environment['ARM_ENVIRONMENT'] || 'public');
}

/** The two addresses of a metadata document that an exchange needs. */
function cloudFrom(metadata: JsonObject): AzureCloud | null {
  const { authentication, resourceManager } = metadata;
  const login = isJsonObject(authentication) ? authentication['loginEndpoint'] : undefined;
  const authority = typeof login === 'string' ? tokenAddress(login) : null;
  if (authority === null || typeof resourceManager !== 'string') return null;
  return { authority, resourceManager: resourceManager.replace(/\/+$/, '') };
}

interface Asked {
  readonly configuration: AzureConfiguration;
  readonly tag: string | null;
  readonly tenant: string;
  readonly token: IdentityToken;
}

function readRefusal({ configuration, tag, tenant, token }: Asked, response: Response, body: JsonObject): Refusal {
  const show = (text: string): string => foreignText(text, token);
  const description = answerText(body, 'error_description');
  const code = errorCode(body) ?? `HTTP ${response.status}`;
  const message = description === null ? 'the answer is not one of Entra' : ownWords(description);
  const requestId = answerText(body, 'trace_id') ?? response.headers.get('x-ms-request-id');
  return {
    platform: 'azure',
    tag,
    role: configuration.clientId,
    code: show(code),
    message: show(message),
    status: response.status,
    requestId: requestId === null ? null : show(requestId),
    causes: likelyCauses(code, message, {
      client: configuration.clientId,
      tenant,
      iss: token.claims.iss,
      aud: token.claims.aud,
      sub: token.claims.sub,
    }),
    reasons: standInReasons(response).map(show),
  };
}

/** `AADSTS700213`: from the list of codes, else from the words. */
function errorCode(body: JsonObject): string | null {
  const codes = body['error_codes'];
  const first: unknown = Array.isArray(codes) ? codes[0] : undefined;
  if (Number.isSafeInteger(first)) return `AADSTS${String(first)}`;
  return /^AADSTS\d+/.exec(answerText(body, 'error_description') ?? '')?.[0] ?? answerText(body, 'error');
}

/** The description without its code, and without the ids and the time that follow it. */
function ownWords(description: string): string {
  return description
    .replace(/^AADSTS\d+:\s*/, '')
    .replace(/\s*Trace ID:.*$/s, '')
    .trim();
}
