import { ExchangeRefused, type Refusal } from '../../domain/credential.ts';
import { AppError } from '../../domain/errors.ts';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import { Secret } from '../../domain/secret.ts';
import type { IdentityToken } from '../../domain/token.ts';
import { foreignText } from '../refusal-text.ts';
import { explainSeconds } from '../refused-answer.ts';
import { likelyCauses } from './causes.ts';
import { roleUrl, type VaultConfiguration } from './configure.ts';
import { callOnce, callWithRetries, passes, type VaultAnswer, type VaultCall, type VaultIo } from './http.ts';
import { revokeVaultToken } from './revoke.ts';

/** What a login gave. */
export interface VaultLogin {
  readonly token: Secret;
  /** 0: it never ends by itself. */
  readonly leaseSeconds: number;
  readonly isRenewable: boolean;
  /** A batch token: kept nowhere at Vault, so it can neither be renewed nor revoked. */
  readonly isBatch: boolean;
  /** How often it can be used; 0: without limit. */
  readonly uses: number;
}

/**
 * Logs in at the JWT auth method, asking again while Vault is sealed or overloaded.
 *
 * A call whose answer is lost may have made a token that nobody knows: it ends by the role's `token_ttl`.
 *
 * @throws {ExchangeRefused} `exchange_refused` in Vault's own words, with what is likely behind them
 * @throws {AppError} `exchange_failed` when Vault cannot be reached, stays sealed, or answers what no Vault answers
 * @see Vault HTTP API, JWT/OIDC auth method, "JWT login"
 */
export async function logIn(
  configuration: VaultConfiguration,
  tag: string | null,
  token: IdentityToken,
  io: VaultIo,
): Promise<VaultLogin> {
  const answer = await callWithRetries(
    configuration,
    loginCall(configuration, token),
    io,
    configuration.timeoutSeconds,
  );
  if (passes(answer.status) || answer.status === 501) throw notReady(configuration, answer, token);
  return readOrRevoke({ configuration, tag, token }, answer, io);
}

/**
 * Logs in once, to say why Vault refuses; nothing is retried. The token of a success is revoked at once.
 *
 * @returns null when Vault accepts the token, cannot be reached within 3 s, or fails by itself (429, 5xx)
 */
export async function explainVault(
  configuration: VaultConfiguration,
  tag: string | null,
  token: IdentityToken,
  io: VaultIo,
): Promise<Refusal | null> {
  try {
    const answer = await callOnce(configuration, loginCall(configuration, token), io, explainSeconds);
    if (passes(answer.status)) return null;
    const login = await readOrRevoke({ configuration, tag, token }, answer, io);
    if (!login.isBatch) await revokeVaultToken({ ...configuration, token: login.token }, io, explainSeconds);
    return null;
  } catch (error) {
    // Whatever else kept the call from being answered says nothing about the role.
    return error instanceof ExchangeRefused ? error.refusal : null;
  }
}

function loginCall({ authPath, role }: VaultConfiguration, token: IdentityToken): VaultCall {
  const mount = authPath.split('/').map(encodeURIComponent).join('/');
  return { method: 'POST', path: `auth/${mount}/login`, body: { role, jwt: token.compact.reveal() } };
}

/** A 4xx in Vault's form. */
function isRefusal({ status, json }: VaultAnswer): boolean {
  return status >= 400 && status < 500 && json !== null && Array.isArray(json['errors']);
}

/** Whose login it is. */
interface Asker {
  readonly configuration: VaultConfiguration;
  readonly tag: string | null;
  readonly token: IdentityToken;
}

/** @param message the server's words, or ours for what it asks beyond them */
function refusal({ configuration, tag, token }: Asker, answer: VaultAnswer, message: string): ExchangeRefused {
  const shown = foreignText(message, token);
  const code = `HTTP ${answer.status}`;
  const { iss, aud, sub } = token.claims;
  const told: Refusal = {
    platform: 'vault',
    tag,
    role: roleUrl(configuration),
    code,
    message: shown,
    status: answer.status,
    requestId: null,
    causes: likelyCauses(code, shown, { configuration, iss, aud, sub }),
    reasons: answer.reasons.map((reason) => foreignText(reason, token)),
  };
  return new ExchangeRefused(told, configuration.address);
}

function notReady(
  { address, timeoutSeconds }: VaultConfiguration,
  answer: VaultAnswer,
  token: IdentityToken,
): AppError {
  const own = foreignText(answer.errors.join('; '), token);
  const words = own === '' ? `HTTP ${answer.status}` : `${own} (HTTP ${answer.status})`;
  const isSealed = /sealed/i.test(words);
  const isUnset = answer.status === 501 || /not (?:yet )?initialized/i.test(words);
  return new AppError('exchange_failed', {
    what: isUnset
      ? `Vault at ${address} is not initialized: ${words}`
      : `Vault at ${address} is still ${isSealed ? 'sealed' : 'not ready to answer'} after ${timeoutSeconds} s: ${words}`,
    where: address,
    mend: isUnset
      ? 'have it initialized, or look at TFC_VAULT_ADDR'
      : `${isSealed ? 'have it unsealed' : 'try again later'}; TFC_VAULT_CLIENT_TIMEOUT says how long to wait`,
  });
}

/** Parses a login; another mount, product or version must not be able to hand over half of one. */
function readLogin(asker: Asker, answer: VaultAnswer): VaultLogin {
  const { address } = asker.configuration;
  const { json, status, errors } = answer;
  if (isRefusal(answer)) throw refusal(asker, answer, errors.join('; ') || 'Vault gives no reason');
  if (json === null || status < 200 || status > 299) {
    const kind = foreignText(answer.contentType.slice(0, 100), asker.token) || 'something';
    const form = json === null ? `${kind} that is not JSON` : 'JSON of another kind';
    const led = answer.redirectedTo === null ? '' : `led to ${new URL(answer.redirectedTo).origin}, which `;
    throw notVault(address, `${led}answered the login with HTTP ${status} and ${form}`);
  }
  const { auth } = json;
  if (isJsonObject(json['wrap_info']))
    throw refusal(asker, answer, 'the answer is wrapped, which Hallpass cannot open');
  if (!isJsonObject(auth)) throw notVault(address, 'answered the login without auth');
  if (isJsonObject(auth['mfa_requirement'])) throw refusal(asker, answer, 'a second factor is asked for (login MFA)');
  return readAuth(address, auth, asker.token);
}

/** Half a login may hold a whole token: that one is revoked, as far as the server lets itself be asked. */
async function readOrRevoke(asker: Asker, answer: VaultAnswer, io: VaultIo): Promise<VaultLogin> {
  try {
    return readLogin(asker, answer);
  } catch (error) {
    const { auth } = answer.json ?? {};
    const token = isJsonObject(auth) ? auth['client_token'] : null;
    if (isUsable(token, asker.token))
      await revokeVaultToken({ ...asker.configuration, token: new Secret(token) }, io, explainSeconds).catch(
        () => undefined,
      );
    throw error;
  }
}

/** It goes into a header; a server that plays our own token back has made none. */
function isUsable(clientToken: unknown, token: IdentityToken): clientToken is string {
  return (
    typeof clientToken === 'string' && /^[\x21-\x7e]+$/.test(clientToken) && clientToken !== token.compact.reveal()
  );
}

function readAuth(address: string, auth: JsonObject, token: IdentityToken): VaultLogin {
  const { client_token: clientToken, lease_duration: seconds, renewable, token_type: type, num_uses: uses } = auth;
  if (!isUsable(clientToken, token)) throw notVault(address, 'answered the login without a usable auth.client_token');
  if (!isLease(seconds)) throw notVault(address, 'answered the login without auth.lease_duration');
  if (typeof renewable !== 'boolean') throw notVault(address, 'answered the login without auth.renewable');
  return {
    token: new Secret(clientToken),
    leaseSeconds: seconds,
    isRenewable: renewable,
    isBatch: type === 'batch',
    uses: typeof uses === 'number' && uses > 0 ? uses : 0,
  };
}

/** Vault reckons in nanoseconds of 63 bits, 292 years: more is nobody's lease, and no moment that a clock knows. */
export function isLease(seconds: unknown): seconds is number {
  return typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 0 && seconds <= 9_223_372_036;
}

function notVault(address: string, what: string): AppError {
  return new AppError('exchange_failed', {
    what: `${address} ${what}: this may not be Vault`,
    where: address,
    mend: 'look at TFC_VAULT_ADDR: it must be the address of the API, and no proxy, login page or web interface in front of it',
  });
}
