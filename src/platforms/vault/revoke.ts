import type { PlatformIo } from '../../domain/credential.ts';
import { AppError } from '../../domain/errors.ts';
import { parseJsonObject } from '../../domain/json.ts';
import { printable } from '../../domain/printable.ts';
import { Secret } from '../../domain/secret.ts';
import type { VaultPlace } from './configure.ts';
import { callWithRetries, type VaultAnswer, type VaultIo } from './http.ts';

/** A Vault token and where it is good. */
export interface HeldToken extends VaultPlace {
  readonly token: Secret;
}

/** At the end of a phase somebody waits. */
const revokeSeconds = 10;

/** What {@link revokeVault} needs, as text; secret, since the token is in it. */
export function revocationOf({ address, namespace, ca, token }: HeldToken): Secret {
  return new Secret(JSON.stringify({ address, namespace, token: token.reveal(), ca }));
}

/**
 * Ends a token, and with it all leases that were made with it.
 *
 * @param revocation text of {@link revocationOf}
 * @throws {AppError} `exchange_failed` when Vault cannot be asked, `exchange_refused` when the token's policy forbids it; a
 *   token that is dead already is no error
 */
export async function revokeVault(revocation: string, io: Pick<PlatformIo, 'fetch' | 'now'>): Promise<void> {
  await revokeVaultToken(readRevocation(revocation), io, revokeSeconds);
}

/**
 * Ends a token within the time given.
 *
 * @throws as {@link revokeVault}
 */
export async function revokeVaultToken(held: HeldToken, io: VaultIo, seconds: number): Promise<void> {
  const answer = await callWithRetries(
    held,
    { method: 'POST', path: 'auth/token/revoke-self', token: held.token },
    io,
    seconds,
  );
  if (answer.status === 204 || answer.status === 200 || isDead(answer)) return;
  const isForbidden = isPolicyDenial(answer);
  // Whoever clears up later asks again what has failed, but not what was refused.
  throw new AppError(isForbidden ? 'exchange_refused' : 'exchange_failed', {
    what: isForbidden
      ? `the Vault token could not be revoked: its policy has no auth/token/revoke-self`
      : `the Vault token could not be revoked: ${words(answer, held.token)}`,
    where: held.address,
    mend: isForbidden
      ? 'give the role\'s policy: path "auth/token/revoke-self" { capabilities = ["update"] }; until then the token lives to the end of its token_ttl'
      : 'it ends by itself when its token_ttl is over',
  });
}

/** Vault knows no such token (any more). Its text for a policy that forbids is another one. */
export function isDead({ status, errors }: VaultAnswer): boolean {
  return (
    status === 403 && errors.some((error) => error === 'permission denied' || /invalid token|bad token/.test(error))
  );
}

/** The token lives, but its policy does not allow the call. */
export function isPolicyDenial(answer: VaultAnswer): boolean {
  return answer.status === 403 && !isDead(answer) && answer.errors.some((error) => /permission denied/.test(error));
}

/** What Vault says, on one line, without the token of the call. */
export function words({ status, errors }: VaultAnswer, token: Secret): string {
  const said = errors.join('; ').replaceAll(token.reveal(), '[token]');
  const text = printable(said.replace(/\s+/g, ' ').trim()).slice(0, 500);
  return text === '' ? `HTTP ${status}` : `${text} (HTTP ${status})`;
}

/**
 * An unmasked command can forge a note: it must not lead to what no configuration could.
 *
 * @throws {AppError} `exchange_refused`, so that nobody tries it again
 */
function readRevocation(text: string): HeldToken {
  const { address, namespace = null, token, ca = null } = parseJsonObject(text) ?? {};
  if (!isAddress(address) || !isHeaderText(token)) throw notOurs();
  if (namespace !== null && !isHeaderText(namespace)) throw notOurs();
  if (ca !== null && typeof ca !== 'string') throw notOurs();
  return { address, namespace, token: new Secret(token), ca };
}

function isAddress(value: unknown): value is string {
  if (typeof value !== 'string' || !/^https?:\/\/[^?#]+$/i.test(value) || !URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username === '' && password === '';
}

function isHeaderText(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);
}

function notOurs(): AppError {
  return new AppError('exchange_refused', { what: 'what was noted is not a revocation of Vault' });
}
