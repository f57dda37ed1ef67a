import type { JsonObject } from '../../domain/json.ts';

/** One version of a secret. */
export interface SecretVersion {
  /** Null when it was destroyed. */
  data: JsonObject | null;
  readonly createdAt: Date;
  deletedAt: Date | null;
  destroyed: boolean;
}

/** A secret with its versions, the first first. */
export interface Secret {
  readonly versions: SecretVersion[];
  readonly createdAt: Date;
  customMetadata: JsonObject | null;
}

/** One kv v2 store, by path of the secret. */
export type SecretStore = Map<string, Secret>;

/** Opens a store with secrets of one version each. */
export function openSecretStore(secrets: Readonly<Record<string, JsonObject>>, now: Date): SecretStore {
  const store: SecretStore = new Map();
  for (const [path, data] of Object.entries(secrets)) addVersion(store, path, data, now);
  return store;
}

/** Adds a version of a secret, the first one of a new secret too. */
export function addVersion(store: SecretStore, path: string, data: JsonObject, now: Date): Secret {
  const secret = store.get(path) ?? { versions: [], createdAt: now, customMetadata: null };
  secret.versions.push({ data, createdAt: now, deletedAt: null, destroyed: false });
  store.set(path, secret);
  return secret;
}

/** Names directly under a folder, folders with a slash at their end; in order. */
export function namesUnder(store: SecretStore, folder: string): readonly string[] {
  const prefix = folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
  const names = [...store.keys()]
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length).replace(/\/.*$/s, '/'));
  return [...new Set(names)].toSorted();
}
