import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { durationSeconds } from '../../platforms/vault/native-field.ts';
import { serverMaxTtlSeconds, shortDuration } from '../../platforms/vault/token-parameters.ts';
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
  const increment = secondsOf(body['increment'] ?? 0);
  const now = server.now();
  const role = token.mount === null ? undefined : call.space.auth.get(token.mount)?.roles.get(token.role ?? '');
  if (token.mount !== null && role === undefined)
    throw new VaultRefusal(500, oneError(`role ${token.role} does not exist during renewal`));
  const period = role?.periodSeconds ?? token.periodSeconds;
  const age = (now.getTime() - token.createdAt.getTime()) / 1000;
  const most = Math.min(role?.maxTtlSeconds || serverMaxTtlSeconds, serverMaxTtlSeconds);
  const wanted = period || increment || role?.ttlSeconds || (token.mount === null ? token.creationTtlSeconds : most);
  const left = Math.min(period > 0 ? most : most - age, (token.explicitMaxTtlSeconds || Infinity) - age);
  const given = Math.min(wanted, server.config.token_seconds ?? Infinity);
  const lease = Math.max(0, Math.floor(Math.min(given, left)));
  const warnings =
    given > Math.ceil(left)
      ? [
          `TTL of ${goQuoted(shortDuration(wanted))} exceeded the effective max_ttl of ${goQuoted(shortDuration(Math.floor(left)))}; TTL value is capped accordingly`,
        ]
      : [];
  token.expiresAt = new Date(now.getTime() + lease * 1000);
  token.renewedAt = now;
  call.note({ expires_at: token.expiresAt.toISOString() });
  return envelope({ auth: authOf(token, lease), warnings });
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
  const ttl = secondsOf(body['ttl'] ?? 0) || serverMaxTtlSeconds;
  const most = Math.min(serverMaxTtlSeconds, explicit || Infinity);
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
      creationTtlSeconds: Math.min(ttl, most, server.config.token_seconds ?? Infinity),
      explicitMaxTtlSeconds: explicit,
      periodSeconds: 0,
      renewable: type === 'service' && body['renewable'] !== false,
      boundCidrs: parent.boundCidrs,
      usesLeft: Number(body['num_uses'] ?? 0),
    },
    server.now(),
  );
  call.note({ expires_at: child.expiresAt.toISOString() });
  return envelope({ auth: authOf(child, child.creationTtlSeconds) });
}

function displayNameOf(asked: Json | undefined): string {
  return typeof asked === 'string' && asked !== '' ? `token-${asked}` : 'token';
}

/** @throws {VaultRefusal} when it is no duration */
function secondsOf(value: Json): number {
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value : null;
  const seconds = text === null ? null : durationSeconds(text);
  if (seconds === null)
    throw new VaultRefusal(400, `time: invalid duration ${goQuoted(text ?? JSON.stringify(value))}`);
  return Math.max(0, seconds);
}
