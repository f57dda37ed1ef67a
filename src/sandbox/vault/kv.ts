import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { TokenCall, Reply, VaultServer } from './server.ts';
import { addVersion, namesUnder, type Secret, type SecretStore, type SecretVersion } from './secret-store.ts';
import { VaultRefusal } from './refusal.ts';

const nothing = (): VaultRefusal => new VaultRefusal(404, []);

/** A refusal that still carries data: a deleted version shows when it was deleted. */
export class NothingWithData extends VaultRefusal {
  readonly data: JsonObject | null;
  readonly warnings: readonly string[];

  constructor(data: JsonObject | null, warnings: readonly string[] = []) {
    super(404, []);
    this.data = data;
    this.warnings = warnings;
  }
}

/** What a call on a kv v2 store is about: `data`, `metadata`, `delete` …, and the secret. */
export interface KvPath {
  readonly kind: string;
  readonly secret: string;
}

/** Takes apart what stands behind the mount. */
export function kvPath(within: string): KvPath {
  const at = within.indexOf('/');
  return at < 0 ? { kind: within, secret: '' } : { kind: within.slice(0, at), secret: within.slice(at + 1) };
}

/**
 * Answers a call on a kv v2 store; the policies were asked before.
 *
 * @throws {VaultRefusal}
 */
export function answerKv(
  call: TokenCall,
  method: string,
  store: SecretStore,
  { kind, secret }: KvPath,
  server: VaultServer,
): Reply {
  const handler = handlers[`${method} ${kind}`];
  const now = server.now();
  if (handler !== undefined) return handler({ store, path: secret, body: call.body, query: call.query, now });
  if (kinds.includes(kind)) throw new VaultRefusal(405, 'unsupported operation');
  throw new NothingWithData(null, [
    'Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use.',
  ]);
}

interface KvCall {
  readonly store: SecretStore;
  readonly path: string;
  readonly body: JsonObject;
  readonly query: URLSearchParams;
  readonly now: Date;
}

const kinds = ['data', 'metadata', 'delete', 'undelete', 'destroy', 'config'];

const handlers: Readonly<Record<string, (call: KvCall) => Reply>> = {
  'GET data': readData,
  'POST data': writeData,
  'PATCH data': patchData,
  'DELETE data': ({ store, path, now }) => {
    const latest = store.get(path)?.versions.at(-1);
    if (latest !== undefined) latest.deletedAt ??= now;
    return null;
  },
  'GET metadata': ({ store, path }) => metadataOf(existing(store, path)),
  'LIST metadata': ({ store, path }) => {
    const keys = namesUnder(store, path);
    if (keys.length === 0) throw nothing();
    return { keys };
  },
  'POST metadata': ({ store, path, body, now }) => {
    const secret = store.get(path) ?? { versions: [], createdAt: now, customMetadata: null };
    const custom = body['custom_metadata'];
    if (isJsonObject(custom)) secret.customMetadata = custom;
    store.set(path, secret);
    return null;
  },
  'DELETE metadata': ({ store, path }) => {
    store.delete(path);
    return null;
  },
  'POST delete': (call) => eachVersion(call, (version) => void (version.deletedAt ??= call.now)),
  'POST undelete': (call) => eachVersion(call, (version) => void (version.deletedAt = null)),
  'POST destroy': (call) =>
    eachVersion(call, (version) => {
      version.data = null;
      version.destroyed = true;
    }),
  'GET config': () => ({
    cas_required: false,
    delete_version_after: '0s',
    max_versions: 0,
    metadata_cas_required: false,
  }),
};

function existing(store: SecretStore, path: string): Secret {
  const secret = store.get(path);
  if (secret === undefined) throw nothing();
  return secret;
}

function readData({ store, path, query }: KvCall): Reply {
  const secret = existing(store, path);
  const asked = Number(query.get('version') ?? 0) || secret.versions.length;
  const version = secret.versions[asked - 1];
  if (version === undefined) throw nothing();
  const metadata = versionMetadata(secret, version, asked);
  const isGone = version.deletedAt !== null || version.destroyed;
  if (isGone) throw new NothingWithData({ data: null, metadata });
  return { data: version.data, metadata };
}

function writeData({ store, path, body, now }: KvCall): Reply {
  const { data } = body;
  if (!isJsonObject(data)) throw new VaultRefusal(400, 'no data provided');
  checkVersion(body, store.get(path));
  const secret = addVersion(store, path, data, now);
  return versionMetadata(secret, secret.versions.at(-1)!, secret.versions.length);
}

/** JSON merge patch (RFC 7396) on the newest version. */
function patchData({ store, path, body, now }: KvCall): Reply {
  const secret = existing(store, path);
  const latest = secret.versions.at(-1);
  if (latest === undefined || latest.data === null || latest.deletedAt !== null) throw nothing();
  if (!isJsonObject(body['data'])) throw new VaultRefusal(400, 'no data provided');
  checkVersion(body, secret);
  addVersion(store, path, merged(latest.data, body['data']) as JsonObject, now);
  return versionMetadata(secret, secret.versions.at(-1)!, secret.versions.length);
}

function merged(target: Json, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const base = isJsonObject(target) ? target : {};
  const changed = Object.entries(patch).map(([name, value]) => [name, merged(base[name] ?? null, value)] as const);
  return Object.fromEntries(
    Object.entries({ ...base, ...Object.fromEntries(changed) }).filter(([, value]) => value !== null),
  );
}

function checkVersion(body: JsonObject, secret: Secret | undefined): void {
  const options = body['options'];
  const cas = isJsonObject(options) ? options['cas'] : undefined;
  if (cas !== undefined && Number(cas) !== (secret?.versions.length ?? 0))
    throw new VaultRefusal(400, 'check-and-set parameter did not match the current version');
}

function eachVersion({ store, path, body }: KvCall, change: (version: SecretVersion) => void): Reply {
  const numbers = Array.isArray(body['versions']) ? (body['versions'] as readonly Json[]).map(Number) : [];
  if (numbers.length === 0) throw new VaultRefusal(400, 'no version number provided');
  const versions = store.get(path)?.versions ?? [];
  for (const number of numbers) {
    const version = versions[number - 1];
    if (version !== undefined) change(version);
  }
  return null;
}

function versionMetadata(secret: Secret, version: SecretVersion, number: number): JsonObject {
  return {
    created_time: version.createdAt.toISOString(),
    custom_metadata: secret.customMetadata,
    deletion_time: version.deletedAt?.toISOString() ?? '',
    destroyed: version.destroyed,
    version: number,
  };
}

function metadataOf(secret: Secret): JsonObject {
  const versions = secret.versions.map((version, index): [string, JsonObject] => {
    const { created_time, deletion_time, destroyed } = versionMetadata(secret, version, index + 1) as Record<
      string,
      Json
    >;
    return [String(index + 1), { created_time: created_time!, deletion_time: deletion_time!, destroyed: destroyed! }];
  });
  return {
    cas_required: false,
    created_time: secret.createdAt.toISOString(),
    current_version: secret.versions.length,
    custom_metadata: secret.customMetadata,
    delete_version_after: '0s',
    max_versions: 0,
    oldest_version: 0,
    updated_time: (secret.versions.at(-1)?.createdAt ?? secret.createdAt).toISOString(),
    versions: Object.fromEntries(versions),
  };
}
