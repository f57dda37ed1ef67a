import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { canonicalJson } from '../audit/canonical.ts';
import type { leaseRecord } from '../audit/event-members.ts';
import { isJsonObject } from '../domain/json.ts';
import { Secret } from '../domain/secret.ts';
import { isKeyName } from './revocation-key.ts';

/** What a note says in the clear. All of it is authenticated together with the encrypted text. */
export interface RevocationFacts {
  readonly version: 1;
  readonly platform: string;
  readonly tag: string | null;
  readonly offered: string | null;
  /** When the credentials end by themselves, ISO 8601; null when that is not known. */
  readonly expiresAt: string | null;
  readonly createdAt: string;
  /** Name of the phase's key ({@link keyNameOf}). */
  readonly key: string;
  /** Whose credentials they are, for the audit. */
  readonly by: ReturnType<typeof leaseRecord>;
}

/** A note as it was read: the facts are not to be trusted before {@link openNote} has opened it. */
export interface SealedNote {
  readonly facts: RevocationFacts;
  readonly sealed: Buffer;
}

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Encrypts what ends a credential set (AES-256-GCM, a nonce for each). Gives the text of the note. */
export function sealNote(facts: RevocationFacts, revocation: Secret, key: Buffer): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(associated(facts));
  const text = Buffer.concat([cipher.update(revocation.reveal(), 'utf8'), cipher.final()]);
  const sealed = Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
  return JSON.stringify({ ...facts, sealed });
}

/** Reads a note's text; null when it is not one. */
export function readNote(text: string): SealedNote | null {
  try {
    const { sealed, ...facts } = JSON.parse(text) as Record<string, unknown>;
    const bytes = typeof sealed === 'string' ? Buffer.from(sealed, 'base64') : Buffer.alloc(0);
    if (bytes.length <= nonceBytes + tagBytes || !areFacts(facts)) return null;
    return { facts, sealed: bytes };
  } catch {
    return null;
  }
}

/** Opens a note; null when it was not sealed with this key, or anything of it was changed. */
export function openNote({ facts, sealed }: SealedNote, key: Buffer): Secret | null {
  try {
    const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(associated(facts));
    decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
    const text = [decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()];
    return new Secret(Buffer.concat(text).toString('utf8'));
  } catch {
    return null;
  }
}

function associated(facts: RevocationFacts): Buffer {
  return Buffer.from(`hallpass revocation note v1\n${canonicalJson(facts)}`);
}

/** By hand: every command that opens a phase loads this file. */
function areFacts(value: object): value is RevocationFacts {
  const { version, platform, tag, offered, expiresAt, createdAt, key, by } = value as Partial<RevocationFacts>;
  return (
    version === 1 &&
    isShort(platform) &&
    (tag === null || isShort(tag)) &&
    (offered === null || isShort(offered)) &&
    (expiresAt === null || isMoment(expiresAt)) &&
    isMoment(createdAt) &&
    isKeyName(key) &&
    isWhose(by)
  );
}

/** It is shown, and goes into the audit: one line, no longer than what any platform's name for a role may be. */
function isShort(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 4000 && !/[\p{C}\p{Zl}\p{Zp}]/u.test(value);
}

/** These members and no others: an unmasked command, which can forge a note, must not write what it likes into the audit. */
function isWhose(value: unknown): boolean {
  const { actor, workload, lease, ...others } = (value ?? {}) as Record<string, unknown>;
  const parts = [actor, workload].map((part) => (isJsonObject(part) ? Object.values(part) : [0]));
  return (
    Object.keys(others).length === 0 && isShort(lease) && parts.flat().every((one) => one === null || isShort(one))
  );
}

function isMoment(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}
