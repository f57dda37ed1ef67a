import type { CredentialSet } from '../../domain/credential.ts';
import type { Secret } from '../../domain/secret.ts';
import type { VaultConfiguration } from './configure.ts';

/**
 * Configuration and Vault token → files, environment and input variable. Pure.
 *
 * The Vault provider refuses a token file that others may read, or that has more than one line.
 *
 * @param token     Vault's own, as the login gave it
 * @param directory absolute, the same in plan and apply
 */
export function renderVault(
  { address, namespace, ca }: VaultConfiguration,
  token: Secret,
  directory: string,
): Pick<CredentialSet, 'environment' | 'files' | 'input'> {
  const caFile = `${directory}/ca.pem`;
  return {
    environment: {
      VAULT_ADDR: address,
      ...(namespace === null ? {} : { VAULT_NAMESPACE: namespace }),
      VAULT_TOKEN: token,
      ...(ca === null ? {} : { VAULT_CACERT: caFile }),
      // Else the provider makes a child token that lives 20 minutes, and needs a policy for it.
      TERRAFORM_VAULT_SKIP_CHILD_TOKEN: 'true',
    },
    files: [{ name: 'token', contents: token }, ...(ca === null ? [] : [{ name: 'ca.pem', contents: ca }])],
    input: {
      token_filename: `${directory}/token`,
      address,
      // Null counts as unset in a provider block; an empty text may not.
      namespace,
      ca_cert_file: ca === null ? null : caFile,
    },
  };
}
