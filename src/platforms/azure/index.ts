import type { CredentialRequest } from '../../domain/credential.ts';
import type { Platform } from '../platform.ts';
import { azureVariables, configureAzure, type AzureConfiguration } from './configure.ts';
import { renderAzure } from './render.ts';

/** Azure: the provider exchanges the token itself, at Entra; it reads the token once, or fetches fresh ones from us. */
export const azure: Platform = {
  ...azureVariables,
  // azurerm and azuread read the file once, when they are configured.
  rereadsToken: false,
  // Each of these is another way in, or contradicts a file: the providers then stop with a "mismatch" error.
  conflicts: [
    'ARM_CLIENT_ID',
    'ARM_CLIENT_ID_FILE_PATH',
    'ARM_CLIENT_SECRET',
    'ARM_CLIENT_SECRET_FILE_PATH',
    'ARM_CLIENT_CERTIFICATE',
    'ARM_CLIENT_CERTIFICATE_PATH',
    'ARM_USE_OIDC',
    'ARM_OIDC_TOKEN',
    'ARM_OIDC_TOKEN_FILE_PATH',
    'ARM_OIDC_REQUEST_URL',
    'ARM_OIDC_REQUEST_TOKEN',
    // With one of these the address for fresh tokens is taken for one of Azure Pipelines.
    'ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID',
    'ARM_OIDC_AZURE_SERVICE_CONNECTION_ID',
    'ARM_USE_MSI',
    'ARM_USE_CLI',
    'ARM_USE_AKS_WORKLOAD_IDENTITY',
    'AZURE_CLIENT_ID',
    'AZURE_FEDERATED_TOKEN_FILE',
  ],
  addresses: ['ARM_METADATA_HOSTNAME', 'ARM_METADATA_HOST', 'AZURE_AUTHORITY_HOST'],
  trust: {
    document: "the application's federated credentials: az ad app federated-credential list --id CLIENT_ID",
    judge: async (document, question) => (await import('./trust-answer.ts')).judgeAzureTrust(document, question),
  },
  causes: async () => (await import('./causes.ts')).azureCauses,
  request: (read) => requestFor(configureAzure(read), read.tag),
};

function requestFor(configuration: AzureConfiguration, tag: string | null): CredentialRequest {
  return {
    platform: 'azure',
    tag,
    audience: configuration.audience,
    offered: configuration.clientId,
    rereadsToken: false,
    fetchesTokens: true,
    obtain: async (token, io) => renderAzure(configuration, tag, token, io),
    // Loaded only now: needed after a failure, and by `doctor`.
    explain: async (token, io) => {
      const { explainAzure } = await import('./exchange.ts');
      return explainAzure(configuration, tag, token, io);
    },
  };
}
