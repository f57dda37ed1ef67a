import { X509Certificate } from 'node:crypto';
import { checkedAudience, shownValue } from '../checked-value.ts';
import { providerAuth, type FoundValue, type VariableReader, type VariableTable } from '../variables.ts';

/** Who tokens are for when nothing is set, as in HCP Terraform. */
export const defaultVaultAudience = 'vault.workload.identity';

/** The variables of Vault and OpenBao. */
export const vaultVariables: VariableTable = {
  id: 'vault',
  title: 'Vault',
  prefix: 'VAULT',
  variables: [
    providerAuth,
    {
      name: 'ADDR',
      required: 'always',
      since: '1.7.0',
      about: 'the address of Vault or OpenBao, such as https://vault.example.com:8200',
    },
    { name: 'ROLE', perPhase: true, required: 'always', since: '1.7.0', about: 'the role of the JWT auth method' },
    { name: 'NAMESPACE', since: '1.7.0', about: 'namespace in Vault, such as `team1` or `admin/team1`' },
    {
      name: 'AUTH_PATH',
      fallback: 'jwt',
      since: '1.7.0',
      about: 'mount of the JWT auth method, without `auth/` before it',
    },
    {
      name: 'WORKLOAD_IDENTITY_AUDIENCE',
      fallback: defaultVaultAudience,
      since: '1.7.0',
      about: '`aud` of the token; must be among the bound audiences of the role',
    },
    { name: 'ENCODED_CACERT', since: '1.9.0', about: 'base64 of a PEM CA certificate, or of several' },
    {
      name: 'CLIENT_TIMEOUT',
      fallback: '60',
      since: '1.28.3',
      about: 'seconds to wait for Vault, 1 to 3600; while it is sealed or overloaded it is asked again',
    },
  ],
};

/** How a Vault is reached. */
export interface VaultPlace {
  /** http or https, without a slash at the end. */
  readonly address: string;
  /** Without slashes at its ends. */
  readonly namespace: string | null;
  /** PEM; null: the authorities that Node trusts. */
  readonly ca: string | null;
}

/** One Vault configuration, checked. */
export interface VaultConfiguration extends VaultPlace {
  /** Mount of the JWT auth method, without slashes at its ends. */
  readonly authPath: string;
  readonly role: string;
  readonly audience: string;
  readonly timeoutSeconds: number;
}

const longestTimeoutSeconds = 3600;

/**
 * Variables → checked configuration. Pure.
 *
 * @throws {ConfigurationError} `configuration_invalid`, naming the variable
 */
export function configureVault(read: VariableReader): VaultConfiguration {
  return {
    address: address(read),
    namespace: namespace(read),
    ca: certificates(read),
    authPath: authPath(read),
    role: role(read),
    audience: checkedAudience(
      read,
      255,
      `give one of the role's bound_audiences, or remove it for ${defaultVaultAudience}`,
    ),
    timeoutSeconds: timeout(read),
  };
}

/** The role as one name: the path at which Vault itself keeps it. It tells two servers, namespaces and mounts apart. */
export function roleUrl({ address: base, namespace: below, authPath: mount, role: name }: VaultConfiguration): string {
  return `${base}/v1/${below === null ? '' : `${below}/`}auth/${mount}/role/${name}`;
}

function address(read: VariableReader): string {
  const found = read.required('ADDR');
  const mend = 'give it as https://HOST:PORT';
  const isUrl = /^https?:\/\/[\x21-\x7e]+$/i.test(found.value) && URL.canParse(found.value);
  if (!isUrl || found.value.length > 1000)
    throw read.invalid(found, `is ${shownValue(found)}, which is not an http or https address`, mend);
  const url = new URL(found.value);
  // Never shown: there is a password in it.
  if (url.username !== '' || url.password !== '') throw read.invalid(found, 'holds a name or a password', mend);
  if (/[?#]/.test(found.value))
    throw read.invalid(found, `is ${shownValue(found)}: it has a query or a fragment`, mend);
  const base = found.value.replace(/\/+$/, '');
  if (base.endsWith('/v1'))
    throw read.invalid(found, `is ${shownValue(found)}: it ends in /v1, which clients add themselves`, 'leave /v1 out');
  return base;
}

/**
 * Printable characters that stand for themselves in a URL's path, in parts between slashes. A header and a path are made
 * of it.
 */
const pathPattern = /^[\w.~!$&'()*+,;=:@-]+(?:\/[\w.~!$&'()*+,;=:@-]+)*$/;

function namespace(read: VariableReader): string | null {
  const found = read.optional('NAMESPACE');
  if (found === undefined) return null;
  return path(read, found, 'give the path of a namespace, such as team1 or admin/team1, or remove it for the root');
}

function authPath(read: VariableReader): string {
  const found = read.required('AUTH_PATH');
  const mend = 'give the mount alone, such as jwt, as "vault auth list" shows it';
  const mount = path(read, found, mend);
  // HCP Terraform puts `auth/` before it, too; a mount at `auth/auth/…` is nobody's.
  if (mount.startsWith('auth/')) throw read.invalid(found, `is ${shownValue(found)}: "auth/" is added by itself`, mend);
  return mount;
}

/** A path without slashes at its ends, where people often write them. */
function path(read: VariableReader, found: FoundValue, mend: string): string {
  const bare = found.value.replace(/^\/|\/$/g, '');
  const parts = bare.split('/');
  if (!pathPattern.test(bare) || bare.length > 500 || parts.includes('.') || parts.includes('..'))
    throw read.invalid(found, `is ${shownValue(found)}, which is not a path`, mend);
  return bare;
}

function role(read: VariableReader): string {
  const found = read.required('ROLE');
  // Vault: letters, digits, "_", "-", "."; the last two neither first nor last. It takes no notice of case.
  if (!/^\w(?:[\w.-]{0,253}\w)?$/.test(found.value)) {
    throw read.invalid(
      found,
      `is ${shownValue(found)}, which is not the name of a role`,
      'give the name alone, such as payments-plan: letters, digits, "_", "-" and "."',
    );
  }
  return found.value;
}

function timeout(read: VariableReader): number {
  const found = read.required('CLIENT_TIMEOUT');
  const seconds = /^[0-9]{1,4}$/.test(found.value) ? Number(found.value) : 0;
  if (seconds < 1 || seconds > longestTimeoutSeconds) {
    throw read.invalid(
      found,
      `is ${shownValue(found)}, which is not a number of seconds from 1 to ${longestTimeoutSeconds}`,
      'give digits alone, such as 60',
    );
  }
  return seconds;
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const longestCertificates = 100_000;

/** The certificates alone, as PEM; what stands around them is left out. */
function certificates(read: VariableReader): string | null {
  const found = read.optional('ENCODED_CACERT');
  if (found === undefined) return null;
  const mend = 'give the output of: base64 -w0 ca.pem';
  if (found.value.includes('-----BEGIN'))
    throw read.invalid(found, 'is PEM text as it is, but must be base64 of it', mend);
  const packed = found.value.replace(/\s/g, '');
  if (packed.length > longestCertificates || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed))
    throw read.invalid(found, 'is not base64', mend);
  const pem = Buffer.from(packed, 'base64').toString('latin1');
  // It would lie in a file that everything in the run may read.
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem))
    throw read.invalid(found, 'holds a private key, which has no place there', 'give the CA certificate alone');
  const blocks = pem.match(certificatePattern) ?? [];
  if (blocks.length === 0) throw read.invalid(found, 'is base64, but not of a PEM certificate', mend);
  for (const [index, block] of blocks.entries()) {
    if (!isCertificate(block))
      throw read.invalid(found, `holds a certificate (number ${index + 1}) that cannot be read`, mend);
  }
  return `${blocks.join('\n')}\n`;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
