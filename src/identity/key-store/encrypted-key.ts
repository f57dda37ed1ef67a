import type { webcrypto } from 'node:crypto';
import { CompactEncrypt } from 'jose/jwe/compact/encrypt';
import { compactDecrypt } from 'jose/jwe/compact/decrypt';
import { AppError } from '../../domain/errors.ts';
import { thumbprint } from '../jwk.ts';
import type { KeyEncryptionKey } from '../key-encryption-key.ts';

/** The record type, authenticated with the contents: another encrypted record in this one's place is refused. */
const recordType = 'hallpass-signing-key+jwe';

/**
 * Encrypts a private key: a JWE (`A256GCMKW`, `A256GCM`) whose protected header names what it is (`typ`), which key
 * (`kid`) and by which key-encryption key (`kek`).
 *
 * @see RFC 7516 section 3.1, RFC 7518 section 4.7
 */
export async function encryptKey(
  privateJwk: webcrypto.JsonWebKey,
  kid: string,
  kek: KeyEncryptionKey,
): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(privateJwk)))
    .setProtectedHeader({ alg: 'A256GCMKW', enc: 'A256GCM', typ: recordType, kid, kek: kek.id })
    .encrypt(kek.bytes);
}

/** The id of the key-encryption key that a record names; null when the record is not one. Not authenticated yet. */
export function namedKek(record: string): string | null {
  try {
    const header: unknown = JSON.parse(Buffer.from(record.split('.')[0]!, 'base64url').toString());
    const kek = (header as { kek?: unknown }).kek;
    return typeof kek === 'string' ? kek : null;
  } catch {
    return null;
  }
}

/**
 * Decrypts a private key and makes sure that it is the one that is asked for.
 *
 * @param where the file, for the error
 * @throws {AppError} `key_damaged` for anything but exactly this key
 */
export async function decryptKey(
  record: string,
  kid: string,
  kek: KeyEncryptionKey,
  where: string,
): Promise<webcrypto.JsonWebKey> {
  try {
    const { plaintext, protectedHeader } = await compactDecrypt(record, kek.bytes, {
      keyManagementAlgorithms: ['A256GCMKW'],
      contentEncryptionAlgorithms: ['A256GCM'],
    });
    if (protectedHeader.typ !== recordType || protectedHeader.kid !== kid) throw new Error('another record');
    const jwk = JSON.parse(new TextDecoder().decode(plaintext)) as webcrypto.JsonWebKey;
    if (thumbprint({ n: jwk.n!, e: jwk.e! }) !== kid) throw new Error('another key');
    return jwk;
  } catch {
    // No cause: what jose or JSON.parse say might quote the plaintext.
    throw keyDamaged(where, `the private key ${kid} in ${where} cannot be decrypted: it was changed or exchanged`);
  }
}

/** The error for keys that are there and cannot be used. */
export function keyDamaged(where: string, what: string): AppError {
  return new AppError('key_damaged', {
    what,
    where,
    mend: 'restore the file from a backup; without one, move it away, run "hallpass keys init" and export again',
  });
}
