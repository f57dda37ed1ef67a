import { createHash } from 'node:crypto';
import { readAzureTrust, type AzureTrust } from '../../platforms/azure/trust-policy.ts';
import type { DocumentReader } from '../document-reader.ts';
import type { AzureSchema } from './config-schema.ts';

/** One tenant as the stand-in plays it: checked, every federated credential read. */
export interface AzureConfig extends Omit<AzureSchema, 'applications'> {
  readonly applications: readonly AzureApplication[];
}

/** An application with its service principal. */
export interface AzureApplication {
  readonly name: string;
  readonly clientId: string;
  /** Of the service principal: who the access tokens speak of. */
  readonly objectId: string;
  readonly trust: AzureTrust;
  readonly roles: readonly ('Reader' | 'Contributor')[];
}

/** Reads the part `azure` of a sandbox configuration. */
export async function readAzureConfig(azure: AzureSchema, documents: DocumentReader): Promise<AzureConfig> {
  documents.refuseDoubles(
    ['applications'],
    azure.applications.map((application) => application.client_id),
  );
  documents.refuseDoubles(
    ['issuers'],
    azure.issuers.map(({ url }) => url),
  );
  const applications: AzureApplication[] = [];
  for (const [index, application] of azure.applications.entries()) {
    const { name, client_id: clientId, object_id: objectId, federated_credentials: given, roles } = application;
    const trust = await documents.read(
      typeof given === 'string' ? given : { federatedCredentials: given },
      ['applications', index, 'federated_credentials'],
      readAzureTrust,
    );
    applications.push({
      name,
      clientId,
      objectId: objectId ?? guidFrom(clientId),
      trust: { ...trust, clientId },
      roles,
    });
  }
  return { ...azure, applications };
}

/** The same GUID for the same text, in every run of the stand-in (RFC 9562 section 5.8, version 8). */
function guidFrom(text: string): string {
  const digits = createHash('sha256').update(`service principal of ${text}`).digest('hex');
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-8${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
}
