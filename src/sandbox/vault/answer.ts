import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../domain/json.ts';
import { reasonsHeader, type Answer } from '../http-call.ts';
import { NothingWithData } from './kv.ts';
import type { VaultRefusal } from './refusal.ts';
import type { Reply } from './server.ts';
import type { VaultToken } from './token-store.ts';

const headers = {
  'cache-control': 'no-store',
  'content-type': 'application/json',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
};

/** What stands around every answer with data. */
export function envelope(parts: {
  readonly data?: Reply;
  readonly auth?: Reply;
  readonly warnings?: readonly string[];
}): JsonObject {
  const { data = null, auth = null, warnings = [] } = parts;
  return {
    request_id: randomUUID(),
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data,
    wrap_info: null,
    warnings: warnings.length > 0 ? warnings : null,
    auth,
  };
}

/** A success; null is 204. */
export function okAnswer(body: JsonObject | null, status = 200): Answer {
  if (body === null) return { status: 204, headers: { 'cache-control': 'no-store' }, body: '' };
  return { status, headers, body: `${JSON.stringify(body)}\n` };
}

/** A refusal in the server's words, with a header that no real server sends: why, in sentences. */
export function refusalAnswer(refusal: VaultRefusal): Answer {
  const body =
    refusal instanceof NothingWithData
      ? envelope({ data: refusal.data, warnings: refusal.warnings })
      : { errors: [...refusal.errors] };
  return {
    status: refusal.status,
    headers: {
      ...headers,
      ...reasonsHeader(refusal.reasons),
    },
    body: `${JSON.stringify(body)}\n`,
  };
}

/** The member `auth` of a login, a renewal or a new token. */
export function authOf(token: VaultToken, leaseSeconds: number, isOrphan = token.parent === null): JsonObject {
  return {
    client_token: token.id,
    accessor: token.accessor,
    policies: [...token.policies],
    ...(token.policies.length > 0 && { token_policies: [...token.policies] }),
    metadata: token.metadata,
    lease_duration: leaseSeconds,
    renewable: token.renewable,
    entity_id: token.entityId,
    token_type: token.type,
    orphan: isOrphan,
    mfa_requirement: null,
    num_uses: token.uses,
  };
}
