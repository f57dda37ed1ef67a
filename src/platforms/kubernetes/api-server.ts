/** How the providers' variables describe the API server. */
export interface ApiServer {
  /** `https://HOST[:PORT][/PATH]`, without a slash at the end; `http` on loopback alone. */
  readonly url: string;
  /** PEM of the cluster's certificate authority; null: the system's. */
  readonly ca: string | null;
  /** Name that the certificate must be for, where it is not the host's. */
  readonly serverName: string | null;
  /** The user switched the check of the certificate off. */
  readonly isInsecure: boolean;
}

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * The API server that the providers would use, from the child's variables; null where they do not say, or say something
 * that a token must not be sent to. Pure.
 *
 * @see Terraform provider kubernetes, "Provider configuration": `KUBE_HOST`, `KUBE_CLUSTER_CA_CERT_DATA`,
 *   `KUBE_TLS_SERVER_NAME`, `KUBE_INSECURE`
 */
export function apiServer(environment: Readonly<Record<string, string>>): ApiServer | null {
  const host = environment['KUBE_HOST'];
  if (!host) return null;
  // client-go takes a bare host for https.
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(host) ? host : `https://${host}`;
  if (!URL.canParse(address)) return null;
  const url = new URL(address);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback.test(url.hostname))) return null;
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return null;
  return {
    url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    ca: environment['KUBE_CLUSTER_CA_CERT_DATA'] || null,
    serverName: environment['KUBE_TLS_SERVER_NAME'] || null,
    isInsecure: environment['KUBE_INSECURE']?.toLowerCase() === 'true',
  };
}
