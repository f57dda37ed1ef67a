import { counted } from '../../domain/counted.ts';
import { Secret } from '../../domain/secret.ts';
import { refuseUnknownActions } from '../latency.ts';
import { openIssuerKeys, openUploadedKeys, type IssuerKeys } from '../relying-party/issuer-keys.ts';
import type { StandIn, StandInKind, StandInWorld } from '../stand-in.ts';
import { openAccessTokens } from './access-tokens.ts';
import { readGcpConfig, type GcpConfig, type TrustedProvider } from './config.ts';
import { gcpSchema, type GcpSchema } from './config-schema.ts';
import { methods } from './methods.ts';
import type { GcpProject } from './project.ts';
import type { SecretStore } from './secret-store.ts';
import { answerCall } from './stand-in.ts';

/** One Google Cloud project: token exchange, service accounts, and a small Secret Manager to read and write. */
export const gcpStandIn: StandInKind<GcpSchema, GcpConfig> = {
  title: 'Google Cloud',
  isTls: false,
  schema: gcpSchema,
  readConfig: readGcpConfig,
  open: openGcp,
};

function openGcp(config: GcpConfig, world: StandInWorld): StandIn {
  refuseUnknownActions(
    'gcp',
    config.latency_milliseconds,
    methods.map(({ action }) => action),
  );
  const project = openProject(config, world);
  const { project: played, providers, serviceAccounts, token_seconds: seconds } = config;
  return {
    summary: `project ${played.id} (${played.number}) with ${counted(providers.length, 'provider')} and ${counted(serviceAccounts.size, 'service account')}`,
    notes: seconds < 3600 ? [`Access tokens end after ${seconds} s, whatever the caller asks for.`] : [],
    hosts: [...new Set([...methods.flatMap(({ hosts }) => hosts), 'iam.googleapis.com'])],
    answer: (call) => answerCall(call, project, world.log),
    environment: ({ endpoint }) => ({
      // Terraform's Google provider.
      GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT: `${endpoint}/v1/`,
      // gcloud; Hallpass takes the addresses for the credential file from the first two.
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: `${endpoint}/`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: `${endpoint}/`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER: `${endpoint}/`,
      // gcloud asks who it is when it has no service account.
      CLOUDSDK_AUTH_TOKEN_INTROSPECTION_ENDPOINT: `${endpoint}/v1/introspect`,
    }),
  };
}

function openProject(config: GcpConfig, world: StandInWorld): GcpProject {
  const keys = new Map(config.providers.map((trusted) => [trusted.provider.name, openKeys(trusted, config, world)]));
  return {
    config,
    now: world.now,
    tokens: openAccessTokens(),
    secrets: openSecrets(config, world.now()),
    keysOf: (name) => keys.get(name)!,
  };
}

/** With an uploaded key set nothing is fetched. */
function openKeys(
  { provider, fetchFrom }: TrustedProvider,
  config: GcpConfig,
  { fetch, now }: StandInWorld,
): IssuerKeys {
  if (provider.jwks !== null) return openUploadedKeys(provider.jwks['keys']);
  return openIssuerKeys({
    issuer: provider.issuerUri,
    fetchFrom,
    fetch,
    now,
    cacheSeconds: config.key_cache_seconds,
    refetchSeconds: config.key_refetch_seconds,
  });
}

function openSecrets(config: GcpConfig, at: Date): SecretStore {
  return new Map(
    [...config.secrets].map(([name, { value, iamPolicy }]) => [
      name,
      {
        name,
        createdAt: at,
        iamPolicy,
        attributes: { replication: { automatic: {} } },
        revision: 1,
        versions: [
          {
            number: 1,
            createdAt: at,
            state: 'ENABLED' as const,
            destroyedAt: null,
            data: new Secret(Buffer.from(value).toString('base64')),
          },
        ],
      },
    ]),
  );
}
