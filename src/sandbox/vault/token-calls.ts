import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { durationSeconds } from '../../platforms/vault/native-field.ts';
import { leaseOf } from '../../platforms/vault/token-lease.ts';
import { goQuoted } from '../../platforms/vault/go-value.ts';
import { authOf, envelope } from './answer.ts';
import { oneError, VaultRefusal } from './refusal.ts';
import type { TokenCall, VaultServer } from './server.ts';

/** `GET auth/token/lookup-self`. */
export function lookupSelf({ token }: TokenCall, server: VaultServer): JsonObject {
  const now = server.now();
  return envelope({
    data: {
      accessor: token.accessor,
      ...(token.boundCidrs.length > 0 && { bound_cidrs: [...token.boundCidrs] }),
      creation_time: Math.floor(token.createdAt.getTime() / 1000),
      creation_ttl: token.creationTtlSeconds,
      display_name: token.displayName,
      entity_id: token.entityId,
      expire_time: token.expiresAt.toISOString(),
      explicit_max_ttl: token.explicitMaxTtlSeconds,
      id: token.id,
      issue_time: token.createdAt.toISOString(),
      ...(token.renewedAt !== null && {
        last_renewal: token.renewedAt.toISOString(),
        last_renewal_time: Math.floor(token.renewedAt.getTime() / 1000),
      }),
      meta: token.metadata,
      ...(token.space !== '' && { namespace_path: `${token.space}/` }),
      num_uses: token.usesLeft,
      orphan: token.parent === null,
      path: token.path,
      ...(token.periodSeconds > 0 && { period: token.periodSeconds }),
      policies: [...token.policies],
      renewable: token.renewable,
      ttl: Math.max(0, Math.floor((token.expiresAt.getTime() - now.getTime()) / 1000)),
      type: token.type,
    },
  });
}

/**
 * `POST auth/token/renew-self`. The role is asked again: a role that is gone ends the renewing.
 *
 * @throws {VaultRefusal}
 */
export function renewSelf(call: TokenCall, server: VaultServer): JsonObject {
  const { token, body } = call;
  if (token.type === 'batch') throw new VaultRefusal(400, 'batch tokens cannot be renewed');
  if (!token.renewable) throw new VaultRefusal(400, 'lease is not renewable');
  const increment = secondsOf(
    body['increment'] ?? 0,
    'Field validation failed: error converting input for field "increment": ',
  );
  const now = server.now();
  const role = token.mount === null ? undefined : call.space.auth.get(token.mount)?.roles.get(token.role ?? '');
  if (token.mount !== null && role === undefined)
    throw new VaultRefusal(500, oneError(`role ${token.role} does not exist during renewal`));
  const lease = leaseOf({
    increment,
    ttlSeconds: role?.ttlSeconds ?? token.leaseSeconds,
    maxTtlSeconds: role?.maxTtlSeconds ?? 0,
    explicitMaxTtlSeconds: token.explicitMaxTtlSeconds,
    periodSeconds: role?.periodSeconds ?? token.periodSeconds,
    ageSeconds: Math.floor(now.getTime() / 1000) - Math.floor(token.createdAt.getTime() / 1000),
  });
  if (lease === null) throw new VaultRefusal(400, 'past the max TTL, cannot renew');
  token.leaseSeconds = Math.min(lease.seconds, server.config.token_seconds ?? Infinity);
  token.expiresAt = new Date(now.getTime() + token.leaseSeconds * 1000);
  token.renewedAt = now;
  call.note({ expires_at: token.expiresAt.toISOString() });
  return envelope({ auth: authOf(token, token.leaseSeconds), warnings: lease.warnings });
}

/**
 * `POST auth/token/revoke-self`.
 *
 * @throws {VaultRefusal}
 */
export function revokeSelf({ token }: TokenCall, server: VaultServer): null {
  if (token.type === 'batch') throw new VaultRefusal(400, 'batch tokens cannot be revoked');
  server.tokens.revoke(token);
  return null;
}

/**
 * `POST auth/token/create`: a child with at most the policies of its parent.
 *
 * @throws {VaultRefusal}
 */
export function createToken(call: TokenCall, server: VaultServer): JsonObject {
  const { token: parent, body } = call;
  if (parent.type === 'batch') throw new VaultRefusal(400, 'batch tokens cannot create more tokens');
  const type = body['type'] || 'service';
  if (type !== 'service' && type !== 'batch') throw new VaultRefusal(400, "invalid 'token_type' value");
  if (body['no_parent'] === true)
    throw new VaultRefusal(400, 'root or sudo privileges required to create orphan token');
  const asked = Array.isArray(body['policies']) ? (body['policies'] as readonly Json[]).map(String) : [];
  const withDefault = [
    ...(asked.length > 0 ? asked : parent.policies),
    ...(body['no_default_policy'] ? [] : ['default']),
  ];
  const policies = [...new Set(withDefault.map((policy) => policy.toLowerCase()))].toSorted();
  if (policies.some((policy) => policy !== 'default' && !parent.policies.includes(policy)))
    throw new VaultRefusal(400, 'child policies must be subset of parent');
  const explicit = secondsOf(body['explicit_max_ttl'] ?? 0);
  const lease = leaseOf({
    ttlSeconds: secondsOf(body['ttl'] ?? 0),
    maxTtlSeconds: 0,
    explicitMaxTtlSeconds: explicit,
    periodSeconds: 0,
    ageSeconds: 0,
  })!;
  const child = server.tokens.add(
    {
      space: parent.space,
      type,
      policies,
      metadata: isJsonObject(body['meta']) ? (body['meta'] as Record<string, string>) : null,
      displayName: displayNameOf(body['display_name']),
      entityId: parent.entityId,
      path: 'auth/token/create',
      role: null,
      mount: null,
      parent,
      creationTtlSeconds: Math.min(lease.seconds, server.config.token_seconds ?? Infinity),
      explicitMaxTtlSeconds: explicit,
      periodSeconds: 0,
      renewable: type === 'service' && body['renewable'] !== false,
      boundCidrs: parent.boundCidrs,
      uses: Number(body['num_uses'] ?? 0),
    },
    server.now(),
  );
  call.note({ expires_at: child.expiresAt.toISOString() });
  return envelope({ auth: authOf(child, child.creationTtlSeconds), warnings: lease.warnings });
}

function displayNameOf(asked: Json | undefined): string {
  return typeof asked === 'string' && asked !== '' ? `token-${asked}` : 'token';
}

/** @throws {VaultRefusal} when it is no duration */
function secondsOf(value: Json, before = ''): number {
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value : null;
  const seconds = text === null ? null : durationSeconds(text);
  if (seconds === null)
    throw new VaultRefusal(400, `${before}time: invalid duration ${goQuoted(text ?? JSON.stringify(value))}`);
  return Math.max(0, seconds);
}
