import { compactVerify, importJWK, type JWK } from 'jose';
import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { mayBeFetched } from '../issuer-schema.ts';
import { defaultFetchLimits, fetchJson } from '../relying-party/fetch-json.ts';

/** The keys of the issuer of one mount, kept as the server keeps them. */
export interface MountKeys {
  /** Why the mount cannot verify anything, in the server's words; null when it can. */
  ready(): Promise<KeyFailure | null>;
  /** Whether a key of the issuer made this signature. */
  verify(compact: string, algorithm: string, kid: string): Promise<KeyFailure | null>;
}

/** Why a signature could not be verified. */
export interface KeyFailure {
  /** In the server's words. */
  readonly message: string;
  readonly reason: string;
}

/**
 * Opens the key source of a mount. Discovery is read once; keys are kept without limit, and read again only when none
 * of them verifies a token: so a key that was withdrawn stays trusted until then. A token without `kid` is tried with
 * every key.
 */
export function openMountKeys(options: {
  /** As configured; must equal `issuer` of the discovery document. */
  readonly discoveryUrl: string;
  readonly fetchFrom: string | null;
  readonly fetch: typeof fetch;
}): MountKeys {
  const own = options.discoveryUrl.replace(/\/$/, '');
  const base = (options.fetchFrom ?? own).replace(/\/$/, '');
  let jwksUrl: string | null = null;
  let keys: readonly JWK[] = [];

  const reachable = (url: string): string =>
    options.fetchFrom !== null && url.startsWith(`${own}/`) ? base + url.slice(own.length) : url;

  return {
    async ready() {
      if (jwksUrl !== null) return null;
      const url = `${base}/.well-known/openid-configuration`;
      const read = await fetchJson(url, options.fetch, defaultFetchLimits);
      if (!read.ok) return { message: `Get "${url}": ${read.why}`, reason: read.why };
      const { issuer, jwks_uri: jwks } = read.value;
      if (issuer !== options.discoveryUrl) {
        const message = `issuer did not match the returned issuer, expected ${JSON.stringify(options.discoveryUrl)} got ${JSON.stringify(issuer ?? '')}`;
        return { message, reason: message };
      }
      if (typeof jwks !== 'string' || !mayBeFetched(jwks))
        return {
          message: 'failed to decode OIDC discovery document',
          reason: `jwks_uri in ${url} is ${JSON.stringify(jwks ?? null)}; the stand-in fetches https, and http on loopback`,
        };
      jwksUrl = reachable(jwks);
      return null;
    },
    async verify(compact, algorithm, kid) {
      if (await anyHolds(keys, compact, algorithm, kid)) return null;
      const read = await fetchJson(jwksUrl!, options.fetch, defaultFetchLimits);
      if (!read.ok)
        return { message: `fetching keys oidc: get keys failed Get "${jwksUrl!}": ${read.why}`, reason: read.why };
      keys = publicKeys(read.value);
      if (await anyHolds(keys, compact, algorithm, kid)) return null;
      const published = keys.map((key) => key.kid ?? '(no kid)').join(', ') || 'none';
      return {
        message: 'failed to verify id token signature',
        reason: `no published key verifies the signature (${algorithm}, kid ${kid || 'absent'}); published: ${published}`,
      };
    },
  };
}

function publicKeys(document: JsonObject): readonly JWK[] {
  const keys = document['keys'];
  return Array.isArray(keys)
    ? (keys as readonly Json[]).filter(
        (key): key is JWK & JsonObject => isJsonObject(key) && key['kty'] !== 'oct' && key['use'] !== 'enc',
      )
    : [];
}

async function anyHolds(keys: readonly JWK[], compact: string, algorithm: string, kid: string): Promise<boolean> {
  for (const key of keys) {
    if ((kid === '' || key.kid === kid) && (await holds(key, compact, algorithm))) return true;
  }
  return false;
}

async function holds(key: JWK, compact: string, algorithm: string): Promise<boolean> {
  try {
    // Only the members that make the key; what it says of its use is not looked at by the server.
    const { kty, n, e, crv, x, y } = key;
    const imported = await importJWK({ kty, n, e, crv, x, y }, algorithm);
    await compactVerify(compact, imported, { algorithms: [algorithm] });
    return true;
  } catch {
    return false;
  }
}
