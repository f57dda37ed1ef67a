import type { JsonObject } from '../../domain/json.ts';
import { readVaultConfig, readVaultRole, type VaultTrust } from '../../platforms/vault/trust-policy.ts';
import type { DocumentReader } from '../document-reader.ts';
import { mayBeFetched } from '../issuer-schema.ts';
import { defaultPolicy, readAclPolicy, type AclPolicy } from './acl-policy.ts';
import type { SpaceSchema, VaultSchema } from './config-schema.ts';

/** One server as the stand-in plays it: checked, every document read. */
export interface VaultConfig {
  readonly port: number;
  readonly sealed: boolean;
  readonly token_seconds?: number | undefined;
  readonly latency_milliseconds: VaultSchema['latency_milliseconds'];
  /** By path; `` is the root namespace. */
  readonly spaces: ReadonlyMap<string, SpaceConfig>;
}

/** One namespace. */
export interface SpaceConfig {
  readonly auth: ReadonlyMap<string, AuthMountConfig>;
  readonly policies: ReadonlyMap<string, AclPolicy>;
  readonly kv: ReadonlyMap<string, Readonly<Record<string, JsonObject>>>;
}

/** One JWT auth method. */
export interface AuthMountConfig {
  readonly config: VaultTrust['config'];
  readonly fetchFrom: string | null;
  /** By name in lower case. */
  readonly roles: ReadonlyMap<string, VaultTrust['role']>;
}

/** Reads the part `vault` of a sandbox configuration. */
export async function readVaultPart(vault: VaultSchema, documents: DocumentReader): Promise<VaultConfig> {
  const spaces = new Map([['', await readSpace(vault, [], documents)]]);
  for (const [name, space] of Object.entries(vault.namespaces))
    spaces.set(name, await readSpace(space, ['namespaces', name], documents));
  const { port, sealed, token_seconds, latency_milliseconds } = vault;
  return { port, sealed, token_seconds, latency_milliseconds, spaces };
}

async function readSpace(space: SpaceSchema, path: readonly string[], documents: DocumentReader): Promise<SpaceConfig> {
  const auth = new Map<string, AuthMountConfig>();
  for (const [name, mount] of Object.entries(space.auth))
    auth.set(name, await readMount(mount, [...path, 'auth', name], documents));
  const policies = new Map([['default', defaultPolicy]]);
  for (const [name, policy] of Object.entries(space.policies))
    policies.set(name, await documents.read(policy, [...path, 'policies', name], readAclPolicy));
  return { auth, policies, kv: new Map(Object.entries(space.kv)) };
}

async function readMount(
  mount: SpaceSchema['auth'][string],
  path: readonly string[],
  documents: DocumentReader,
): Promise<AuthMountConfig> {
  const config = await documents.read(mount.config, [...path, 'config'], readVaultConfig);
  if (!mayBeFetched(config.discoveryUrl))
    throw documents.invalid([...path, 'config'], {
      what: 'the stand-in takes keys only by oidc_discovery_url, over https (http only on loopback)',
      mend: 'set oidc_discovery_url to the URL of the issuer',
    });
  const roles = new Map<string, VaultTrust['role']>();
  documents.refuseDoubles(
    [...path, 'roles'],
    Object.keys(mount.roles).map((name) => name.toLowerCase()),
  );
  for (const [name, role] of Object.entries(mount.roles))
    roles.set(name.toLowerCase(), await documents.read(role, [...path, 'roles', name], readVaultRole));
  return { config, fetchFrom: mount.fetch_from ?? null, roles };
}
