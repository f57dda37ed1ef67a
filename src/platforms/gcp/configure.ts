import { checkedAudience, shownValue } from '../checked-value.ts';
import { fullName, providerAuth, type FoundValue, type VariableReader, type VariableTable } from '../variables.ts';
import {
  faultOfProjectNumber,
  faultOfProviderName,
  idRule,
  isPoolId,
  providerName,
  readProviderName,
} from './resource-name.ts';

/** The variables of Google Cloud. */
export const gcpVariables: VariableTable = {
  id: 'gcp',
  title: 'Google Cloud',
  prefix: 'GCP',
  variables: [
    providerAuth,
    {
      name: 'PRINCIPAL_TYPE',
      fallback: 'service_account',
      since: '1.28.4',
      about: '`service_account`, or `workload_pool` for access without impersonation',
    },
    {
      name: 'SERVICE_ACCOUNT_EMAIL',
      perPhase: true,
      required: 'conditional',
      since: '1.7.0',
      about: 'service account to impersonate; not needed for `workload_pool`',
    },
    {
      name: 'WORKLOAD_PROVIDER_NAME',
      required: 'conditional',
      since: '1.7.0',
      about:
        '`projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`; wins over the three parts',
    },
    { name: 'PROJECT_NUMBER', required: 'conditional', since: '1.7.0', about: 'number (not id) of the project' },
    { name: 'WORKLOAD_POOL_ID', required: 'conditional', since: '1.7.0', about: 'id of the workload identity pool' },
    { name: 'WORKLOAD_PROVIDER_ID', required: 'conditional', since: '1.7.0', about: 'id of the provider in the pool' },
    {
      name: 'WORKLOAD_IDENTITY_AUDIENCE',
      fallback: '<`//iam.googleapis.com/` and the provider name>',
      since: '1.7.0',
      about: '`aud` of the token; must be among the allowed audiences of the provider',
    },
  ],
};

/** One Google Cloud configuration, checked. */
export interface GcpConfiguration {
  /** `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`. */
  readonly provider: string;
  /** Null for `workload_pool`: roles are granted to the pool's own members. */
  readonly email: string | null;
  /** `aud` of the token; the exchange itself always names the provider. */
  readonly audience: string;
}

/** The audience of the exchange, and of the token where nothing else is set. */
export function providerAudience(provider: string): string {
  return `//iam.googleapis.com/${provider}`;
}

/**
 * Variables → checked configuration. Pure.
 *
 * @throws {ConfigurationError} `configuration_invalid`, naming the variable
 * @see Google Cloud IAM, "Workload identity federation"
 */
export function configureGcp(read: VariableReader): GcpConfiguration {
  const email = emailOf(read);
  const provider = providerOf(read);
  if (read.required('WORKLOAD_IDENTITY_AUDIENCE').variable === null)
    return { provider, email, audience: providerAudience(provider) };
  const mend = "give one of the provider's allowed audiences, or remove it for the name of the provider";
  return { provider, email, audience: checkedAudience(read, 256, mend) };
}

function emailOf(read: VariableReader): string | null {
  const type = read.required('PRINCIPAL_TYPE');
  if (type.value === 'workload_pool') return null;
  if (type.value !== 'service_account') {
    throw read.invalid(
      type,
      `is ${shownValue(type)}`,
      'use service_account (impersonation) or workload_pool (roles granted to the pool’s members)',
    );
  }
  const email = read.required('SERVICE_ACCOUNT_EMAIL');
  // It becomes part of an address.
  if (/^[a-z0-9][a-z0-9.-]{0,127}@[a-z0-9][a-z0-9.-]{0,200}\.gserviceaccount\.com$/.test(email.value))
    return email.value;
  throw read.invalid(
    email,
    `is ${shownValue(email)}, which is not the email of a service account`,
    'give it as NAME@PROJECT.iam.gserviceaccount.com',
  );
}

function providerOf(read: VariableReader): string {
  const name = read.optional('WORKLOAD_PROVIDER_NAME');
  if (name === undefined) return providerFromParts(read);
  const parts = readProviderName(name.value);
  const fault = parts === null ? 'it has another form' : faultOfProviderName(parts);
  if (fault === null) return name.value;
  throw read.invalid(
    name,
    `is ${shownValue(name)}: ${fault}`,
    'give it as projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER, without a host',
  );
}

const partNames = ['PROJECT_NUMBER', 'WORKLOAD_POOL_ID', 'WORKLOAD_PROVIDER_ID'] as const;

function providerFromParts(read: VariableReader): string {
  const found = partNames.map((name) => read.optional(name));
  const missing = partNames.filter((_, index) => found[index] === undefined);
  if (missing.length > 0) {
    throw read.invalid(
      { value: '', variable: nameOf(read, 'WORKLOAD_PROVIDER_NAME') },
      `is not set, and of the parts that could stand for it ${missing.map((name) => nameOf(read, name)).join(', ')} ${missing.length === 1 ? 'is' : 'are'} not set`,
      'set the name of the provider, or all three parts (each also as TFC_DEFAULT_GCP_… for every configuration)',
    );
  }
  const [projectNumber, pool, provider] = found as [FoundValue, FoundValue, FoundValue];
  const fault = faultOfProjectNumber(projectNumber.value);
  if (fault !== null) {
    throw read.invalid(
      projectNumber,
      `is ${shownValue(projectNumber)}, which is not the number of a project`,
      'give the number, not the id: gcloud projects describe ID --format="value(projectNumber)"',
    );
  }
  for (const part of [pool, provider]) {
    if (!isPoolId(part.value)) throw read.invalid(part, `is ${shownValue(part)}`, `give an id: ${idRule}`);
  }
  return providerName({ projectNumber: projectNumber.value, pool: pool.value, provider: provider.value });
}

function nameOf(read: VariableReader, name: string): string {
  const spec = gcpVariables.variables.find((variable) => variable.name === name)!;
  return fullName(gcpVariables, spec, null, { tag: read.tag });
}
