import type { CredentialRequest } from '../../domain/credential.ts';
import type { Platform } from '../platform.ts';
import { configureVault, roleUrl, vaultVariables, type VaultConfiguration } from './configure.ts';

/** Vault and OpenBao: Hallpass exchanges the token, keeps what it gets alive, and revokes it. */
export const vault: Platform = {
  ...vaultVariables,
  // Nobody reads the identity token but the login; Vault's own token is renewed at Vault, not in its file.
  rereadsToken: false,
  // Clients prefer these to what a provider block says, or take them where it says nothing.
  conflicts: [
    'VAULT_ADDR',
    'VAULT_NAMESPACE',
    'VAULT_TOKEN',
    'VAULT_CACERT',
    'TERRAFORM_VAULT_SKIP_CHILD_TOKEN',
    'VAULT_AGENT_ADDR',
    'VAULT_CACERT_BYTES',
    'VAULT_CAPATH',
    'VAULT_CLIENT_CERT',
    'VAULT_CLIENT_KEY',
    'VAULT_TOKEN_FILE',
    'VAULT_WRAP_TTL',
    'TERRAFORM_VAULT_TOKEN_FILENAME',
    'BAO_ADDR',
    'BAO_NAMESPACE',
    'BAO_TOKEN',
    'BAO_CACERT',
    'BAO_CAPATH',
  ],
  addresses: ['TFC_VAULT_ADDR'],
  trust: {
    document: '{ "config": …, "role": … } from vault read -format=json auth/jwt/config and auth/jwt/role/NAME',
    judge: async (document, question) => (await import('./trust-answer.ts')).judgeVaultTrust(document, question),
  },
  causes: async () => (await import('./causes.ts')).vaultCauses,
  request: (read) => requestFor(configureVault(read), read.tag),
  revoke: async (revocation, io) => {
    const { revokeVault } = await import('./revoke.ts');
    await revokeVault(revocation, io);
  },
};

function requestFor(configuration: VaultConfiguration, tag: string | null): CredentialRequest {
  return {
    platform: 'vault',
    tag,
    audience: configuration.audience,
    offered: roleUrl(configuration),
    relyingParty: configuration.address,
    rereadsToken: false,
    obtainSeconds: configuration.timeoutSeconds,
    // Loaded only where there is a Vault.
    obtain: async (token, io) => {
      const { obtainVault } = await import('./obtain.ts');
      return obtainVault(configuration, tag, token, io);
    },
    explain: async (token, io) => {
      const { explainVault } = await import('./exchange.ts');
      return explainVault(configuration, tag, token, io);
    },
  };
}
