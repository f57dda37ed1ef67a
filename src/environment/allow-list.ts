import { revealed, type Secret } from '../domain/secret.ts';

/** They say where, but not who. */
const places: readonly string[] = [
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_*',
  'AWS_USE_FIPS_ENDPOINT',
  'AWS_USE_DUALSTACK_ENDPOINT',
  'AWS_STS_REGIONAL_ENDPOINTS',
  'AWS_MAX_ATTEMPTS',
  'AWS_RETRY_MODE',
  'AWS_DEFAULT_OUTPUT',
  'AWS_PAGER',
  'GOOGLE_PROJECT',
  'GOOGLE_CLOUD_PROJECT',
  'GCLOUD_PROJECT',
  'CLOUDSDK_CORE_PROJECT',
  'GOOGLE_REGION',
  'GOOGLE_ZONE',
  'ARM_SUBSCRIPTION_ID',
  'ARM_TENANT_ID',
  'ARM_ENVIRONMENT',
  'ARM_METADATA_HOST',
  'ARM_METADATA_HOSTNAME',
  'AZURE_AUTHORITY_HOST',
  'KUBE_HOST',
  'KUBE_CLUSTER_CA_CERT_DATA',
  'KUBE_TLS_SERVER_NAME',
];

/**
 * The caller's variables that reach the child, as a table: exact names, or with one `*` for any characters. Everything else stays
 * behind, above all the runner's own cloud identity (`AWS_*`, `GOOGLE_*`, `ARM_*`, `VAULT_*`, `KUBE*` …).
 */
const allowed: readonly { readonly about: string; readonly names: readonly string[] }[] = [
  {
    about: 'system, language and time',
    names: ['PATH', 'LANG', 'LANGUAGE', 'LC_*', 'TZ', 'USER', 'LOGNAME', 'SHELL', 'LOCALE_ARCHIVE', 'CI'],
  },
  {
    about: 'terminal',
    names: [
      'TERM',
      'TERM_PROGRAM',
      'COLORTERM',
      'NO_COLOR',
      'FORCE_COLOR',
      'CLICOLOR*',
      'COLUMNS',
      'LINES',
      'PAGER',
      'EDITOR',
    ],
  },
  {
    about: 'proxies',
    names: [
      'HTTP_PROXY',
      'HTTPS_PROXY',
      'NO_PROXY',
      'ALL_PROXY',
      'http_proxy',
      'https_proxy',
      'no_proxy',
      'all_proxy',
      'NODE_USE_ENV_PROXY',
    ],
  },
  {
    about: 'certificate authorities',
    names: [
      'SSL_CERT_FILE',
      'SSL_CERT_DIR',
      'AWS_CA_BUNDLE',
      'REQUESTS_CA_BUNDLE',
      'CURL_CA_BUNDLE',
      'NODE_EXTRA_CA_CERTS',
      'GIT_SSL_CAINFO',
      'GIT_SSL_CAPATH',
      'NIX_SSL_CERT_FILE',
      'CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE',
    ],
  },
  { about: 'regions, endpoints and names of projects, which say where but not who', names: places },
  { about: 'Terraform and OpenTofu', names: ['TF_*', 'CHECKPOINT_DISABLE', 'TERRAGRUNT_*', 'TG_*'] },
  {
    about: 'git',
    names: [
      'GIT_CONFIG_GLOBAL',
      'GIT_CONFIG_SYSTEM',
      'GIT_CONFIG_NOSYSTEM',
      'GIT_SSH',
      'GIT_SSH_COMMAND',
      'GIT_SSH_VARIANT',
      'GIT_TERMINAL_PROMPT',
      'GIT_EXEC_PATH',
    ],
  },
  {
    about: 'version managers',
    names: [
      'ASDF_*',
      'MISE_*',
      'TFENV_*',
      'TENV_*',
      'TOFUENV_*',
      'TGENV_*',
      'PYENV_*',
      'RBENV_*',
      'GOENV_*',
      'NODENV_*',
    ],
  },
];

/** Google's services by name, of which some are called after secrets and credentials: each says where one is. */
const endpoints: readonly string[] = ['CLOUDSDK_API_ENDPOINT_OVERRIDES_*', 'GOOGLE_*_CUSTOM_ENDPOINT'];

/** Excepted from the table: they carry credentials, or would replace what Hallpass supplies. */
const excepted: readonly RegExp[] = [
  /^TF_VAR_tfc_.*_dynamic_credentials$/,
  /^TF_REATTACH_PROVIDERS$/,
  /^(?!TF_).*(?:TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL|API_?KEY)/i,
];

/** They open registries and repositories, which only `init` and `get` need. */
const forDownloads: readonly string[] = [
  'TF_TOKEN_*',
  'SSH_AUTH_SOCK',
  'GIT_ASKPASS',
  'SSH_ASKPASS',
  'GIT_CONFIG_COUNT',
  'GIT_CONFIG_KEY_*',
  'GIT_CONFIG_VALUE_*',
  'NETRC',
];

const inTable = matcher(allowed.flatMap((row) => row.names));
const isEndpoint = matcher(endpoints);
const isPlace = matcher([...places, ...endpoints]);
const isForDownloads = matcher(forDownloads);

/** Whether one of the caller's variables reaches the child without being named. Pure. */
export function isAllowed(name: string, downloads: boolean): boolean {
  if (isForDownloads(name)) return downloads;
  if (isEndpoint(name)) return true;
  if (excepted.some((pattern) => pattern.test(name))) return false;
  return inTable(name);
}

/** Asked for each of the caller's variables, so exact names are looked up. */
function matcher(names: readonly string[]): (name: string) => boolean {
  const exact = new Set(names.filter((name) => !name.includes('*')));
  const parts = names.filter((name) => name.includes('*')).map((name) => name.split('*') as [string, string]);
  return (name) =>
    exact.has(name) ||
    parts.some(
      ([start, end]) => name.length >= start.length + end.length && name.startsWith(start) && name.endsWith(end),
    );
}

/**
 * Variables that a platform may look at: those that are no secret, and those that say where but not who, also when their
 * value came from a file (a certificate authority) and so is kept out of output.
 */
export function placeVariables(variables: Iterable<readonly [string, Secret | string]>): Record<string, string> {
  const open = [...variables].filter(([name, value]) => typeof value === 'string' || isPlace(name));
  return Object.fromEntries(open.map(([name, value]) => [name, revealed(value)]));
}
