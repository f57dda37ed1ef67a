import { assert, dictionary, property, record, string, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readProtobuf } from './protobuf.ts';
import { KubernetesRefusal } from './status.ts';

function varint(value: number): Buffer {
  return value < 0x80
    ? Buffer.from([value])
    : Buffer.concat([Buffer.from([(value & 0x7f) | 0x80]), varint(Math.floor(value / 128))]);
}

const field = (number: number, content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
};

const flag = (number: number, value: number): Buffer => Buffer.concat([varint(number * 8), varint(value)]);

const entry = (number: number, key: string, value: Buffer | string): Buffer =>
  field(number, Buffer.concat([field(1, key), field(2, value)]));

const enveloped = (apiVersion: string, kind: string, ...fields: Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    field(1, Buffer.concat([field(1, apiVersion), field(2, kind)])),
    field(2, Buffer.concat(fields)),
    field(3, ''),
    field(4, ''),
  ]);

describe('an object in protobuf', () => {
  it('is read as its JSON would be', () => {
    const metadata = Buffer.concat([
      field(1, 'one'),
      field(3, 'payments'),
      // creationTimestamp, which a client leaves empty and a server sets
      field(8, ''),
      entry(11, 'app', 'pay'),
      field(14, 'a'),
      field(14, 'b'),
    ]);
    const bytes = enveloped(
      'v1',
      'ConfigMap',
      field(1, metadata),
      entry(2, 'k', 'v'),
      entry(2, 'empty', ''),
      entry(3, 'raw', Buffer.from([0, 255])),
      flag(4, 1),
    );
    expect(readProtobuf(bytes)).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'one', namespace: 'payments', labels: { app: 'pay' }, finalizers: ['a', 'b'] },
      data: { k: 'v', empty: '' },
      binaryData: { raw: 'AP8=' },
      immutable: true,
    });
  });

  it('may be what a client wants of a deletion', () => {
    const preconditions = field(2, Buffer.concat([field(1, 'uid-1'), field(2, '7')]));
    const bytes = enveloped('v1', 'DeleteOptions', flag(1, 30), preconditions, field(4, 'Background'), field(5, 'All'));
    expect(readProtobuf(bytes)).toMatchObject({
      preconditions: { uid: 'uid-1', resourceVersion: '7' },
      propagationPolicy: 'Background',
      dryRun: ['All'],
    });
  });

  it('keeps every entry of any name', () => {
    assert(
      property(dictionary(string(), string()), (data) => {
        const fields = Object.entries(data).map(([key, value]) => entry(2, key, value));
        const read = readProtobuf(enveloped('v1', 'ConfigMap', ...fields))['data'] ?? {};
        // Half of a surrogate pair has no UTF-8.
        const written = Object.fromEntries(
          Object.entries(data).map(([key, value]) => [key.toWellFormed(), value.toWellFormed()]),
        );
        expect(read).toEqual(written);
      }),
    );
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['JSON', Buffer.from('{"kind":"ConfigMap"}')],
    ['the prefix alone', Buffer.from('k8s\0')],
    ['another kind', enveloped('v1', 'Secret')],
    ['the kind of another group', enveloped('v2', 'ConfigMap')],
    ['a kind of every object', enveloped('', 'constructor')],
    ['a field that is cut off', enveloped('v1', 'ConfigMap', Buffer.from([0x0a, 0x05, 0x01]))],
    ['a number without end', enveloped('v1', 'ConfigMap', Buffer.alloc(20, 0xff))],
    ['a group, which nobody writes any more', enveloped('v1', 'ConfigMap', Buffer.from([0x0b]))],
    ['a text that is not UTF-8', enveloped('v1', 'ConfigMap', field(1, field(1, Buffer.from([0xff]))))],
    ['a number for a text', enveloped('v1', 'ConfigMap', flag(1, 1))],
    ['a text for a truth value', enveloped('v1', 'ConfigMap', field(4, 'x'))],
  ])('is refused when it is %s', (_, bytes) => {
    expect(() => readProtobuf(bytes)).toThrow(expect.objectContaining({ status: 400, code: 'BadRequest' }));
  });

  it('is read or refused, whatever the bytes are', () => {
    assert(
      property(record({ inside: uint8Array({ maxLength: 60 }), outside: uint8Array({ maxLength: 20 }) }), (bytes) => {
        for (const body of [
          enveloped('v1', 'ConfigMap', Buffer.from(bytes.inside)),
          Buffer.concat([Buffer.from('k8s\0'), bytes.outside]),
        ]) {
          expect(isReadOrRefused(() => readProtobuf(body))).toBe(true);
        }
      }),
    );
  });
});

function isReadOrRefused(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    return error instanceof KubernetesRefusal;
  }
}
