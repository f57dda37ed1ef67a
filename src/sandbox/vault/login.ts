import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { goQuoted } from '../../platforms/vault/go-value.ts';
import { jwtAlgorithms } from '../../platforms/vault/jwt-config.ts';
import { decideVaultTrust, type VaultTrust } from '../../platforms/vault/trust-policy.ts';
import { parseStrictJson } from '../../identity/strict-json.ts';
import { authOf } from './answer.ts';
import { VaultRefusal } from './refusal.ts';
import type { AuthMount, Reply, VaultCall, VaultServer } from './server.ts';

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
  const roleName = textField(call.body, 'role').toLowerCase() || mount.config.defaultRole;
  const jwt = textField(call.body, 'jwt').replace(/\s/g, '');
  if (roleName === '') throw new VaultRefusal(400, 'missing role');
  call.note({ role: roleName });
  const role = mount.roles.get(roleName);
  if (role === undefined) {
    const known = [...mount.roles.keys()].join(', ') || 'none';
    throw new VaultRefusal(400, `role ${goQuoted(roleName)} could not be found`, {
      reasons: [`there is no role ${roleName}; the roles of ${mountPath} are ${known}`],
    });
  }
  if (role.type === 'oidc') throw new VaultRefusal(400, 'role with oidc role_type is not allowed');
  if (jwt === '') throw new VaultRefusal(400, 'missing token');
  const trust: VaultTrust = { config: mount.config, role };
  const address = call.call.remoteAddress;
  const early = decideVaultTrust(trust, { claims: {}, at: server.now(), role: roleName, remoteAddress: address });
  // The address is judged before anybody looks at the token.
  if (early.error?.status === 403)
    throw new VaultRefusal(403, early.error.message, { reasons: early.reasons.slice(0, 1) });
  const unready = await mount.keys.ready();
  if (unready !== null)
    throw new VaultRefusal(400, `error configuring token validator: ${unready.message}`, { reasons: [unready.reason] });
  const token = await verifiedToken(jwt, mount);
  if (typeof token.claims['sub'] === 'string') call.note({ principal: token.claims['sub'] });
  const verdict = decideVaultTrust(trust, {
    claims: token.claims,
    at: server.now(),
    role: roleName,
    algorithm: token.algorithm,
    remoteAddress: address,
  });
  call.note({ checks: verdict.checks });
  if (!verdict.allowed || verdict.identity === null)
    throw new VaultRefusal(verdict.error?.status ?? 400, verdict.error?.message ?? 'not modelled', verdict);
  const { identity } = verdict;
  const shortest = server.config.token_seconds ?? Infinity;
  const now = server.now();
  const made = server.tokens.add(
    {
      space: call.space.path,
      type: identity.tokenType,
      policies: identity.policies,
      metadata: identity.metadata,
      displayName: `${mountPath.replaceAll('/', '-')}-${identity.alias}`,
      entityId: server.tokens.entityOf(call.space.path, mountPath, identity.alias),
      path: `auth/${mountPath}/login`,
      role: roleName,
      mount: mountPath,
      parent: null,
      creationTtlSeconds: Math.min(identity.ttlSeconds, shortest),
      explicitMaxTtlSeconds: identity.explicitMaxTtlSeconds,
      periodSeconds: identity.periodSeconds,
      renewable: identity.renewable,
      boundCidrs: identity.boundCidrs,
      uses: identity.uses,
    },
    now,
  );
  call.note({ expires_at: made.expiresAt.toISOString() });
  return { auth: authOf(made, made.creationTtlSeconds, true), warnings: identity.warnings };
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

function refuse(words: string, reason: string): VaultRefusal {
  return new VaultRefusal(400, `error validating token: error verifying token signature: ${words}`, {
    reasons: [reason],
  });
}

function malformed(words: string, reason: string): VaultRefusal {
  return refuse(`oidc: malformed jwt: ${words}`, reason);
}

/**
 * Takes a token apart as the server does and verifies its signature. The payload is read as loosely as there: of names
 * that stand twice the last one counts.
 *
 * @throws {VaultRefusal}
 */
async function verifiedToken(
  jwt: string,
  mount: AuthMount,
): Promise<{ readonly claims: JsonObject; readonly algorithm: string }> {
  const parts = jwt.split('.');
  if (parts.length !== 3)
    throw malformed(
      'go-jose/go-jose: compact JWS format must have three parts',
      `a signed token has three parts divided by "."; this has ${parts.length}`,
    );
  if (parts.some((part) => !/^[A-Za-z0-9_-]*$/.test(part) || part.length % 4 === 1))
    throw malformed('illegal base64 data at input byte 0', 'a part of the token is not base64url');
  const header = readHeader(parts[0]!);
  if (header === null) throw malformed('invalid header', 'the header is not a JSON object without doubles');
  const { alg = '', kid = '', crit } = header;
  if (typeof alg !== 'string' || !jwtAlgorithms.includes(alg)) {
    const expected = jwtAlgorithms.map((name) => `"${name}"`).join(' ');
    throw malformed(
      `unexpected signature algorithm ${goQuoted(typeof alg === 'string' ? alg : JSON.stringify(alg))}; expected [${expected}]`,
      `alg is ${JSON.stringify(alg)}`,
    );
  }
  if (typeof kid !== 'string')
    throw malformed('failed to unmarshal key ID', `kid is ${JSON.stringify(kid)}, which is not a text`);
  if (crit !== undefined)
    throw refuse('failed to verify id token signature', `the header demands extensions (crit ${JSON.stringify(crit)})`);
  const failure = await mount.keys.verify(jwt, alg, kid);
  if (failure !== null) throw refuse(failure.message, failure.reason);
  const payload = Buffer.from(parts[1]!, 'base64url').toString('utf8');
  const claims = parsed(payload);
  if (claims === undefined) throw refuse('invalid character in payload', 'the payload is not JSON');
  if (claims === null) return { claims: {}, algorithm: alg };
  if (isJsonObject(claims)) return { claims, algorithm: alg };
  throw refuse(
    `json: cannot unmarshal ${Array.isArray(claims) ? 'array' : typeof claims === 'boolean' ? 'bool' : typeof claims} into Go value of type map[string]interface {}`,
    'the payload is not a JSON object',
  );
}

/** The header; of its names none may stand twice. An empty one is an object without members. */
function readHeader(part: string): JsonObject | null {
  const text = Buffer.from(part, 'base64url').toString('utf8');
  if (text === '') return {};
  try {
    const header = parseStrictJson(text);
    return isJsonObject(header) ? header : null;
  } catch {
    return null;
  }
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
