import {
  readGcpIamPolicy,
  readGcpProvider,
  type GcpIamPolicy,
  type GcpProvider,
} from '../../platforms/gcp/trust-policy.ts';
import type { DocumentReader } from '../document-reader.ts';
import type { GcpSchema } from './config-schema.ts';

/** One Google Cloud project as the stand-in plays it: checked, every document read. */
export interface GcpConfig extends Omit<GcpSchema, 'providers' | 'service_accounts' | 'iam_policy' | 'secrets'> {
  readonly providers: readonly TrustedProvider[];
  /** By email: who may act as it. */
  readonly serviceAccounts: ReadonlyMap<string, GcpIamPolicy>;
  /** Of the project; what it grants holds for every secret. */
  readonly iamPolicy: GcpIamPolicy;
  readonly secrets: ReadonlyMap<string, GivenSecret>;
}

/** A workload identity pool provider, and where its issuer is really reached. */
export interface TrustedProvider {
  readonly provider: GcpProvider;
  readonly fetchFrom: string | null;
}

/** A secret that is there from the start. */
export interface GivenSecret {
  readonly value: string;
  readonly iamPolicy: GcpIamPolicy;
}

/** Reads the part `gcp` of a sandbox configuration. */
export async function readGcpConfig(gcp: GcpSchema, documents: DocumentReader): Promise<GcpConfig> {
  const providers: TrustedProvider[] = [];
  for (const [index, { provider, fetch_from: from }] of gcp.providers.entries())
    providers.push({
      provider: await documents.read(provider, ['providers', index, 'provider'], readGcpProvider),
      fetchFrom: from ?? null,
    });
  documents.refuseDoubles(
    ['providers'],
    providers.map(({ provider }) => provider.name),
  );
  refuseForeignPools(providers, gcp.project.number, documents);
  const serviceAccounts = new Map<string, GcpIamPolicy>();
  for (const [email, policy] of Object.entries(gcp.service_accounts))
    serviceAccounts.set(email, await documents.read(policy, ['service_accounts', email], readGcpIamPolicy));
  const secrets = new Map<string, GivenSecret>();
  for (const [name, given] of Object.entries(gcp.secrets)) {
    const { value, iam_policy: policy } = typeof given === 'string' ? { value: given, iam_policy: {} } : given;
    const iamPolicy = await documents.read(policy, ['secrets', name, 'iam_policy'], readGcpIamPolicy);
    secrets.set(name, { value, iamPolicy });
  }
  const { port, project, latency_milliseconds } = gcp;
  const { token_seconds, clock_skew_seconds, key_cache_seconds, key_refetch_seconds } = gcp;
  const settings = { token_seconds, clock_skew_seconds, key_cache_seconds, key_refetch_seconds, latency_milliseconds };
  const iamPolicy = await documents.read(gcp.iam_policy, ['iam_policy'], readGcpIamPolicy);
  return { port, project, ...settings, providers, serviceAccounts, iamPolicy, secrets };
}

/** A number that differs by a digit would be a provider that no token ever reaches. */
function refuseForeignPools(providers: readonly TrustedProvider[], number: string, documents: DocumentReader): void {
  const foreign = providers.findIndex(({ provider }) => !provider.name.startsWith(`projects/${number}/`));
  if (foreign < 0) return;
  throw documents.invalid(['providers', foreign, 'provider'], {
    what: `the provider ${providers[foreign]!.provider.name} is not in project ${number}, which the stand-in plays`,
    mend: 'set project.number to the number in the provider’s name',
  });
}
