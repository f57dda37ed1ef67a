import { ExchangeRefused, type PlatformIo, type Refusal } from '../../domain/credential.ts';
import type { Problem } from '../../domain/errors.ts';
import { isJsonObject, parseJsonObject, type JsonObject } from '../../domain/json.ts';
import { Secret } from '../../domain/secret.ts';
import type { IdentityToken } from '../../domain/token.ts';
import { readLimited } from '../read-limited.ts';
import { foreignText, standInReasons } from '../refusal-text.ts';
import { answerText, explainSeconds, longestAnswer, refusedAnswer } from '../refused-answer.ts';
import { likelyCauses } from './causes.ts';
import { providerAudience, type GcpConfiguration } from './configure.ts';
import { gcpHosts, impersonationUrl, tokenUrl, type GcpHosts } from './hosts.ts';
import { longestSubject, subjectBytes } from './subject.ts';

const scope = 'https://www.googleapis.com/auth/cloud-platform';

/** What one try came to; `silent`: not reached in time, or failed by itself (429, 5xx). */
type Trial = { readonly kind: 'accepted' | 'silent' } | { readonly kind: 'refused'; readonly refusal: Refusal };

interface Exchange {
  readonly configuration: GcpConfiguration;
  readonly tag: string | null;
  readonly token: IdentityToken;
  readonly hosts: GcpHosts;
  readonly fetch: typeof fetch;
}

/**
 * Tries the exchange once, to say why Google refuses it: the token service, then the service account, as Google's clients
 * call them; nothing retried. Credentials of a success are thrown away.
 *
 * @returns null when Google accepts the token, cannot be reached within 3 s, or fails by itself (429, 5xx)
 * @see Google Cloud, Security Token Service API, v1/token; IAM Service Account Credentials API, generateAccessToken
 */
export async function explainGcp(
  configuration: GcpConfiguration,
  tag: string | null,
  token: IdentityToken,
  io: Pick<PlatformIo, 'fetch' | 'environment'>,
): Promise<Refusal | null> {
  const trial = await tryExchange({ configuration, tag, token, hosts: gcpHosts(io.environment), fetch: io.fetch });
  return trial.kind === 'refused' ? trial.refusal : null;
}

/**
 * For a `sub` that Google would not take as `google.subject`. Whether the provider maps it to that is known to Google
 * alone, so it is asked, once, before anything runs.
 *
 * @returns a warning when Google does not answer; nothing when the provider maps something shorter
 * @throws {ExchangeRefused} `exchange_refused` when Google refuses the length
 */
export async function askAboutSubject(
  configuration: GcpConfiguration,
  tag: string | null,
  token: IdentityToken,
  io: Pick<PlatformIo, 'fetch' | 'environment'>,
): Promise<readonly Problem[]> {
  const trial = await tryExchange({ configuration, tag, token, hosts: gcpHosts(io.environment), fetch: io.fetch });
  if (trial.kind === 'refused' && /google\.subject/.test(trial.refusal.message) && /127/.test(trial.refusal.message)) {
    throw new ExchangeRefused(trial.refusal, configuration.provider);
  }
  if (trial.kind !== 'silent') return [];
  return [
    {
      what: `sub has ${subjectBytes(token)} bytes; Google takes ${longestSubject} as google.subject, and could not be asked how the provider maps it`,
      where: configuration.provider,
      mend: "map ids instead: assertion.terraform_workspace_id + ':' + assertion.terraform_run_phase",
    },
  ];
}

async function tryExchange(exchange: Exchange): Promise<Trial> {
  const { configuration, token, hosts } = exchange;
  const signal = AbortSignal.timeout(explainSeconds * 1000);
  try {
    const answer = await exchange.fetch(tokenUrl(hosts), {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({
        audience: providerAudience(configuration.provider),
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        scope,
        subject_token: token.compact.reveal(),
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      }).toString(),
      redirect: 'manual',
      signal,
    });
    if (answer.status !== 200 || configuration.email === null) return await trialOf(exchange, answer, null);
    const federated = federatedToken(await readLimited(answer, longestAnswer));
    if (federated === null) return { kind: 'silent' };
    const impersonation = await exchange.fetch(impersonationUrl(hosts, configuration.email), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${federated.reveal()}`,
        'content-type': 'application/json',
        accept: 'application/json',
      },
      body: JSON.stringify({ scope: [scope], lifetime: '3600s' }),
      redirect: 'manual',
      signal,
    });
    return await trialOf(exchange, impersonation, federated);
  } catch {
    // Whatever kept the calls from being answered says nothing about the trust.
    return { kind: 'silent' };
  }
}

function federatedToken(body: string): Secret | null {
  const token = parseJsonObject(body)?.['access_token'];
  // It becomes a header.
  return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) ? new Secret(token) : null;
}

/** @param federated the credential that the call carried; null for the identity token alone */
async function trialOf(exchange: Exchange, answer: Response, federated: Secret | null): Promise<Trial> {
  const { configuration, tag, token } = exchange;
  const { status } = answer;
  const body = await refusedAnswer(answer);
  if (body === null) return { kind: status === 200 ? 'accepted' : 'silent' };
  const show = (text: string): string => {
    const shown = federated === null ? text : text.replaceAll(federated.reveal(), '[token]');
    return foreignText(shown, token);
  };
  const said = errorOf(parseJsonObject(body) ?? {});
  const code = show(said.code ?? `HTTP ${status}`);
  const message = show(said.message ?? 'the answer is not one of Google');
  const { iss, aud, sub } = token.claims;
  const email = configuration.email ?? 'the pool’s own members';
  const pool = configuration.provider.replace(/\/providers\/[^/]+$/, '');
  return {
    kind: 'refused',
    refusal: {
      platform: 'gcp',
      tag,
      role: configuration.email ?? configuration.provider,
      code,
      message,
      status,
      requestId: null,
      causes: likelyCauses(code, message, {
        provider: configuration.provider,
        pool,
        email,
        iss,
        aud,
        sub,
        bytes: String(subjectBytes(token)),
      }),
      reasons: standInReasons(answer).map(show),
    },
  };
}

/** Both shapes: `{error, error_description}` of the token service, `{error: {status, message}}` of every other API. */
function errorOf(body: JsonObject): { code: string | null; message: string | null } {
  const { error } = body;
  if (!isJsonObject(error)) return { code: answerText(body, 'error'), message: answerText(body, 'error_description') };
  const number = error['code'];
  const code = answerText(error, 'status') ?? (typeof number === 'number' ? String(number) : answerText(error, 'code'));
  return { code, message: answerText(error, 'message') };
}
