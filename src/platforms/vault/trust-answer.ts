import type { TrustAnswer, TrustQuestion } from '../platform.ts';
import { decideVaultTrust, readVaultTrust } from './trust-policy.ts';

/** Judges a mount's configuration and a role, without asking Vault. */
export function judgeVaultTrust(document: string, { claims, at, offered }: TrustQuestion): TrustAnswer {
  const role = offered?.split('/').at(-1) ?? '';
  const verdict = decideVaultTrust(readVaultTrust(document), { claims, at, role });
  return {
    ...verdict,
    error: verdict.error === null ? null : { code: `HTTP ${verdict.error.status}`, message: verdict.error.message },
    identity:
      verdict.identity === null
        ? null
        : `entity alias ${verdict.identity.alias} with the policies ${verdict.identity.policies.join(', ')}`,
  };
}
