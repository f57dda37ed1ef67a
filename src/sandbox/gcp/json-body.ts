import { parseJsonObject, type JsonObject } from '../../domain/json.ts';
import type { HttpCall } from '../http-call.ts';
import { apiRefusal } from './refusal.ts';

/**
 * The JSON object of a call's body; an empty body is an empty object, as for Google's APIs.
 *
 * @throws {GcpRefusal} 400 `INVALID_ARGUMENT`
 */
export function jsonBody(call: HttpCall): JsonObject {
  const body = parseJsonObject(call.body.toString('utf8') || '{}');
  if (body !== null) return body;
  throw apiRefusal('INVALID_ARGUMENT', 'Invalid JSON payload received. Unexpected token.', {
    reasons: ['the body is not a JSON object'],
  });
}
