import { isJsonObject, jsonText, type JsonObject } from '../../domain/json.ts';
import { isOwnPublicJwk, type PublicJwk } from '../jwk.ts';
import type { KeyRing, PublicationProof, RingKey } from '../key-ring.ts';
import { checkedIssuerUrl } from '../issuer-url.ts';
import { keyDamaged } from './encrypted-key.ts';

/** What `keys.json` holds. */
export interface RingFile {
  readonly ring: KeyRing;
  readonly publicJwks: ReadonlyMap<string, PublicJwk>;
  /** The private halves, encrypted (see `encrypted-key.ts`); retired keys have none any more. */
  readonly records: ReadonlyMap<string, string>;
}

const version = 1;
const states: readonly string[] = ['next', 'active', 'retired'];
const proofs: readonly (string | null)[] = [null, 'creation', 'export', 'serve', 'check'];
const longestText = 4_000_000;

/** Writes a ring as the text of `keys.json`. */
export function writeRingFile({ ring, publicJwks, records }: RingFile): string {
  const file = {
    version,
    issuer: ring.issuer,
    publishing: ring.publishing,
    clock: iso(ring.clock),
    keys: ring.keys.map((key) => ({
      kid: key.kid,
      state: key.state,
      created_at: iso(key.createdAt),
      published_at: isoOrNull(key.publishedAt),
      published_by: key.publishedBy,
      activated_at: isoOrNull(key.activatedAt),
      retired_at: isoOrNull(key.retiredAt),
      signed_until: isoOrNull(key.signedUntil),
      public: publicJwks.get(key.kid),
      private: records.get(key.kid) ?? null,
    })),
    former_kids: ring.formerKids,
  };
  return jsonText(file);
}

/**
 * Reads the text of `keys.json`, and refuses what {@link writeRingFile} cannot have written.
 *
 * @param path for the error
 * @throws {AppError} `key_damaged`
 */
export function readRingFile(text: string, path: string): RingFile {
  try {
    if (text.length > longestText) throw new Error('it is too long');
    return parseRingFile(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'it is not whole JSON' : (error as Error).message;
    throw keyDamaged(path, `the key ring ${path} is damaged: ${reason}`);
  }
}

function parseRingFile(value: unknown): RingFile {
  const file = object(value, 'the file');
  if (file['version'] !== version) throw new Error(`its version is not ${version}`);
  const entries = array(file['keys'], 'keys').map((entry) => parseKey(object(entry, 'a key')));
  const ring: KeyRing = {
    issuer: checkedIssuerUrl(string(file['issuer'], 'issuer')),
    publishing: file['publishing'] === 'creation' ? 'creation' : 'observed',
    clock: time(file['clock'], 'clock'),
    keys: entries.map((entry) => entry.key),
    formerKids: array(file['former_kids'], 'former_kids').map((kid) => string(kid, 'former_kids')),
  };
  requireWhole(ring);
  return {
    ring,
    publicJwks: new Map(entries.map((entry) => [entry.key.kid, entry.publicJwk])),
    records: new Map(
      entries.flatMap((entry) => (entry.record === null ? [] : [[entry.key.kid, entry.record] as const])),
    ),
  };
}

function parseKey(entry: JsonObject): { key: RingKey; publicJwk: PublicJwk; record: string | null } {
  const kid = string(entry['kid'], 'kid');
  const publicJwk = entry['public'];
  if (!isOwnPublicJwk(publicJwk) || publicJwk.kid !== kid) throw new Error(`the public key of ${kid} was changed`);
  const key: RingKey = {
    kid,
    state: oneOf(entry['state'], states, 'state') as RingKey['state'],
    createdAt: time(entry['created_at'], 'created_at'),
    publishedAt: timeOrNull(entry['published_at'], 'published_at'),
    publishedBy: oneOf(entry['published_by'], proofs, 'published_by') as PublicationProof | null,
    activatedAt: timeOrNull(entry['activated_at'], 'activated_at'),
    retiredAt: timeOrNull(entry['retired_at'], 'retired_at'),
    signedUntil: timeOrNull(entry['signed_until'], 'signed_until'),
  };
  const record = entry['private'] === null ? null : string(entry['private'], 'private');
  if (record === null && key.state !== 'retired') throw new Error(`the private key of ${kid} is missing`);
  return { key, publicJwk, record };
}

function requireWhole(ring: KeyRing): void {
  if (new Set(ring.keys.map((key) => key.kid)).size !== ring.keys.length) throw new Error('a key stands in it twice');
  for (const state of ['active', 'next']) {
    const count = ring.keys.filter((key) => key.state === state).length;
    if (count !== 1) throw new Error(`it has ${count} ${state} keys instead of one`);
  }
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function isoOrNull(seconds: number | null): string | null {
  return seconds === null ? null : iso(seconds);
}

function time(value: unknown, name: string): number {
  const milliseconds = Date.parse(string(value, name));
  if (Number.isNaN(milliseconds)) throw new Error(`${name} is not a time`);
  return Math.floor(milliseconds / 1000);
}

function timeOrNull(value: unknown, name: string): number | null {
  return value === null ? null : time(value, name);
}

function string(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Error(`${name} is not a text`);
  return value;
}

function array(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${name} is not a list`);
  return value;
}

function object(value: unknown, name: string): JsonObject {
  if (!isJsonObject(value)) throw new Error(`${name} is not an object`);
  return value;
}

function oneOf(value: unknown, choices: readonly unknown[], name: string): unknown {
  if (!choices.includes(value)) throw new Error(`${name} is not one of ${choices.join(', ')}`);
  return value;
}
