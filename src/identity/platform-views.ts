import { isLoopbackIssuer } from './issuer-url.ts';

/** What a platform will think of an issuer URL. */
export interface PlatformView {
  /** Of the platform's folder: `aws`, … */
  readonly id: string;
  readonly platform: string;
  readonly usable: boolean;
  /** Why not, or what it takes. */
  readonly notes: readonly string[];
}

interface UrlFacts {
  readonly text: string;
  readonly url: URL;
  readonly isReachable: boolean;
}

interface PlatformRules {
  readonly id: string;
  readonly platform: string;
  readonly obstacles: readonly (readonly [(facts: UrlFacts) => boolean, string])[];
  readonly note: string;
}

const notHttps = ({ url }: UrlFacts): boolean => url.protocol !== 'https:';
const hidden = ({ isReachable }: UrlFacts): boolean => !isReachable;

/**
 * One row per platform: what rules an issuer URL out, and what it takes otherwise.
 *
 * @see each platform's page on OIDC providers; AWS: `CreateOpenIDConnectProvider`
 */
const rules: readonly PlatformRules[] = [
  {
    id: 'aws',
    platform: 'AWS',
    obstacles: [
      [notHttps, 'it takes https only'],
      [({ url }) => url.port !== '', 'it takes no port in the URL'],
      [({ text }) => text.length > 255, 'it takes at most 255 characters'],
      [hidden, 'it must reach the URL over the internet'],
    ],
    note: 'takes any certificate of a public CA; for another one the provider needs its thumbprint',
  },
  {
    id: 'gcp',
    platform: 'Google Cloud',
    obstacles: [[notHttps, 'it takes https only']],
    note: 'fetches from the internet with a public certificate, or takes the key set by upload (then again after each rotation)',
  },
  {
    id: 'azure',
    platform: 'Azure',
    obstacles: [
      [notHttps, 'it takes https only'],
      [hidden, 'it must reach the URL over the internet'],
    ],
    note: 'needs a certificate of a public CA',
  },
  {
    id: 'hcp',
    platform: 'HCP',
    obstacles: [
      [notHttps, 'it takes https only'],
      [hidden, 'it must reach the URL over the internet'],
    ],
    note: 'needs a certificate of a public CA',
  },
  {
    id: 'vault',
    platform: 'Vault and OpenBao',
    obstacles: [],
    note: 'only the Vault server must reach the URL; a private CA goes into oidc_discovery_ca_pem',
  },
  {
    id: 'kubernetes',
    platform: 'Kubernetes',
    obstacles: [[notHttps, 'it takes https only']],
    note: 'only the API server must reach the URL; a private CA goes into its configuration',
  },
];

/** Says for every platform whether it can use an issuer URL. Pure: looks at the URL, not at the network. */
export function platformViews(issuer: string): readonly PlatformView[] {
  const facts: UrlFacts = { text: issuer, url: new URL(issuer), isReachable: isPublic(issuer) };
  return rules.map(({ id, platform, obstacles, note }) => {
    const found = obstacles.filter(([stands]) => stands(facts)).map(([, what]) => what);
    return { id, platform, usable: found.length === 0, notes: found.length === 0 ? [note] : found };
  });
}

/** Whether a host can be on the internet, by its looks. */
function isPublic(issuer: string): boolean {
  const { hostname } = new URL(issuer);
  if (isLoopbackIssuer(issuer) || hostname.startsWith('[f') || hostname.startsWith('[::')) return false;
  if (
    /^(?:10|127|0)\.|^192\.168\.|^169\.254\.|^172\.(?:1[6-9]|2\d|3[01])\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(
      hostname,
    )
  )
    return false;
  return (
    hostname.includes('.') && !/\.(?:local|internal|localhost|test|invalid|example|lan|home\.arpa)$/.test(hostname)
  );
}
