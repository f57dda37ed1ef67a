import { letters, openTokenStore, type TokenStore, type VaultToken } from './token-store.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { HttpCall } from '../http-call.ts';
import type { Note } from '../logged-answer.ts';
import type { StandInWorld } from '../stand-in.ts';
import type { AuthMountConfig, SpaceConfig, VaultConfig } from './config.ts';
import { openMountKeys, type MountKeys } from './issuer-keys.ts';
import { openSecretStore, type SecretStore } from './secret-store.ts';

/** One server with all that it knows. */
export interface VaultServer {
  readonly config: VaultConfig;
  readonly now: () => Date;
  readonly tokens: TokenStore;
  readonly spaces: ReadonlyMap<string, Space>;
}

/** One namespace at work. */
export interface Space {
  /** `` is the root. */
  readonly path: string;
  readonly auth: ReadonlyMap<string, AuthMount>;
  readonly policies: SpaceConfig['policies'];
  readonly kv: ReadonlyMap<string, SecretStore>;
}

/** A JWT auth method with the keys of its issuer. */
export interface AuthMount extends AuthMountConfig {
  readonly keys: MountKeys;
}

/** One call, after its namespace and path are known. */
export interface VaultCall {
  readonly call: HttpCall;
  readonly space: Space;
  /** Within the namespace, without `v1/`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The body; empty when there is none. */
  readonly body: JsonObject;
  readonly note: Note;
}

/** One call of a caller whose token was found and whose policies allow it. */
export interface TokenCall extends VaultCall {
  readonly token: VaultToken;
}

/** What goes back; null is 204. */
export type Reply = JsonObject | null;

/** Opens a server with the namespaces, mounts and secrets of its configuration. */
export function openServer(config: VaultConfig, { fetch, now }: StandInWorld): VaultServer {
  const ids = new Map<string, string>();
  const spaceId = (space: string): string => {
    const id = ids.get(space) ?? letters(6);
    ids.set(space, id);
    return id;
  };
  const spaces = [...config.spaces].map(([path, space]): [string, Space] => [
    path,
    {
      path,
      policies: space.policies,
      auth: new Map(
        [...space.auth].map(([name, mount]) => [
          name,
          {
            ...mount,
            keys: openMountKeys({ discoveryUrl: mount.config.discoveryUrl, fetchFrom: mount.fetchFrom, fetch }),
          },
        ]),
      ),
      kv: new Map([...space.kv].map(([name, secrets]) => [name, openSecretStore(secrets, now())])),
    },
  ]);
  return { config, now, tokens: openTokenStore(spaceId), spaces: new Map(spaces) };
}
