import type { JsonObject } from '../../domain/json.ts';
import { goQuoted } from '../../platforms/vault/go-value.ts';
import type { VaultIdentity } from '../../platforms/vault/identity.ts';
import { decideVaultTrust, type VaultTrust } from '../../platforms/vault/trust-policy.ts';
import { authOf } from './answer.ts';
import { VaultRefusal } from './refusal.ts';
import type { AuthMount, Reply, VaultCall, VaultServer } from './server.ts';
import type { VaultToken } from './token-store.ts';
import { verifiedToken } from './verified-token.ts';

/**
 * Answers `auth/MOUNT/login`, in the order in which the server checks. Every refusal of a token is a 400.
 *
 * @throws {VaultRefusal}
 */
export async function login(
  call: VaultCall,
  mountPath: string,
  mount: AuthMount,
  server: VaultServer,
): Promise<{ readonly auth: Reply; readonly warnings: readonly string[] }> {
  const name = textField(call.body, 'role').toLowerCase() || mount.config.defaultRole;
  const jwt = textField(call.body, 'jwt').replace(/\s/g, '');
  const trust = { config: mount.config, role: roleNamed(name, call, mountPath, mount) };
  if (jwt === '') throw new VaultRefusal(400, 'missing token');
  const at = server.now();
  const remoteAddress = call.call.remoteAddress;
  const early = decideVaultTrust(trust, { claims: {}, at, role: name, remoteAddress });
  // The address is judged before anybody looks at the token.
  if (early.error?.status === 403)
    throw new VaultRefusal(403, early.error.message, { reasons: early.reasons.slice(0, 1) });
  const unready = await mount.keys.ready();
  if (unready !== null)
    throw new VaultRefusal(400, `error configuring token validator: ${unready.message}`, { reasons: [unready.reason] });
  const { claims, algorithm } = await verifiedToken(jwt, mount.keys);
  if (typeof claims['sub'] === 'string') call.note({ principal: claims['sub'] });
  const verdict = decideVaultTrust(trust, { claims, at: server.now(), role: name, algorithm, remoteAddress });
  call.note({ checks: verdict.checks });
  const { allowed, identity, error } = verdict;
  if (!allowed || identity === null)
    throw new VaultRefusal(error?.status ?? 400, error?.message ?? 'not modelled', verdict);
  const made = addToken(identity, { role: name, mount: mountPath, space: call.space.path }, server);
  call.note({ expires_at: made.expiresAt.toISOString() });
  return { auth: authOf(made, made.creationTtlSeconds, true), warnings: identity.warnings };
}

function roleNamed(name: string, call: VaultCall, mountPath: string, mount: AuthMount): VaultTrust['role'] {
  if (name === '') throw new VaultRefusal(400, 'missing role');
  call.note({ role: name });
  const role = mount.roles.get(name);
  if (role === undefined) {
    const known = [...mount.roles.keys()].join(', ') || 'none';
    throw new VaultRefusal(400, `role ${goQuoted(name)} could not be found`, {
      reasons: [`there is no role ${name}; the roles of ${mountPath} are ${known}`],
    });
  }
  if (role.type === 'oidc') throw new VaultRefusal(400, 'role with oidc role_type is not allowed');
  return role;
}

function addToken(
  identity: VaultIdentity,
  { role, mount, space }: { role: string; mount: string; space: string },
  { tokens, config, now }: VaultServer,
): VaultToken {
  return tokens.add(
    {
      space,
      type: identity.tokenType,
      policies: identity.policies,
      metadata: identity.metadata,
      displayName: `${mount.replaceAll('/', '-')}-${identity.alias}`,
      entityId: tokens.entityOf(space, mount, identity.alias),
      path: `auth/${mount}/login`,
      role,
      mount,
      parent: null,
      creationTtlSeconds: Math.min(identity.ttlSeconds, config.token_seconds ?? Infinity),
      explicitMaxTtlSeconds: identity.explicitMaxTtlSeconds,
      periodSeconds: identity.periodSeconds,
      renewable: identity.renewable,
      boundCidrs: identity.boundCidrs,
      uses: identity.uses,
    },
    now(),
  );
}

/** A field that the server takes as text; numbers and booleans become one. */
function textField(body: JsonObject, name: string): string {
  const value = body[name] ?? '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  const kind = Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
  throw new VaultRefusal(
    400,
    `Field validation failed: error converting input for field "${name}": '' expected type 'string', got unconvertible type '${kind}'`,
  );
}
