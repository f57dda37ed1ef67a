import type { JsonObject } from '../../domain/json.ts';
import type { Check } from '../../domain/trust.ts';
import { reasonsHeader, type Answer } from '../http-call.ts';
import { StandInRefusal, type RefusalDetail } from '../refusal.ts';

/** What an API server says with an error, beside its message. */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** The resource in the plural (`configmaps`), or a kind where validation speaks (`ConfigMap`). */
  readonly kind?: string;
  readonly causes?: readonly { readonly reason: string; readonly message: string; readonly field: string }[];
}

/** A refusal as the API server answers it (`Unauthorized`, `Forbidden`, `NotFound`, …), with reasons that it never gives. */
export class KubernetesRefusal extends StandInRefusal {
  readonly details: StatusDetails | null;

  constructor(
    status: number,
    reason: string,
    message: string,
    more: RefusalDetail & { readonly details?: StatusDetails } = {},
  ) {
    super(reason, status, message, more);
    this.details = more.details ?? null;
  }
}

/** An API server has no `Status` for a path that it does not serve. */
export class UnknownPath extends KubernetesRefusal {
  constructor() {
    super(404, 'NotFound', '404 page not found');
  }
}

/** The one answer to every token that will not do; a cluster never says more. */
export function unauthorized(reasons: readonly string[], checks: readonly Check[] = []): KubernetesRefusal {
  return new KubernetesRefusal(401, 'Unauthorized', 'Unauthorized', { reasons, checks });
}

/** 400, in the API server's words. */
export function badRequest(message: string): KubernetesRefusal {
  return new KubernetesRefusal(400, 'BadRequest', message);
}

/** `configmaps "x" not found`. */
export function notFound(resource: string, name: string): KubernetesRefusal {
  return new KubernetesRefusal(404, 'NotFound', `${resource} "${name}" not found`, {
    details: { name, kind: resource },
  });
}

/** `ConfigMap "x" is invalid: FIELD: Invalid value: …`. */
export function invalidObject(kind: string, name: string, field: string, words: string): KubernetesRefusal {
  return new KubernetesRefusal(422, 'Invalid', `${kind} "${name}" is invalid: ${field}: ${words}`, {
    details: { name, kind, causes: [{ reason: 'FieldValueInvalid', message: words, field }] },
  });
}

/** @see Kubernetes API conventions, "Response Status Kind" */
export function refusalAnswer(refusal: KubernetesRefusal, auditId: string): Answer {
  if (refusal instanceof UnknownPath) return textAnswer(`${refusal.message}\n`, auditId, refusal.status);
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: refusal.message,
    reason: refusal.code,
    ...(refusal.details === null ? {} : { details: refusal.details }),
    code: refusal.status,
  };
  const answer = jsonAnswer(status as unknown as JsonObject, auditId, refusal.status);
  return { ...answer, headers: { ...answer.headers, ...reasonsHeader(refusal.reasons) } };
}

/** JSON, with the id under which the audit log has the request. */
export function jsonAnswer(body: JsonObject, auditId: string, status = 200): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private', 'audit-id': auditId },
    body: `${JSON.stringify(body)}\n`,
  };
}

/** Plain text, for health checks and unknown paths. */
export function textAnswer(body: string, auditId: string, status = 200): Answer {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache, private', 'audit-id': auditId },
    body,
  };
}
