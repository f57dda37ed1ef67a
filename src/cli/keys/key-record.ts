import { formatDuration } from '../../domain/duration.ts';
import { isoSeconds } from '../../domain/iso-seconds.ts';
import { nextKey, readyAt, type KeyRing, type RingKey } from '../../identity/key-ring.ts';

/** One key as `keys list --json` shows it. */
export interface KeyRecord {
  readonly kid: string;
  readonly state: RingKey['state'];
  readonly published_at: string | null;
  readonly activated_at: string | null;
  readonly retired_at: string | null;
}

export function keyRecord(key: RingKey): KeyRecord {
  return {
    kid: key.kid,
    state: key.state,
    published_at: isoOrNull(key.publishedAt),
    activated_at: isoOrNull(key.activatedAt),
    retired_at: isoOrNull(key.retiredAt),
  };
}

/** When the next key can sign, as a sentence with what to do about it. */
export function nextKeySentence(ring: KeyRing, now: number): string {
  const { kid } = nextKey(ring);
  const ready = readyAt(ring);
  if (ready === null) {
    return `The next key ${kid} can sign once it was seen published: hallpass issuer export DIR, upload, hallpass issuer check ${ring.issuer}`;
  }
  if (now >= ready) return `The next key ${kid} can sign: hallpass keys rotate`;
  return `The next key ${kid} can sign from ${iso(ready)} on (in ${formatDuration(ready - now)}), when every cache knows it.`;
}

export function iso(seconds: number): string {
  return isoSeconds(new Date(seconds * 1000));
}

export function isoOrNull(seconds: number | null): string | null {
  return seconds === null ? null : iso(seconds);
}
