import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { badRequest, invalidObject } from './status.ts';

/** One kind of object that the stand-in keeps: all that is known of it. */
export interface ResourceKind {
  /** In the plural, as in paths and in RBAC. */
  readonly resource: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Members beside `apiVersion`, `kind` and `metadata`. */
  readonly members: readonly string[];
  /** What the server fills in. */
  readonly complete: (object: JsonObject) => JsonObject;
  /** Refuses what the members must not hold; `name` is for the message. */
  readonly check: (object: JsonObject, name: string) => void;
}

/** Namespaces, which hold what the others are. */
export const namespaces: ResourceKind = {
  resource: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  kind: 'Namespace',
  isNamespaced: false,
  members: ['spec', 'status'],
  complete: (object) => ({ ...object, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }),
  check: () => undefined,
};

/** What a plan reads and an apply writes. */
export const configMaps: ResourceKind = {
  resource: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  kind: 'ConfigMap',
  isNamespaced: true,
  members: ['data', 'binaryData', 'immutable'],
  complete: (object) => object,
  check: checkConfigMap,
};

/** Every kind of the core group that is kept. */
export const kept: readonly ResourceKind[] = [configMaps, namespaces];

const metadataMembers = [
  'name',
  'generateName',
  'namespace',
  'labels',
  'annotations',
  'finalizers',
  'ownerReferences',
  'resourceVersion',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'managedFields',
  'selfLink',
];

/** The metadata of an object that was read; it has a name. */
export function metadataOf(object: JsonObject): JsonObject & { readonly name: string } {
  return object['metadata'] as JsonObject & { readonly name: string };
}

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const mostBytes = 1024 * 1024;

/**
 * Reads an object that a client sent, and drops what only a server sets.
 *
 * @param isStrict whether unknown members are refused (`fieldValidation=Strict`) or dropped
 * @throws {KubernetesRefusal} 400 or 422
 */
export function readObject(kind: ResourceKind, value: Json, isStrict: boolean): JsonObject {
  if (!isJsonObject(value)) throw badRequest(`the body is no ${kind.kind}`);
  const { apiVersion = 'v1', kind: named = kind.kind, metadata = {}, ...members } = value;
  if (apiVersion !== 'v1' || named !== kind.kind)
    throw badRequest(
      `${JSON.stringify(named)} in version ${JSON.stringify(apiVersion)} cannot be handled as a ${kind.kind}: the path is for v1 ${kind.kind}`,
    );
  if (!isJsonObject(metadata)) throw badRequest(`${kind.kind}.metadata is no object`);
  const unknown = [
    ...Object.keys(members).filter((name) => !kind.members.includes(name)),
    ...Object.keys(metadata)
      .filter((name) => !metadataMembers.includes(name))
      .map((name) => `metadata.${name}`),
  ];
  if (isStrict && unknown.length > 0)
    throw badRequest(`strict decoding error: ${unknown.map((name) => `unknown field "${name}"`).join(', ')}`);
  const name = metadata['name'];
  if (typeof name !== 'string' || name === '')
    throw invalidObject(kind.kind, '', 'metadata.name', 'Required value: name or generateName is required');
  checkName(kind, name);
  for (const member of ['labels', 'annotations'] as const)
    checkTexts(kind.kind, `metadata.${member}`, metadata[member]);
  const object = {
    kind: kind.kind,
    apiVersion: 'v1',
    metadata: Object.fromEntries(
      // Which field came from whom is not kept; without server-side apply nobody asks.
      Object.entries(metadata).filter(([key]) => metadataMembers.includes(key) && key !== 'managedFields'),
    ),
    ...Object.fromEntries(Object.entries(members).filter(([key, one]) => kind.members.includes(key) && one !== null)),
  };
  kind.check(object, name);
  return kind.complete(object);
}

function checkName({ kind, isNamespaced }: ResourceKind, name: string): void {
  const value = `Invalid value: ${JSON.stringify(name)}: `;
  if (isNamespaced && (name.length > 253 || !subdomain.test(name)))
    throw invalidObject(
      kind,
      name,
      'metadata.name',
      `${value}a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    );
  if (!isNamespaced && (name.length > 63 || !label.test(name)))
    throw invalidObject(
      kind,
      name,
      'metadata.name',
      `${value}a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    );
}

function checkConfigMap(object: JsonObject, name: string): void {
  const { data = {}, binaryData = {}, immutable = false } = object;
  checkTexts('ConfigMap', 'data', data);
  checkTexts('ConfigMap', 'binaryData', binaryData);
  if (typeof immutable !== 'boolean') throw unreadable('ConfigMap', 'immutable', 'bool');
  const entries = [...Object.entries(data as JsonObject), ...Object.entries(binaryData as JsonObject)];
  for (const [key] of entries)
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key) || key === '.' || key.startsWith('..'))
      throw invalidObject(
        'ConfigMap',
        name,
        `data[${key}]`,
        `Invalid value: ${JSON.stringify(key)}: a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
      );
  const bytes = entries.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value as string),
    0,
  );
  if (bytes > mostBytes)
    throw invalidObject('ConfigMap', name, '[]', `Too long: may not be more than ${mostBytes} bytes`);
}

function checkTexts(kind: string, field: string, value: Json | undefined): void {
  if (value === undefined || value === null) return;
  if (!isJsonObject(value)) throw unreadable(kind, field, 'map[string]string');
  if (Object.values(value).some((one) => typeof one !== 'string')) throw unreadable(kind, field, 'string');
}

function unreadable(kind: string, field: string, type: string) {
  return badRequest(
    `${kind} in version "v1" cannot be handled as a ${kind}: json: cannot unmarshal into Go struct field ${kind}.${field} of type ${type}`,
  );
}
