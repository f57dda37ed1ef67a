import type { Json, JsonObject } from '../../domain/json.ts';
import { StandInRefusal, type RefusalDetail } from '../refusal.ts';

/** What Google says with a refusal beside code and message. */
export interface GcpRefusalDetail extends RefusalDetail {
  /** `error.details` of Google's APIs; the security token service has none. */
  readonly details?: readonly JsonObject[];
  /** Header `WWW-Authenticate`. */
  readonly challenge?: string;
}

/** A refusal as Google words it: `invalid_grant`, … of the security token service; `PERMISSION_DENIED`, … of the APIs. */
export class GcpRefusal extends StandInRefusal {
  readonly body: Json;
  readonly challenge: string | null;

  constructor(status: number, code: string, message: string, body: Json, detail: GcpRefusalDetail = {}) {
    super(code, status, message, { ...detail, reasons: (detail.reasons ?? []).map(withoutTokens) });
    this.body = body;
    this.challenge = detail.challenge ?? null;
  }
}

/** A refusal of the security token service (RFC 6749 section 5.2): `{"error", "error_description"}`. */
export function oauthRefusal(status: number, error: string, text: string, detail?: GcpRefusalDetail): GcpRefusal {
  const description = withoutTokens(text);
  return new GcpRefusal(status, error, description, { error, error_description: description }, detail);
}

/** A refusal of Google's other APIs: `{"error": {"code", "message", "status", "details"}}` (google.rpc.Status). */
export function apiRefusal(code: ApiCode, text: string, detail: GcpRefusalDetail = {}): GcpRefusal {
  const message = withoutTokens(text);
  const status = apiStatuses[code];
  const details = detail.details ?? [];
  const error = { code: status, message, status: code, ...(details.length > 0 && { details }) };
  return new GcpRefusal(status, code, message, { error }, detail);
}

const longestText = 1000;

/**
 * What a caller sent, as it may be told: whoever puts a token where a name belongs must not find it in a log. Cut to
 * 1,000 characters.
 */
export function withoutTokens(text: string): string {
  return text.replace(/eyJ[\w-]+(?:\.[\w-]*)*|ya29\.[\w.-]*/g, '[token]').slice(0, longestText);
}

/** Canonical codes that the stand-in answers. */
export type ApiCode = keyof typeof apiStatuses;

/** HTTP status of each canonical code (google.rpc.Code). */
const apiStatuses = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  INTERNAL: 500,
} as const;

/** Google's machine-readable reason of an error (google.rpc.ErrorInfo), as it stands in `details`. */
export function errorInfo(reason: string, domain: string, metadata: Readonly<Record<string, string>>): JsonObject {
  return { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain, metadata };
}

/** A permission that the caller lacks, in the words of IAM, which do not tell whether the thing is there. */
export function permissionDenied(permission: string, resource: string, detail: GcpRefusalDetail): GcpRefusal {
  return apiRefusal(
    'PERMISSION_DENIED',
    `Permission '${permission}' denied for resource '${resource}' (or it may not exist).`,
    { ...detail, details: [errorInfo('IAM_PERMISSION_DENIED', 'iam.googleapis.com', { permission, resource })] },
  );
}
