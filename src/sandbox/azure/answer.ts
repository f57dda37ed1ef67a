import type { JsonObject } from '../../domain/json.ts';
import { reasonsHeader, type Answer } from '../http-call.ts';
import { EntraRefusal, type AzureRefusal } from './refusal.ts';

/** Ids that Microsoft's services give to a request. */
export interface RequestIds {
  readonly request: string;
  /** The caller's own `client-request-id` where it sent one. */
  readonly correlation: string;
}

/** A success: JSON, not to be stored. */
export function jsonAnswer(body: JsonObject | null, ids: RequestIds, status = 200): Answer {
  return {
    status,
    headers: headers(ids),
    body: body === null ? '' : JSON.stringify(body),
  };
}

/**
 * A refusal as the service says it, with a header that Microsoft does not send: why, in sentences (base64url of a JSON
 * array), for clients that know that they talk to a stand-in.
 */
export function refusalAnswer(refusal: AzureRefusal, ids: RequestIds, at: Date): Answer {
  return {
    status: refusal.status,
    headers: {
      ...headers(ids),
      ...(refusal.status === 401 && !(refusal instanceof EntraRefusal) && { 'www-authenticate': challenge(refusal) }),
      ...reasonsHeader(refusal.reasons),
    },
    body: JSON.stringify(refusal instanceof EntraRefusal ? entraBody(refusal, ids, at) : resourceBody(refusal)),
  };
}

function headers(ids: RequestIds): Record<string, string> {
  return {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store, no-cache',
    pragma: 'no-cache',
    'x-ms-request-id': ids.request,
    'x-ms-correlation-request-id': ids.correlation,
  };
}

/** All seven members of Entra's error. */
function entraBody({ code, oauth, message }: EntraRefusal, ids: RequestIds, at: Date): JsonObject {
  const number = Number(code.replace('AADSTS', ''));
  const timestamp = `${at.toISOString().slice(0, 19).replace('T', ' ')}Z`;
  return {
    error: oauth,
    error_description: `${code}: ${message} Trace ID: ${ids.request} Correlation ID: ${ids.correlation} Timestamp: ${timestamp}`,
    error_codes: [number],
    timestamp,
    trace_id: ids.request,
    correlation_id: ids.correlation,
    error_uri: `https://login.microsoftonline.com/error?code=${number}`,
  };
}

function resourceBody({ code, message }: AzureRefusal): JsonObject {
  return { error: { code, message } };
}

function challenge({ message }: AzureRefusal): string {
  return `Bearer authorization_uri="https://login.microsoftonline.com/common", error="invalid_token", error_description="${message.replace(/[^\x20-\x7e]|["\\]/g, "'")}"`;
}
