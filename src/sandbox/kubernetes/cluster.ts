import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../domain/json.ts';
import type { KubernetesTrust } from '../../platforms/kubernetes/trust-policy.ts';
import type { IssuerKeys } from '../relying-party/issuer-keys.ts';
import { metadataOf, type ResourceKind } from './resource.ts';

/** One cluster being played. */
export interface Cluster {
  readonly trust: KubernetesTrust;
  readonly now: () => Date;
  /** Keys of a trusted issuer; undefined for one that no authenticator names. */
  readonly keysOf: (issuer: string) => IssuerKeys | undefined;
  readonly objects: ObjectStore;
}

/** Objects in memory, each with a version that grows with every write. */
export interface ObjectStore {
  /** The version of the last write. */
  version(): string;
  get(kind: ResourceKind, namespace: string | null, name: string): JsonObject | undefined;
  /** Sorted by namespace and name; all namespaces when null. */
  list(kind: ResourceKind, namespace: string | null): readonly JsonObject[];
  /** Stores what a client gave, with the members that only the server sets; gives it back so. */
  create(kind: ResourceKind, namespace: string | null, object: JsonObject): JsonObject;
  /** The same in place of an object that is there; without a change nothing is written. */
  replace(kind: ResourceKind, stored: JsonObject, object: JsonObject): JsonObject;
  remove(kind: ResourceKind, namespace: string | null, name: string): void;
}

/** Opens an empty store. */
export function openObjectStore(now: () => Date): ObjectStore {
  const objects = new Map<string, JsonObject>();
  let version = 1;
  const write = (
    kind: ResourceKind,
    namespace: string | null,
    object: JsonObject,
    metadata: JsonObject & { readonly name: string },
  ): JsonObject => {
    version += 1;
    const whole = { ...object, metadata: { ...metadata, resourceVersion: String(version) } };
    objects.set(key(kind, namespace, metadata.name), whole);
    return whole;
  };
  return {
    version: () => String(version),
    get: (kind, namespace, name) => objects.get(key(kind, namespace, name)),
    list(kind, namespace) {
      const prefix = namespace === null ? `${kind.resource}/` : `${kind.resource}/${namespace}/`;
      return [...objects]
        .filter(([name]) => name.startsWith(prefix))
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([, object]) => object);
    },
    create: (kind, namespace, object) =>
      write(kind, namespace, object, {
        ...metadataOf(object),
        ...(namespace === null ? {} : { namespace }),
        uid: randomUUID(),
        creationTimestamp: `${now().toISOString().slice(0, 19)}Z`,
      }),
    replace(kind, stored, object) {
      const before = metadataOf(stored);
      const { uid, creationTimestamp, resourceVersion } = before;
      const metadata = { ...metadataOf(object), uid: uid!, creationTimestamp: creationTimestamp! };
      const after = { ...object, metadata: { ...metadata, resourceVersion: resourceVersion! } };
      if (JSON.stringify(after) === JSON.stringify(stored)) return stored;
      return write(kind, (before['namespace'] as string | undefined) ?? null, object, metadata);
    },
    remove(kind, namespace, name) {
      version += 1;
      objects.delete(key(kind, namespace, name));
    },
  };
}

/** Neither part may hold a slash. */
function key({ resource }: ResourceKind, namespace: string | null, name: string): string {
  return `${resource}/${namespace ?? ''}/${name}`;
}
