import type { JsonObject } from '../../domain/json.ts';
import { graphPath } from './resources.ts';
import type { Tenant, TenantCall } from './tenant.ts';

/** Discovery document of the tenant (OpenID Connect Discovery 1.0 section 3), with Entra's own members. */
export function openIdConfiguration({ base }: TenantCall, { config }: Tenant): JsonObject {
  const at = `${base}/${config.tenant}`;
  return {
    token_endpoint: `${at}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    jwks_uri: `${at}/discovery/v2.0/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: `${at}/v2.0`,
    authorization_endpoint: `${at}/oauth2/v2.0/authorize`,
    device_authorization_endpoint: `${at}/oauth2/v2.0/devicecode`,
    end_session_endpoint: `${at}/oauth2/v2.0/logout`,
    tenant_region_scope: 'EU',
    cloud_instance_name: 'microsoftonline.com',
    cloud_graph_host_name: 'graph.windows.net',
    msgraph_host: 'graph.microsoft.com',
  };
}

/** Instance discovery: which hosts are this cloud. Microsoft's libraries ask it before they send anything. */
export function instanceDiscovery({ base }: TenantCall, { config }: Tenant): JsonObject {
  const { host } = new URL(base);
  return {
    tenant_discovery_endpoint: `${base}/${config.tenant}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

/** Where everything is in this cloud: what azurerm and azuread read from `ARM_METADATA_HOSTNAME`. */
export function metadataEndpoints({ base }: TenantCall): JsonObject {
  return {
    name: 'HallpassSandbox',
    portal: `${base}/portal`,
    authentication: {
      // No slash: the providers put one behind it.
      loginEndpoint: base,
      audiences: ['https://management.core.windows.net/', 'https://management.azure.com/'],
      // Whatever the tenant is: azurerm takes another value for Azure Stack, and refuses it.
      tenant: 'common',
      identityProvider: 'AAD',
    },
    resourceManager: `${base}/`,
    microsoftGraphResourceId: `${base}${graphPath}`,
    graphAudience: `${base}${graphPath}`,
    graph: `${base}${graphPath}`,
    suffixes: {
      keyVaultDns: 'vault.azure.net',
      storage: 'core.windows.net',
      acrLoginServer: 'azurecr.io',
      sqlServerHostname: 'database.windows.net',
      mhsmDns: 'managedhsm.azure.net',
      azureFrontDoorEndpointSuffix: 'azurefd.net',
      storageSyncEndpointSuffix: 'afs.azure.net',
      synapseAnalytics: 'dev.azuresynapse.net',
      attestationEndpoint: 'attest.azure.net',
      mysqlServerEndpoint: 'mysql.database.azure.com',
      mariadbServerEndpoint: 'mariadb.database.azure.com',
      postgresqlServerEndpoint: 'postgres.database.azure.com',
      azureDataLakeStoreFileSystem: 'azuredatalakestore.net',
    },
    batch: 'https://batch.core.windows.net/',
    media: 'https://rest.media.azure.net/',
    activeDirectoryDataLake: 'https://datalake.azure.net/',
    attestationResourceId: 'https://attest.azure.net',
    synapseAnalyticsResourceId: 'https://dev.azuresynapse.net',
    logAnalyticsResourceId: 'https://api.loganalytics.io',
    ossrDbmsResourceId: 'https://ossrdbms-aad.database.windows.net',
  };
}

/** Public key of the access tokens (RFC 7517). */
export async function signingKeys(_: TenantCall, { tokens }: Tenant): Promise<JsonObject> {
  return { keys: [await tokens.publicKey()] };
}
