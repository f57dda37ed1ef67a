import { randomBytes } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { readBody, type Sent } from './body.ts';
import type { Cluster } from './cluster.ts';
import { patched } from './patch.ts';
import type { ResourceRequest } from './request-info.ts';
import { configMaps, metadataOf, namespaces, readObject, type ResourceKind } from './resource.ts';
import { fits, readSelectors } from './selectors.ts';
import { badRequest, KubernetesRefusal, notFound } from './status.ts';
import { tableOf } from './table.ts';

/** An object or a list that answers a request, with its HTTP status. */
export interface Outcome {
  readonly status: number;
  readonly body: JsonObject;
}

/** What came with a request, and what shall come back. */
export interface ObjectCall extends Sent {
  readonly wantsTable: boolean;
}

/**
 * Does one request on the objects that are kept.
 *
 * @throws {KubernetesRefusal} with the API server's own codes and words
 */
export function performOnObjects(
  kind: ResourceKind,
  asked: ResourceRequest,
  sent: ObjectCall,
  cluster: Cluster,
): Outcome {
  const isDry = readDryRun(asked.query.getAll('dryRun'));
  if (asked.subresource !== null) throw methodNotAllowed();
  if (kind.isNamespaced && asked.namespace === null && asked.verb !== 'list') throw methodNotAllowed();
  if (asked.verb === 'list') return list(kind, asked, sent, cluster);
  if (asked.verb === 'create') return create(kind, asked, sent, cluster, isDry);
  if (asked.name === null || !(asked.verb in byName)) throw methodNotAllowed();
  const stored = cluster.objects.get(kind, placeOf(kind, asked), asked.name);
  if (stored === undefined) throw notFound(kind.resource, asked.name);
  return byName[asked.verb]!(kind, stored, asked, sent, cluster, isDry);
}

type OnOne = (
  kind: ResourceKind,
  stored: JsonObject,
  asked: ResourceRequest,
  sent: ObjectCall,
  cluster: Cluster,
  isDry: boolean,
) => Outcome;

const byName: Readonly<Record<string, OnOne>> = {
  get: (kind, stored, _asked, sent, cluster) =>
    sent.wantsTable
      ? { status: 200, body: tableOf(kind, [stored], cluster.objects.version(), cluster.now()) }
      : { status: 200, body: stored },
  update: (kind, stored, asked, sent, cluster, isDry) =>
    replace(kind, stored, readSent(kind, asked, readBody(sent)), asked, cluster, isDry),
  patch(kind, stored, asked, sent, cluster, isDry) {
    const after = patched(stored, sent.contentType, sent.body.toString('utf8'));
    return replace(kind, stored, readSent(kind, asked, after), asked, cluster, isDry);
  },
  delete: remove,
};

function list(kind: ResourceKind, asked: ResourceRequest, sent: ObjectCall, cluster: Cluster): Outcome {
  const selectors = readSelectors(asked.query);
  const items = cluster.objects.list(kind, asked.namespace).filter((object) => fits(object, selectors));
  const version = cluster.objects.version();
  if (sent.wantsTable) return { status: 200, body: tableOf(kind, items, version, cluster.now()) };
  return {
    status: 200,
    body: {
      kind: `${kind.kind}List`,
      apiVersion: 'v1',
      metadata: { resourceVersion: version },
      // Objects in a list do not repeat what the list says of all of them.
      items: items.map(({ kind: _kind, apiVersion: _version, ...object }) => object),
    },
  };
}

function create(
  kind: ResourceKind,
  asked: ResourceRequest,
  sent: ObjectCall,
  { objects }: Cluster,
  isDry: boolean,
): Outcome {
  if (asked.name !== null) throw methodNotAllowed();
  const { namespace } = asked;
  const object = readSent(kind, asked, withGeneratedName(readBody(sent)));
  const { name } = metadataOf(object);
  if (namespace !== null && objects.get(namespaces, null, namespace) === undefined)
    throw notFound('namespaces', namespace);
  if (objects.get(kind, namespace, name) !== undefined)
    throw new KubernetesRefusal(409, 'AlreadyExists', `${kind.resource} "${name}" already exists`, {
      details: { name, kind: kind.resource },
    });
  return { status: 201, body: isDry ? object : objects.create(kind, namespace, object) };
}

function replace(
  kind: ResourceKind,
  stored: JsonObject,
  object: JsonObject,
  asked: ResourceRequest,
  { objects }: Cluster,
  isDry: boolean,
): Outcome {
  const before = metadataOf(stored);
  const { name, uid, resourceVersion } = metadataOf(object);
  if (name !== asked.name)
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${asked.name})`);
  const isOld =
    resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== before['resourceVersion'];
  if (isOld || (uid !== undefined && uid !== before['uid']))
    throw new KubernetesRefusal(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${kind.resource} "${asked.name}": the object has been modified; please apply your changes to the latest version and try again`,
      { details: { name: asked.name, kind: kind.resource } },
    );
  requireMutable(kind, stored, object, asked.name);
  return { status: 200, body: isDry ? object : objects.replace(kind, stored, object) };
}

function requireMutable(kind: ResourceKind, stored: JsonObject, object: JsonObject, name: string): void {
  if (kind !== configMaps || stored['immutable'] !== true) return;
  const same = ['immutable', 'data', 'binaryData'].every(
    (member) => JSON.stringify(stored[member]) === JSON.stringify(object[member]),
  );
  if (same) return;
  throw new KubernetesRefusal(
    422,
    'Invalid',
    `ConfigMap "${name}" is invalid: data: Forbidden: field is immutable when \`immutable\` is set`,
    { details: { name, kind: 'ConfigMap' } },
  );
}

function remove(
  kind: ResourceKind,
  stored: JsonObject,
  asked: ResourceRequest,
  sent: ObjectCall,
  { objects }: Cluster,
  isDry: boolean,
): Outcome {
  const metadata = metadataOf(stored);
  const options = readDeleteOptions(sent);
  requirePreconditions(kind, metadata, asked.name!, options);
  const dryRun = options['dryRun'];
  if (!isDry && !readDryRun(Array.isArray(dryRun) ? dryRun : [])) {
    objects.remove(kind, placeOf(kind, asked), asked.name!);
    // What a namespace holds goes with it.
    if (kind === namespaces)
      for (const inside of objects.list(configMaps, asked.name))
        objects.remove(configMaps, asked.name, metadataOf(inside).name);
  }
  if (kind === namespaces) return { status: 200, body: { ...stored, status: { phase: 'Terminating' } } };
  return {
    status: 200,
    body: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: asked.name!, kind: kind.resource, uid: metadata['uid']! },
    },
  };
}

function readDeleteOptions(sent: ObjectCall): JsonObject {
  const options = sent.body.length === 0 ? {} : readBody(sent);
  return isJsonObject(options) ? options : {};
}

function requirePreconditions(kind: ResourceKind, metadata: JsonObject, name: string, options: JsonObject): void {
  const wanted = isJsonObject(options['preconditions']) ? options['preconditions'] : {};
  for (const member of ['uid', 'resourceVersion'])
    if (wanted[member] !== undefined && wanted[member] !== metadata[member])
      throw new KubernetesRefusal(
        409,
        'Conflict',
        `Operation cannot be fulfilled on ${kind.resource} "${name}": Precondition failed: ${member} in precondition: ${JSON.stringify(wanted[member])}, ${member} in object meta: ${JSON.stringify(metadata[member])}`,
        { details: { name, kind: kind.resource } },
      );
}

function readSent(kind: ResourceKind, asked: ResourceRequest, value: Json): JsonObject {
  const object = readObject(kind, value, asked.query.get('fieldValidation') === 'Strict');
  const { namespace } = metadataOf(object);
  if (kind.isNamespaced && namespace !== undefined && namespace !== '' && namespace !== asked.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  if (!kind.isNamespaced) return object;
  return { ...object, metadata: { ...metadataOf(object), namespace: asked.namespace! } };
}

function withGeneratedName(value: Json): Json {
  const metadata = isJsonObject(value) ? value['metadata'] : undefined;
  if (!isJsonObject(value) || !isJsonObject(metadata) || metadata['name']) return value;
  const { generateName } = metadata;
  if (typeof generateName !== 'string' || generateName === '') return value;
  const name = `${generateName}${randomBytes(3).toString('hex').slice(0, 5)}`;
  return { ...value, metadata: { ...metadata, name } };
}

function readDryRun(values: readonly Json[]): boolean {
  if (values.some((value) => value !== 'All'))
    throw new KubernetesRefusal(
      422,
      'Invalid',
      `DeleteOptions is invalid: dryRun: Unsupported value: ${JSON.stringify(values[0])}`,
    );
  return values.length > 0;
}

function placeOf(kind: ResourceKind, { namespace }: ResourceRequest): string | null {
  return kind.isNamespaced ? namespace : null;
}

/** For a method that a resource does not take. */
export function methodNotAllowed(): KubernetesRefusal {
  return new KubernetesRefusal(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  );
}
