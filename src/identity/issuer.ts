import { randomUUID, type webcrypto } from 'node:crypto';
import { leaseRecord, purposeRecord, tokenRecord } from '../audit/event-members.ts';
import type { AuditLog } from '../audit/log.ts';
import { AppError, type Problem } from '../domain/errors.ts';
import type { Claims, IdentityToken, MintRequest, TokenSource } from '../domain/token.ts';
import { claimsFor } from './claims.ts';
import { issuerDocuments, type IssuerDocuments } from './discovery.ts';
import { checkedIssuerUrl, isLoopbackIssuer } from './issuer-url.ts';
import { keyKeeper, signingKid, type KeyKeeper } from './key-keeper.ts';
import { activeKey, isRotationDue, mayRotateByItself, nextKey, publishedKeys } from './key-ring.ts';
import { fileKeyStore, keyMissing } from './key-store/file.ts';
import type { StoredRing } from './key-store/key-store.ts';
import { memoryKeyStore } from './key-store/memory.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { sign } from './signer.ts';

/** We as an OpenID provider: mints tokens, and publishes by which keys they can be verified. */
export interface Issuer extends TokenSource {
  /** As in `iss`. */
  readonly url: string;
  /**
   * Signs a token, audits it, then releases it.
   *
   * @throws {NameError} `name_invalid`; {@link AppError} `claim_invalid`, `audit_write_failed`, `key_damaged`,
   *   `key_encryption_key_invalid`: no token comes out
   */
  mint(request: MintRequest): Promise<IdentityToken>;
  /** The documents as they stand now; the same object as long as nothing changed. */
  documents(): Promise<IssuerDocuments>;
  /** What the user should know: a key that nobody has seen published, a rotation that cannot happen. */
  warnings(): Promise<readonly Problem[]>;
}

export interface IssuerOptions {
  readonly dataDirectory: string;
  readonly keyEncryptionKeyFile: string;
  readonly issuer: string;
  readonly audit: AuditLog;
  readonly now: () => Date;
  readonly limits?: Limits;
}

/**
 * Opens the issuer of a data directory. Keys of a loopback issuer are made when there are none; those of any other
 * issuer only by `hallpass init` and `hallpass keys init`, never by the way.
 *
 * @throws {AppError} `key_missing`; `issuer_invalid` when the keys were made for another issuer; `key_damaged`,
 *   `key_encryption_key_invalid`, `data_directory_insecure`
 */
export async function openIssuer(options: IssuerOptions): Promise<Issuer> {
  const url = checkedIssuerUrl(options.issuer);
  const store = await fileKeyStore(options);
  const keeper = keyKeeper({ store, audit: options.audit, now: options.now, actor: null });
  let stored = await store.read();
  if (stored === null) {
    if (!isLoopbackIssuer(url)) throw keyMissing(options.dataDirectory, url);
    stored = await keeper.create(url, 'creation');
  }
  requireIssuer(stored, url, options.dataDirectory);
  warmUp(await keeper.upkept(stored), keeper);
  return issuer(url, keeper, options);
}

/** Decrypts the signing key while the caller does something else. If that fails, the first token will say why. */
function warmUp(stored: StoredRing, keeper: KeyKeeper): void {
  keeper.store.signingKey(signingKid(stored)).catch(() => undefined);
}

/** Opens an issuer whose keys live and end with this process: for the demo. */
export async function openThrowAwayIssuer(options: {
  issuer: string;
  audit: AuditLog;
  now: () => Date;
  limits?: Limits;
}): Promise<Issuer> {
  const url = checkedIssuerUrl(options.issuer);
  const keeper = keyKeeper({ store: memoryKeyStore(), audit: options.audit, now: options.now, actor: null });
  await keeper.create(url, 'creation');
  return issuer(url, keeper, options);
}

/** @throws {AppError} `issuer_invalid` unless the ring was made for this issuer */
export function requireIssuer(stored: StoredRing, url: string, dataDirectory: string): void {
  if (stored.ring.issuer === url) return;
  throw new AppError('issuer_invalid', {
    what: `the keys in ${dataDirectory} were made for ${stored.ring.issuer}, not for ${url}`,
    where: dataDirectory,
    mend: `use ${stored.ring.issuer} as the issuer, or another data directory (--data-dir) for ${url}`,
  });
}

function issuer(
  url: string,
  keeper: KeyKeeper,
  options: { audit: AuditLog; now: () => Date; limits?: Limits },
): Issuer {
  const { audit, now, limits = defaultLimits } = options;
  let made: { key: string; documents: IssuerDocuments } | undefined;

  const current = async (): Promise<StoredRing> => {
    const stored = await keeper.store.read();
    if (stored === null) throw keyMissing('the data directory', url);
    return stored;
  };
  const claims = async (request: MintRequest): Promise<Claims> => {
    const { audience, lease, lifetimeSeconds } = request;
    try {
      return claimsFor(lease.workload, { issuer: url, audience, at: now(), id: randomUUID(), limits, lifetimeSeconds });
    } catch (error) {
      await recordRefusal(audit, request, error);
      throw error;
    }
  };

  /** A key may be retired by another process between two looks; its private half is gone then, and the next one signs. */
  const signingKey = async (exp: number): Promise<{ key: webcrypto.CryptoKey; kid: string }> => {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const kid = signingKid(await keeper.reserved(await keeper.upkept(await current()), exp));
      const key = await keeper.store.signingKey(kid);
      if (key !== null) return { key, kid };
    }
    throw new Error('the key ring changes faster than it can be read');
  };

  return {
    url,
    mint: async (request) => {
      const wanted = await claims(request);
      const { key, kid } = await signingKey(wanted.exp);
      const token = await sign(wanted, key, kid);
      const { lease, purpose } = request;
      await audit.append({
        type: 'token_minted',
        token: tokenRecord(token),
        ...purposeRecord(purpose),
        outcome: 'ok',
        ...leaseRecord(lease),
        known_by: 'issuer',
      });
      return token;
    },
    documents: async () => {
      const { ring, publicJwks } = await current();
      const keys = publishedKeys(ring, keeper.seconds()).map((key) => publicJwks.get(key.kid)!);
      const key = keys.map(({ kid }) => kid).join(' ');
      if (made?.key !== key) made = { key, documents: issuerDocuments(url, keys) };
      return made.documents;
    },
    warnings: async () => ringWarnings(await current(), keeper.seconds()),
  };
}

/** A refusal is worth a record, but must not hide its reason when the record cannot be written. */
async function recordRefusal(audit: AuditLog, request: MintRequest, error: unknown): Promise<void> {
  if (!(error instanceof AppError)) return;
  const { lease, purpose, audience } = request;
  await audit
    .append({
      type: 'token_refused',
      audience,
      code: error.code,
      reason: error.problem.what,
      ...purposeRecord(purpose),
      outcome: 'refused',
      ...leaseRecord(lease),
      known_by: 'issuer',
    })
    .catch(() => undefined);
}

function ringWarnings({ ring }: StoredRing, now: number): readonly Problem[] {
  const problems: Problem[] = [];
  const [active, next] = [activeKey(ring), nextKey(ring)];
  if (active.publishedAt === null) {
    problems.push({
      what: `nobody has seen the signing key ${active.kid} at ${ring.issuer} yet`,
      where: ring.issuer,
      mend: `publish it (hallpass issuer export DIR), then: hallpass issuer check ${ring.issuer}`,
    });
  }
  if (isRotationDue(ring, now) && !mayRotateByItself(ring, now)) {
    problems.push({
      what: `the signing key is due for rotation, but ${next.publishedBy === 'check' ? 'the next one is not published for long enough' : `nobody has seen the next one at ${ring.issuer}`}`,
      where: ring.issuer,
      mend: `hallpass issuer check ${ring.issuer}`,
    });
  }
  if (now < ring.clock - 300) {
    problems.push({
      what: `the clock stands ${ring.clock - now} seconds before the last change of the key ring`,
      where: 'system clock',
      mend: 'set the clock right; if it once ran ahead, "hallpass keys rotate --now" takes the present time as right',
    });
  }
  return problems;
}
