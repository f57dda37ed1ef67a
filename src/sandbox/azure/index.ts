import { counted } from '../../domain/counted.ts';
import { refuseUnknownActions } from '../latency.ts';
import { openIssuerKeys, type IssuerKeys } from '../relying-party/issuer-keys.ts';
import type { StandIn, StandInKind, StandInWorld } from '../stand-in.ts';
import { openAccessTokens } from './access-tokens.ts';
import { readAzureConfig, type AzureConfig } from './config.ts';
import { azureSchema, type AzureSchema } from './config-schema.ts';
import { openResourceGroups } from './resource-groups.ts';
import { answerCall, knownActions } from './stand-in.ts';
import type { Tenant } from './tenant.ts';

/** One tenant: Entra's token endpoint, and a subscription whose resource groups a plan may read and an apply may write. */
export const azureStandIn: StandInKind<AzureSchema, AzureConfig> = {
  title: 'Azure',
  // Its clients refuse an authority without TLS.
  isTls: true,
  schema: azureSchema,
  readConfig: readAzureConfig,
  open: openAzure,
};

function openAzure(config: AzureConfig, world: StandInWorld): StandIn {
  refuseUnknownActions('azure', config.latency_milliseconds, knownActions);
  const tenant = openTenant(config, world);
  const { applications, token_seconds: tokenSeconds } = config;
  return {
    summary: `tenant ${config.tenant} with ${counted(applications.length, 'application')}`,
    notes:
      tokenSeconds === undefined
        ? []
        : [
            `Access tokens end after ${tokenSeconds} s${tokenSeconds < 3600 ? ' (Entra never gives less than an hour)' : ''}.`,
          ],
    hosts: ['login.microsoftonline.com', 'management.azure.com', 'graph.microsoft.com'],
    answer: (call) => answerCall(call, tenant, world.log),
    environment: ({ endpoint, caFile, bundleFile }) => ({
      // azurerm and azuread.
      ARM_METADATA_HOSTNAME: new URL(endpoint).host,
      ARM_TENANT_ID: config.tenant,
      ARM_SUBSCRIPTION_ID: config.subscription,
      // Azure's SDKs.
      AZURE_AUTHORITY_HOST: endpoint,
      ...(caFile !== null && { NODE_EXTRA_CA_CERTS: caFile }),
      ...(bundleFile !== null && { SSL_CERT_FILE: bundleFile, REQUESTS_CA_BUNDLE: bundleFile }),
    }),
  };
}

function openTenant(config: AzureConfig, { fetch, now }: StandInWorld): Tenant {
  const keys = new Map<string, IssuerKeys>();
  return {
    config,
    now,
    tokens: openAccessTokens(config.tenant, config.applications),
    groups: openResourceGroups(config.resource_groups),
    keysOf(issuer) {
      const known = keys.get(issuer);
      if (known !== undefined) return known;
      const opened = openIssuerKeys({
        issuer,
        fetchFrom: config.issuers.find(({ url }) => url === issuer)?.fetch_from ?? null,
        fetch,
        now,
        cacheSeconds: config.key_cache_seconds,
        refetchSeconds: config.key_refetch_seconds,
      });
      keys.set(issuer, opened);
      return opened;
    },
  };
}
