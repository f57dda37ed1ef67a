import type { PlatformIo } from '../../domain/credential.ts';
import { AppError } from '../../domain/errors.ts';
import { isJsonObject } from '../../domain/json.ts';
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
      : `the Vault token could not be revoked: ${words(answer)}`,
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

/** What Vault says, on one line. */
export function words({ status, errors }: VaultAnswer): string {
  const text = printable(errors.join('; ').replace(/\s+/g, ' ').trim()).slice(0, 500);
  return text === '' ? `HTTP ${status}` : `${text} (HTTP ${status})`;
}

function readRevocation(text: string): HeldToken {
  const value: unknown = JSON.parse(text);
  const { address, namespace, token, ca } = isJsonObject(value) ? value : {};
  if (typeof address !== 'string' || typeof token !== 'string') throw new TypeError('not a revocation of Vault');
  return {
    address,
    namespace: typeof namespace === 'string' ? namespace : null,
    token: new Secret(token),
    ca: typeof ca === 'string' ? ca : null,
  };
}
