import type { Json } from '../../domain/json.ts';
import { protobufType, readProtobuf } from './protobuf.ts';
import { badRequest, KubernetesRefusal } from './status.ts';

/** A body as it came; nothing is read before it is needed. */
export interface Sent {
  /** Empty when the client did not say. */
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * Reads an object from JSON, or from the protobuf that kubectl sends for kinds that it knows.
 *
 * @throws {KubernetesRefusal} 400 or 415
 */
export function readBody({ contentType, body }: Sent): Json {
  const type = contentType.split(';')[0]!.trim().toLowerCase();
  if (type === protobufType) return readProtobuf(body);
  if (type !== '' && type !== 'application/json')
    throw new KubernetesRefusal(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: application/json, ${protobufType}`,
    );
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch {
    throw badRequest('the object provided is unrecognized (must be of type JSON)');
  }
}
