import type { CredentialSet, PlatformIo } from '../../domain/credential.ts';
import type { IdentityToken } from '../../domain/token.ts';
import type { VaultConfiguration } from './configure.ts';
import { logIn } from './exchange.ts';
import { heldSet } from './lease.ts';
import { revokeVaultToken } from './revoke.ts';

/** At most this long for a token that is not used at all. */
const revokeSeconds = 5;

/**
 * Logs in, and makes the token ready for a phase. One that cannot serve is revoked before the error is thrown.
 *
 * @throws {AppError} `exchange_refused`, `exchange_failed`
 */
export async function obtainVault(
  configuration: VaultConfiguration,
  tag: string | null,
  token: IdentityToken,
  io: PlatformIo,
): Promise<CredentialSet> {
  const login = await logIn(configuration, tag, token, io);
  try {
    return heldSet(configuration, login, token, io);
  } catch (error) {
    // The error says more than a failed revocation; the token ends by itself.
    if (!login.isBatch)
      await revokeVaultToken({ ...configuration, token: login.token }, io, revokeSeconds).catch(() => undefined);
    throw error;
  }
}
