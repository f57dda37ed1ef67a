/** The parts of a provider's resource name. */
export interface ProviderName {
  readonly projectNumber: string;
  readonly pool: string;
  readonly provider: string;
}

const form = /^projects\/([^/]+)\/locations\/global\/workloadIdentityPools\/([^/]+)\/providers\/([^/]+)$/;

/** `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`, or null when it is not of this form. */
export function readProviderName(name: string): ProviderName | null {
  const [, projectNumber, pool, provider] = form.exec(name) ?? [];
  if (projectNumber === undefined || pool === undefined || provider === undefined) return null;
  return { projectNumber, pool, provider };
}

/**
 * Why the parts cannot be those of a provider, or null.
 *
 * @see Google Cloud IAM API, projects.locations.workloadIdentityPools.create, workloadIdentityPoolId
 */
export function faultOfProviderName({ projectNumber, pool, provider }: ProviderName): string | null {
  const numberFault = faultOfProjectNumber(projectNumber);
  if (numberFault !== null) return numberFault;
  if (!isPoolId(pool)) return `its pool id is ${JSON.stringify(pool)}: ${idRule}`;
  if (!isPoolId(provider)) return `its provider id is ${JSON.stringify(provider)}: ${idRule}`;
  return null;
}

/** Why this is not the number of a project, or null. */
export function faultOfProjectNumber(text: string): string | null {
  if (/^[1-9]\d{0,18}$/.test(text)) return null;
  return `its project is ${JSON.stringify(text)}: the number of the project is wanted, not its id`;
}

/** What an id of a pool or a provider is, for errors. */
export const idRule = '4 to 32 lower-case letters, digits and "-", and no "gcp-" before them';

/** Whether a text can be the id of a pool or of a provider. */
export function isPoolId(text: string): boolean {
  return /^[a-z0-9-]{4,32}$/.test(text) && !text.startsWith('gcp-');
}

/** `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`. */
export function providerName({ projectNumber, pool, provider }: ProviderName): string {
  return `projects/${projectNumber}/locations/global/workloadIdentityPools/${pool}/providers/${provider}`;
}
