import { z } from 'zod';
import { isGuid } from '../../platforms/azure/configure.ts';
import { fetchFrom, issuerUrl } from '../issuer-schema.ts';
import { keyRefetchSeconds, latencyMilliseconds, port, seconds } from '../part-schema.ts';

const guid = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine(isGuid, 'must be a GUID: 32 hexadecimal digits as 8-4-4-4-12');

const application = z.strictObject({
  name: z.string().min(1).max(120).describe('display name of the application'),
  client_id: guid.describe('application (client) id'),
  object_id: guid.optional().describe('object id of its service principal; made from the client id when absent'),
  federated_credentials: z
    .union(
      [z.string().min(1), z.array(z.record(z.string(), z.json()))],
      'must be a list of federated credentials, its JSON as text, or a file with it',
    )
    .default([])
    .describe(
      'native federated identity credentials, as "az ad app federated-credential list" prints them, or the path of a file with them',
    ),
  roles: z
    .array(z.enum(['Reader', 'Contributor']))
    .max(2)
    .default([])
    .describe('roles that its service principal has on the subscription'),
});

const issuer = z.strictObject({
  url: issuerUrl.describe('issuer, exactly as in the federated credentials'),
  fetch_from: fetchFrom,
});

/** The part `azure` of a sandbox configuration: one table of what may be set, also the source of its JSON Schema. */
export const azureSchema = z.strictObject({
  port,
  tenant: guid.default('99999999-8888-4777-8666-555555555555').describe('id of the tenant that the stand-in plays'),
  subscription: guid.default('11112222-3333-4444-8555-666677778888').describe('id of its only subscription'),
  applications: z.array(application).max(100).default([]),
  issuers: z
    .array(issuer)
    .max(100)
    .default([])
    .describe('issuers whose documents are read elsewhere; others are read at the address that a credential names'),
  resource_groups: z
    .record(
      z.string().regex(/^[\w().-]{0,89}[\w()-]$/, 'is not the name of a resource group'),
      z.string().regex(/^[a-z0-9]+$/, 'must be a location such as westeurope'),
    )
    .default({})
    .describe('resource groups that exist from the start: name and location'),
  token_seconds: seconds(1, 86_400)
    .optional()
    .describe('life of access tokens; 60 to 90 minutes at random when absent, as at Entra'),
  clock_skew_seconds: seconds(0, 900)
    .default(0)
    .describe('tolerance for exp and nbf; Microsoft does not publish its own, so that relying on one would be luck'),
  key_cache_seconds: seconds(0, 86_400)
    .default(300)
    .describe("how long an issuer's keys are kept; at Entra it may be half an hour and more"),
  key_refetch_seconds: keyRefetchSeconds,
  latency_milliseconds: latencyMilliseconds(
    z.string().regex(/^[a-z]+:[A-Za-z./]+$/, 'must be an action, such as entra:token'),
  ),
});

export type AzureSchema = z.infer<typeof azureSchema>;
