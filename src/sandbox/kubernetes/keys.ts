import { fetchWithCa } from '../../platforms/fetch-with-ca.ts';
import type { KubernetesTrust } from '../../platforms/kubernetes/trust-policy.ts';
import { openIssuerKeys, type IssuerKeys } from '../relying-party/issuer-keys.ts';
import type { StandInWorld } from '../stand-in.ts';
import type { KubernetesConfig } from './config.ts';

type Authenticator = KubernetesTrust['authenticators'][number];

/** The API server reads keys again this long before they are too old. */
const earlySeconds = 30;

/**
 * Keys of every trusted issuer, kept as the API server keeps them: a known key id goes on working, an unknown one makes it read
 * again, but not while the last reading's `Cache-Control: max-age` lasts.
 *
 * @see coreos/go-oidc, remote key set
 */
export function openClusterKeys(
  { authenticators }: KubernetesTrust,
  config: Pick<KubernetesConfig, 'fetch_from' | 'key_refetch_seconds'>,
  world: Pick<StandInWorld, 'fetch' | 'now'>,
): (issuer: string) => IssuerKeys | undefined {
  const keys = new Map(
    authenticators.map((authenticator) => [authenticator.issuer, openKeys(authenticator, config, world)]),
  );
  return (issuer) => keys.get(issuer);
}

function openKeys(
  authenticator: Authenticator,
  config: Pick<KubernetesConfig, 'fetch_from' | 'key_refetch_seconds'>,
  world: Pick<StandInWorld, 'fetch' | 'now'>,
): IssuerKeys {
  const { issuer, discoveryUrl, certificateAuthority } = authenticator;
  const fetchFrom = config.fetch_from[issuer] ?? null;
  const fetch = certificateAuthority === null ? world.fetch : fetchWithCa(certificateAuthority);
  const wellKnown = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  let freshSeconds = 0;
  return openIssuerKeys({
    issuer,
    fetchFrom,
    now: world.now,
    cacheSeconds: Infinity,
    get refetchSeconds() {
      return config.key_refetch_seconds ?? Math.max(0, freshSeconds - earlySeconds);
    },
    async fetch(input, init) {
      const asked = input instanceof Request ? input.url : String(input);
      const isDiscovery = asked === wellKnown;
      // A discovery URL is taken as it stands, and holds nothing but the discovery document.
      const response = await fetch(isDiscovery && discoveryUrl !== null ? discoveryUrl : input, init);
      if (!isDiscovery) freshSeconds = maxAge(response.headers.get('cache-control'));
      return response;
    },
  });
}

/** Seconds of `max-age`; 0 when there is none (RFC 9111 section 5.2.2.1). */
function maxAge(cacheControl: string | null): number {
  return Number(/(?:^|[,\s])max-age="?(\d{1,9})/i.exec(cacheControl ?? '')?.[1] ?? 0);
}
