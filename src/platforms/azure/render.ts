import type { CredentialSet, PlatformIo } from '../../domain/credential.ts';
import type { IdentityToken } from '../../domain/token.ts';
import type { AzureConfiguration } from './configure.ts';

/** Where a set goes, and what the run has of its own. */
export type AzurePlace = Pick<PlatformIo, 'directory' | 'environment' | 'tokenEndpoint'>;

/**
 * Configuration and token → files, environment and input variable. Pure.
 *
 * @param tag null for the default configuration, the only one whose environment can reach a child
 */
export function renderAzure(
  configuration: AzureConfiguration,
  tag: string | null,
  token: IdentityToken,
  place: AzurePlace,
): CredentialSet {
  const tokenFile = `${place.directory}/token`;
  const tenant = tenantOf(place.environment);
  return {
    environment: {
      ARM_CLIENT_ID: configuration.clientId,
      ARM_USE_OIDC: 'true',
      // Without it a provider that lacks a tenant asks the Azure CLI: another identity, or a misleading error.
      ARM_USE_CLI: 'false',
      ...assertion(configuration, token, place),
      ...forSdks(configuration, tokenFile, tenant, place.environment),
    },
    files: [
      { name: 'token', contents: token.compact },
      { name: 'client_id', contents: configuration.clientId },
    ],
    input: { client_id_file_path: `${place.directory}/client_id`, oidc_token_file_path: tokenFile },
    expiresAt: token.expiresAt,
    ...(tag === null && tenant === undefined && { warnings: [noTenant] }),
  };
}

/** The tenant that the run names for itself; undefined when it stands in provider blocks only. */
export function tenantOf(environment: Readonly<Record<string, string>>): string | undefined {
  return environment['ARM_TENANT_ID'] || environment['AZURE_TENANT_ID'] || undefined;
}

const noTenant = {
  what: 'ARM_TENANT_ID is not set, so providers find no tenant in the environment',
  mend: 'set ARM_TENANT_ID, unless every provider block names tenant_id; other Azure clients and hallpass doctor need it too',
};

/** A token in a variable would win over the address that hands out fresh ones, so only one of them is set. */
function assertion(
  { audience }: AzureConfiguration,
  token: IdentityToken,
  { tokenEndpoint }: AzurePlace,
): CredentialSet['environment'] {
  if (tokenEndpoint === undefined) return { ARM_OIDC_TOKEN: token.compact };
  // The providers add Entra's usual audience where the address names none.
  const url = new URL(tokenEndpoint.url);
  url.searchParams.set('audience', audience);
  return { ARM_OIDC_REQUEST_URL: url.href, ARM_OIDC_REQUEST_TOKEN: tokenEndpoint.bearer };
}

/** For Azure's SDKs and kubelogin; a run that names an identity of its own for them keeps it. */
function forSdks(
  { clientId }: AzureConfiguration,
  tokenFile: string,
  tenant: string | undefined,
  environment: Readonly<Record<string, string>>,
): CredentialSet['environment'] {
  if (environment['AZURE_CLIENT_ID'] || environment['AZURE_FEDERATED_TOKEN_FILE']) return {};
  return {
    AZURE_CLIENT_ID: clientId,
    AZURE_FEDERATED_TOKEN_FILE: tokenFile,
    ...(tenant !== undefined && { AZURE_TENANT_ID: tenant }),
  };
}
