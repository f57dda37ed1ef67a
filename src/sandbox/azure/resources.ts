/** What an access token can be for. */
export type ResourceKind = 'arm' | 'graph' | 'other';

const names: Readonly<Record<string, ResourceKind>> = {
  'https://management.azure.com': 'arm',
  'https://management.core.windows.net': 'arm',
  'https://graph.microsoft.com': 'graph',
  'https://vault.azure.net': 'other',
  'https://storage.azure.com': 'other',
};

/** Where Graph is, under the stand-in's own address: one address cannot be two resources. */
export const graphPath = '/graph';

/** What a resource is: one of Microsoft's own names, or the stand-in's address; null when the tenant does not have it. */
export function resourceKind(resource: string, base: string): ResourceKind | null {
  const name = resource.replace(/\/+$/, '');
  if (name === base) return 'arm';
  if (name === `${base}${graphPath}`) return 'graph';
  return Object.hasOwn(names, name) ? names[name]! : null;
}
