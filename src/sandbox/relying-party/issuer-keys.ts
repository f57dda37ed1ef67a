import type { JWK } from 'jose';
import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { modulusBits, smallestModulus } from '../../identity/jwk.ts';
import { privateMembers } from '../../identity/key-set.ts';
import { defaultFetchLimits, fetchJson, type FetchLimits } from './fetch-json.ts';

/** How a relying party reads the keys of one issuer. */
export interface IssuerKeysOptions {
  /** Must equal `issuer` in the discovery document, character for character. */
  readonly issuer: string;
  /** Where discovery and keys are really fetched, for an issuer whose URL cannot be reached from here. */
  readonly fetchFrom: string | null;
  readonly fetch: typeof fetch;
  readonly now: () => Date;
  /** How long keys are kept before they are read again. */
  readonly cacheSeconds: number;
  /** On an unknown `kid` keys are read again, but not more often than this. */
  readonly refetchSeconds: number;
  readonly limits?: FetchLimits;
}

export type KeyLookup =
  | { readonly ok: true; readonly key: JWK }
  | { readonly ok: false; readonly kind: 'unreachable' | 'unusable' | 'unknown_key'; readonly why: string };

/** The keys of one issuer, as a stranger sees them. */
export interface IssuerKeys {
  find(kid: string, algorithm: string): Promise<KeyLookup>;
}

/** Signature algorithms that are accepted anywhere here, with the key that each needs (RFC 7518 section 3.1). */
export const algorithms: Readonly<Record<string, { readonly kty: string; readonly crv?: string }>> = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
};

const mostKeys = 100;

type KeySet =
  | { readonly ok: true; readonly keys: readonly JWK[] }
  | { readonly ok: false; readonly kind: 'unreachable' | 'unusable'; readonly why: string };

/**
 * Opens the key source of one issuer: discovery, then `jwks_uri`, cached; an unknown `kid` makes it read again once,
 * rate-limited. Failures are not cached, and stale keys are never used.
 *
 * @see OpenID Connect Discovery 1.0, section 4.3 (the issuer must match exactly)
 */
export function openIssuerKeys(options: IssuerKeysOptions): IssuerKeys {
  let cached: { readonly keys: readonly JWK[]; readonly readAt: number } | null = null;
  let reading: Promise<KeySet> | null = null;

  const read = async (): Promise<KeySet> => {
    const set = await readKeys(options);
    cached = set.ok ? { keys: set.keys, readAt: options.now().getTime() } : cached;
    return set;
  };
  const readOnce = (): Promise<KeySet> => {
    reading ??= read().finally(() => (reading = null));
    return reading;
  };
  const age = (): number => (cached === null ? Infinity : Math.abs(options.now().getTime() - cached.readAt) / 1000);

  return {
    async find(kid, algorithm) {
      const wasFresh = age() < options.cacheSeconds;
      let set: KeySet = wasFresh ? { ok: true, keys: cached!.keys } : await readOnce();
      if (set.ok && wasFresh && !set.keys.some((key) => key.kid === kid)) {
        if (age() < options.refetchSeconds)
          return unknownKey(
            kid,
            set.keys,
            `keys were read ${Math.round(age())} s ago and are read again after ${options.refetchSeconds} s`,
          );
        set = await readOnce();
      }
      return set.ok ? choose(set.keys, kid, algorithm) : set;
    },
  };
}

/**
 * Opens a key set that was given to the relying party by hand: nothing is ever fetched.
 *
 * @param keys the member `keys` of the set
 */
export function openUploadedKeys(keys: Json | undefined): IssuerKeys {
  const set = readKeySet('the uploaded key set', keys);
  return {
    find: async (kid, algorithm) =>
      set.ok ? choose(set.keys, kid, algorithm, 'uploaded by hand; the issuer is not asked') : set,
  };
}

function unknownKey(kid: string, keys: readonly JWK[], note: string): KeyLookup {
  const published = keys.map((key) => key.kid ?? '(no kid)').join(', ') || 'none';
  return { ok: false, kind: 'unknown_key', why: `no published key has kid ${kid}; published: ${published} (${note})` };
}

function choose(
  keys: readonly JWK[],
  kid: string,
  algorithm: string,
  note = 'read just now or still cached',
): KeyLookup {
  const named = keys.filter((key) => key.kid === kid);
  if (named.length === 0) return unknownKey(kid, keys, note);
  const faults = named.map((key) => faultOf(key, algorithm));
  const usable = named[faults.indexOf(null)];
  return usable ? { ok: true, key: usable } : { ok: false, kind: 'unusable', why: `key ${kid} ${faults[0]}` };
}

/** Why a key cannot verify a signature of this algorithm; null when it can (RFC 7517 section 4). */
function faultOf(key: JWK, algorithm: string): string | null {
  const wanted = algorithms[algorithm];
  if (wanted === undefined) return `cannot be used with ${algorithm}`;
  if (key.kty !== wanted.kty) return `has kty ${key.kty}, but ${algorithm} needs ${wanted.kty}`;
  if (wanted.crv !== undefined && key.crv !== wanted.crv)
    return `is on curve ${key.crv}, but ${algorithm} needs ${wanted.crv}`;
  if (key.use !== undefined && key.use !== 'sig') return `has use ${key.use}, not sig`;
  if (key.key_ops !== undefined && !key.key_ops.includes('verify')) return 'does not list verify in key_ops';
  if (key.alg !== undefined && key.alg !== algorithm) return `is for ${key.alg}, but the token says ${algorithm}`;
  if (key.kty !== 'RSA') return null;
  const bits = modulusBits(key.n ?? '');
  return bits < smallestModulus ? `has ${bits} bits; at least ${smallestModulus} are needed` : null;
}

async function readKeys(options: IssuerKeysOptions): Promise<KeySet> {
  const limits = options.limits ?? defaultFetchLimits;
  const base = (options.fetchFrom ?? options.issuer).replace(/\/$/, '');
  const discoveryUrl = `${base}/.well-known/openid-configuration`;
  const discovery = await fetchJson(discoveryUrl, options.fetch, limits);
  if (!discovery.ok) return discovery;
  const { issuer, jwks_uri: jwksUri } = discovery.value;
  if (issuer !== options.issuer)
    return unusable(
      `issuer in ${discoveryUrl} is ${JSON.stringify(issuer)}, the provider is ${JSON.stringify(options.issuer)}`,
    );
  const jwksUrl = typeof jwksUri === 'string' ? reachable(jwksUri, options) : null;
  if (jwksUrl === null)
    return unusable(
      `jwks_uri in ${discoveryUrl} is ${JSON.stringify(jwksUri ?? null)}; it must be https, or http on the issuer's own host`,
    );
  const jwks = await fetchJson(jwksUrl, options.fetch, limits);
  if (!jwks.ok) return jwks;
  return readKeySet(jwksUrl, jwks.value['keys']);
}

/** The address to fetch for a `jwks_uri`: the issuer's own part of it moves to `fetchFrom`; null when not allowed. */
function reachable(jwksUri: string, options: IssuerKeysOptions): string | null {
  if (!URL.canParse(jwksUri)) return null;
  const own = jwksUri.startsWith(`${options.issuer.replace(/\/$/, '')}/`);
  if (own && options.fetchFrom !== null)
    return options.fetchFrom.replace(/\/$/, '') + jwksUri.slice(options.issuer.replace(/\/$/, '').length);
  const url = new URL(jwksUri);
  const allowed =
    url.protocol === 'https:' || (url.protocol === 'http:' && url.origin === new URL(options.issuer).origin);
  return allowed ? jwksUri : null;
}

function readKeySet(url: string, keys: Json | undefined): KeySet {
  if (!Array.isArray(keys)) return unusable(`${url} has no member "keys" with a list`);
  const known = (keys as readonly Json[]).filter(
    (key): key is JWK & JsonObject => isJsonObject(key) && (key['kty'] === 'RSA' || key['kty'] === 'EC'),
  );
  if (known.length === 0) return unusable(`${url} publishes no RSA or EC key`);
  for (const kty of ['RSA', 'EC']) {
    if (known.filter((key) => key.kty === kty).length > mostKeys)
      return unusable(`${url} publishes more than ${mostKeys} ${kty} keys`);
  }
  const leaked = known.find((key) => privateMembers.some((member) => member in key));
  if (leaked) return unusable(`${url} publishes private members of key ${String(leaked.kid)}`);
  return { ok: true, keys: known };
}

function unusable(why: string): KeySet {
  return { ok: false, kind: 'unusable', why };
}
