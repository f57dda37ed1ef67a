/** Where one cloud of Microsoft gives tokens out, and for what they are asked first. */
export interface AzureCloud {
  /** No slash at the end. */
  readonly authority: string;
  /** The resource of Azure Resource Manager, no slash at the end. */
  readonly resourceManager: string;
}

const publicCloud: AzureCloud = {
  authority: 'https://login.microsoftonline.com',
  resourceManager: 'https://management.azure.com',
};
const usGovernment: AzureCloud = {
  authority: 'https://login.microsoftonline.us',
  resourceManager: 'https://management.usgovcloudapi.net',
};
const china: AzureCloud = {
  authority: 'https://login.partner.microsoftonline.cn',
  resourceManager: 'https://management.chinacloudapi.cn',
};

/** Values of `ARM_ENVIRONMENT`, in lower case, as the providers take them. */
const byName: Readonly<Record<string, AzureCloud>> = {
  public: publicCloud,
  global: publicCloud,
  usgovernment: usGovernment,
  usgovernmentl4: usGovernment,
  usgovernmentl5: usGovernment,
  dod: usGovernment,
  china,
};

/** The cloud of an `ARM_ENVIRONMENT`, or null when Microsoft has none of that name. */
export function cloudNamed(name: string): AzureCloud | null {
  const key = name.toLowerCase();
  return Object.hasOwn(byName, key) ? byName[key]! : null;
}

/** The cloud whose authority this is; an unknown one is asked for the public cloud's resource. */
export function cloudAt(authority: string): AzureCloud {
  const known = [publicCloud, usGovernment, china].find((cloud) => cloud.authority === authority);
  return known ?? { ...publicCloud, authority };
}

/** An address that may be sent a token: https, or http on loopback. Without slashes at its end; null when it may not. */
export function tokenAddress(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) return null;
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return null;
  return url.href.replace(/\/+$/, '');
}
