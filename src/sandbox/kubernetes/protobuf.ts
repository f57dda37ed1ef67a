import type { Json, JsonObject } from '../../domain/json.ts';
import { badRequest } from './status.ts';

/** Media type of the envelope that kubectl sends its own kinds in, whatever the server prefers. */
export const protobufType = 'application/vnd.kubernetes.protobuf';

/** The fields of a message by number, as far as they are read: others are skipped, as protobuf does. */
type Message = Readonly<Record<number, readonly [name: string, type: FieldType]>>;

type FieldType = 'text' | 'texts' | 'bytes' | 'flag' | 'texts by name' | 'bytes by name' | Message;

const magic = Buffer.from('k8s\0', 'latin1');

const objectMeta: Message = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  5: ['uid', 'text'],
  6: ['resourceVersion', 'text'],
  11: ['labels', 'texts by name'],
  12: ['annotations', 'texts by name'],
  14: ['finalizers', 'texts'],
};

/** @see Kubernetes API, the generated.proto files of meta/v1, core/v1, authentication/v1 and authorization/v1 */
const kinds: Readonly<Record<string, Message>> = {
  'v1 ConfigMap': {
    1: ['metadata', objectMeta],
    2: ['data', 'texts by name'],
    3: ['binaryData', 'bytes by name'],
    4: ['immutable', 'flag'],
  },
  'v1 Namespace': { 1: ['metadata', objectMeta] },
  // Every client on client-go sends it with a DELETE, in the form of its other requests.
  'v1 DeleteOptions': {
    2: ['preconditions', { 1: ['uid', 'text'], 2: ['resourceVersion', 'text'] }],
    4: ['propagationPolicy', 'text'],
    5: ['dryRun', 'texts'],
  },
  'authentication.k8s.io/v1 SelfSubjectReview': { 1: ['metadata', objectMeta] },
  'authentication.k8s.io/v1 TokenReview': {
    1: ['metadata', objectMeta],
    2: ['spec', { 1: ['token', 'text'], 2: ['audiences', 'texts'] }],
  },
  'authorization.k8s.io/v1 SelfSubjectAccessReview': {
    1: ['metadata', objectMeta],
    2: [
      'spec',
      {
        1: [
          'resourceAttributes',
          {
            1: ['namespace', 'text'],
            2: ['verb', 'text'],
            3: ['group', 'text'],
            4: ['version', 'text'],
            5: ['resource', 'text'],
            6: ['subresource', 'text'],
            7: ['name', 'text'],
          },
        ],
        2: ['nonResourceAttributes', { 1: ['path', 'text'], 2: ['verb', 'text'] }],
      },
    ],
  },
};

const envelope: Message = {
  1: ['typeMeta', { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] }],
  2: ['raw', 'bytes'],
};

/**
 * Reads an object of one of the kinds that are played from Kubernetes' protobuf envelope, as its JSON would be.
 *
 * @throws {KubernetesRefusal} 400 for bytes that are not one
 * @see Kubernetes API concepts, "Protobuf encoding idiom"
 */
export function readProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, magic.length).equals(magic)) throw unreadable('the prefix k8s is missing');
  const { typeMeta = {}, raw = '' } = readMessage(body.subarray(magic.length), envelope);
  const { apiVersion = '', kind = '' } = typeMeta as { readonly apiVersion?: string; readonly kind?: string };
  const name = `${apiVersion} ${kind}`;
  if (!Object.hasOwn(kinds, name)) throw unreadable(`no kind ${JSON.stringify(kind)} in ${JSON.stringify(apiVersion)}`);
  return { apiVersion, kind, ...readMessage(Buffer.from(raw as string, 'base64'), kinds[name]!) };
}

function readMessage(bytes: Buffer, message: Message): JsonObject {
  const members = new Map<string, Json>();
  for (const { number, value } of fieldsOf(bytes)) {
    const field = Object.hasOwn(message, number) ? message[number] : undefined;
    if (field === undefined) continue;
    const [name, type] = field;
    members.set(name, joined(members.get(name), readValue(value, type), type));
  }
  return Object.fromEntries(members);
}

function readValue(value: Buffer | bigint, type: FieldType): Json {
  if (type === 'flag') {
    if (typeof value !== 'bigint') throw unreadable('a truth value has another wire type');
    return value !== 0n;
  }
  if (typeof value === 'bigint') throw unreadable('a number stands where something else belongs');
  if (type === 'bytes') return value.toString('base64');
  if (type === 'text') return textOf(value);
  if (type === 'texts') return [textOf(value)];
  if (type === 'texts by name' || type === 'bytes by name') {
    const entry = readMessage(value, { 1: ['key', 'text'], 2: ['value', type === 'texts by name' ? 'text' : 'bytes'] });
    return Object.fromEntries([[(entry['key'] ?? '') as string, entry['value'] ?? '']]);
  }
  return readMessage(value, type);
}

/** What comes again is added to a list or map, and takes the place of anything else. */
function joined(before: Json | undefined, value: Json, type: FieldType): Json {
  if (before === undefined) return value;
  if (type === 'texts') return [...(before as readonly Json[]), ...(value as readonly Json[])];
  if (type === 'texts by name' || type === 'bytes by name')
    return Object.fromEntries([...Object.entries(before as JsonObject), ...Object.entries(value as JsonObject)]);
  return value;
}

function* fieldsOf(bytes: Buffer): Generator<{ readonly number: number; readonly value: Buffer | bigint }> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) throw unreadable('it ends in the middle of a number');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw unreadable('a number is too long');
  };
  const slice = (length: number): Buffer => {
    if (length > bytes.length - at) throw unreadable('it ends in the middle of a field');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    const wire = Number(tag & 7n);
    if (wire === 0) yield { number, value: varint() };
    else if (wire === 1) yield { number, value: slice(8) };
    else if (wire === 2) yield { number, value: slice(Number(varint())) };
    else if (wire === 5) yield { number, value: slice(4) };
    else throw unreadable(`wire type ${wire}`);
  }
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw unreadable('a text is not UTF-8');
  }
}

function unreadable(why: string) {
  return badRequest(`the object provided is unrecognized (must be of type Protobuf): ${why}`);
}
