import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { parseStrictJson } from '../../identity/strict-json.ts';
import { goQuoted } from '../../platforms/vault/go-value.ts';
import { jwtAlgorithms } from '../../platforms/vault/jwt-config.ts';
import type { MountKeys } from './issuer-keys.ts';
import { VaultRefusal } from './refusal.ts';

/**
 * Takes a token apart as the server does and verifies its signature. The payload is read as loosely as there: of names
 * that stand twice the last one counts.
 *
 * @throws {VaultRefusal}
 */
export async function verifiedToken(
  jwt: string,
  keys: MountKeys,
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
  const failure = await keys.verify(jwt, alg, kid);
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

function refuse(words: string, reason: string): VaultRefusal {
  return new VaultRefusal(400, `error validating token: error verifying token signature: ${words}`, {
    reasons: [reason],
  });
}

function malformed(words: string, reason: string): VaultRefusal {
  return refuse(`oidc: malformed jwt: ${words}`, reason);
}
