/** Where Google's two services of an exchange are called, each ending with a slash. */
export interface GcpHosts {
  readonly sts: string;
  readonly iamCredentials: string;
}

/** Google's own. */
export const googleHosts: GcpHosts = {
  sts: 'https://sts.googleapis.com/',
  iamCredentials: 'https://iamcredentials.googleapis.com/',
};

/**
 * Google's hosts, or those that the run names for gcloud with `CLOUDSDK_API_ENDPOINT_OVERRIDES_STS` and
 * `…_IAMCREDENTIALS`: https, or http on the loopback, since a token goes there. What is no such address counts as unset.
 */
export function gcpHosts(environment: Readonly<Record<string, string>>): GcpHosts {
  const named = (service: string): string | null => baseUrl(environment[`CLOUDSDK_API_ENDPOINT_OVERRIDES_${service}`]);
  return {
    sts: named('STS') ?? googleHosts.sts,
    iamCredentials: named('IAMCREDENTIALS') ?? googleHosts.iamCredentials,
  };
}

/** `POST` there exchanges a token. */
export function tokenUrl(hosts: GcpHosts): string {
  return `${hosts.sts}v1/token`;
}

/** `POST` there makes an access token of the service account. */
export function impersonationUrl(hosts: GcpHosts, email: string): string {
  return `${hosts.iamCredentials}v1/projects/-/serviceAccounts/${email}:generateAccessToken`;
}

function baseUrl(text: string | undefined): string | null {
  if (!text || !URL.canParse(text)) return null;
  const url = new URL(text);
  const isLoopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) return null;
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return null;
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}
