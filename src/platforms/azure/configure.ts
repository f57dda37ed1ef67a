import { checkedAudience, shownValue } from '../checked-value.ts';
import { providerAuth, type VariableReader, type VariableTable } from '../variables.ts';

/** Who tokens are for when nothing is set, as in HCP Terraform and in Entra's own examples. */
export const defaultAzureAudience = 'api://AzureADTokenExchange';

/** The variables of Azure. */
export const azureVariables: VariableTable = {
  id: 'azure',
  title: 'Azure',
  prefix: 'AZURE',
  variables: [
    providerAuth,
    {
      name: 'CLIENT_ID',
      perPhase: true,
      required: 'always',
      since: '1.7.0',
      about: 'the application (client) id of the app registration or managed identity',
    },
    {
      name: 'WORKLOAD_IDENTITY_AUDIENCE',
      fallback: defaultAzureAudience,
      since: '1.7.0',
      about: '`aud` of the token; must be the audience of the federated credential',
    },
  ],
};

/** One Azure configuration, checked. */
export interface AzureConfiguration {
  /** In lower case: a GUID means the same in either. */
  readonly clientId: string;
  readonly audience: string;
}

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is a GUID in its usual spelling, without braces, in lower case. */
export function isGuid(text: string): boolean {
  return guid.test(text);
}

/**
 * Variables → checked configuration. Pure.
 *
 * @throws {ConfigurationError} `configuration_invalid`, naming the variable
 * @see Microsoft Graph, federatedIdentityCredential, limits of `audiences`
 */
export function configureAzure(read: VariableReader): AzureConfiguration {
  const client = read.required('CLIENT_ID');
  const clientId = client.value.toLowerCase();
  if (!isGuid(clientId)) {
    throw read.invalid(
      client,
      `is ${shownValue(client)}, which is not a client id`,
      'give the Application (client) ID as the portal shows it: 32 hexadecimal digits as 8-4-4-4-12, not the name or the object id',
    );
  }
  const mend = `give the audience of the federated credential, or remove it for ${defaultAzureAudience}`;
  return { clientId, audience: checkedAudience(read, 600, mend) };
}
