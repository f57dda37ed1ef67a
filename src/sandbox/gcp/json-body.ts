import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import type { HttpCall } from '../http-call.ts';
import { apiRefusal } from './refusal.ts';

/**
 * The JSON object of a call's body; an empty body is an empty object, as for Google's APIs.
 *
 * @throws {GcpRefusal} 400 `INVALID_ARGUMENT`
 */
export function jsonBody(call: HttpCall): JsonObject {
  try {
    const value: unknown = JSON.parse(call.body.toString('utf8') || '{}');
    if (isJsonObject(value)) return value;
  } catch {
    // the same answer as for JSON that is not an object
  }
  throw apiRefusal('INVALID_ARGUMENT', 'Invalid JSON payload received. Unexpected token.', {
    reasons: ['the body is not a JSON object'],
  });
}
