import type { webcrypto } from 'node:crypto';
import { statSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import { errnoOf } from '../../files/file-failure.ts';
import { withLock } from '../../files/lock.ts';
import { openPrivateDirectory, openPrivateFile, writePrivateFile } from '../../files/private-file.ts';
import {
  addKeyEncryptionKey,
  ensureKeyEncryptionKey,
  forgetEarlierKeys,
  readKeyEncryptionKeys,
  type KeyEncryptionKey,
  type KeyEncryptionKeyPlace,
} from '../key-encryption-key.ts';
import type { KeyRing } from '../key-ring.ts';
import { generateKey, importSigningKey, type NewKey } from '../signer.ts';
import { decryptKey, encryptKey, keyDamaged, namedKek } from './encrypted-key.ts';
import type { KeyStore, StoredRing } from './key-store.ts';
import { readRingFile, writeRingFile, type RingFile } from './ring-file.ts';

const what = 'the key ring';

/** Where the file store keeps its things. */
export interface FileKeyStoreOptions {
  readonly dataDirectory: string;
  readonly keyEncryptionKeyFile: string;
}

/** A {@link KeyStore} whose key-encryption key can be changed. */
export interface FileKeyStore extends KeyStore {
  readonly path: string;
  /** Encrypts all private keys anew; see {@link rewrap}. */
  rewrap(options: { forgetEarlier: boolean; beforeWrite: () => Promise<void> }): Promise<void>;
}

/** A ring file as read, with what tells it from every other version of it. */
interface Version {
  readonly signature: string;
  readonly file: RingFile;
  readonly stored: StoredRing;
}

/**
 * Keeps the ring in `DATA/keys.json`: one file, replaced as a whole under `DATA/keys.lock`. Private keys are encrypted by
 * the key-encryption key, which lies elsewhere; public keys and states are plain, so that documents need no secret.
 */
export async function fileKeyStore(options: FileKeyStoreOptions): Promise<FileKeyStore> {
  const { dataDirectory } = options;
  await openPrivateDirectory(dataDirectory, 'the data directory');
  const path = join(dataDirectory, 'keys.json');
  const place: KeyEncryptionKeyPlace = { file: options.keyEncryptionKeyFile, dataDirectory };
  const signingKeys = new Map<string, Promise<webcrypto.CryptoKey | null>>();
  let current: Version | null = null;

  const load = async (): Promise<Version | null> => {
    const signature = signatureAt(path);
    if (signature === null) return (current = null);
    if (current?.signature !== signature) current = await readVersion(path);
    return current;
  };
  const save = async (file: RingFile): Promise<StoredRing> => {
    await writePrivateFile(path, writeRingFile(file));
    for (const kid of signingKeys.keys()) if (!file.records.has(kid)) signingKeys.delete(kid);
    return (await load())!.stored;
  };
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => withLock(join(dataDirectory, 'keys.lock'), work);

  const decrypted = async (kid: string): Promise<webcrypto.CryptoKey | null> => {
    const record = (await load())?.file.records.get(kid);
    if (record === undefined) return null;
    return importSigningKey(await decryptKey(record, kid, await kekOf(record, place, path), path));
  };

  return {
    path,
    read: async () => (await load())?.stored ?? null,
    change: (step) =>
      exclusively(async () => {
        const before = await load();
        const made = new Map<string, NewKey>();
        const { ring, beforeWrite } = await step(before?.stored.ring ?? null, async () => {
          const key = await generateKey();
          made.set(key.publicJwk.kid, key);
          return key.publicJwk.kid;
        });
        if (before !== null && ring === before.stored.ring) return before.stored;
        const file = await nextFile(ring, before?.file, made, { place, path });
        await beforeWrite?.();
        return save(file);
      }),
    signingKey: (kid) => {
      const key = signingKeys.get(kid) ?? decrypted(kid);
      signingKeys.set(kid, key);
      // A failure must not be kept: the user may have put the right key in place.
      key.then(
        (found) => found ?? signingKeys.delete(kid),
        () => signingKeys.delete(kid),
      );
      return key;
    },
    rewrap: ({ forgetEarlier, beforeWrite }) =>
      exclusively(async () => {
        const version = await load();
        if (version === null) throw keyMissing(dataDirectory);
        await rewrap(version.file, place, path, async (file) => {
          await beforeWrite();
          await save(file);
        });
        if (forgetEarlier) await forgetEarlierKeys(place);
      }),
  };
}

/** The error where no keys were made. */
export function keyMissing(dataDirectory: string, issuer?: string): AppError {
  return new AppError('key_missing', {
    what: `there are no signing keys in ${dataDirectory}`,
    where: dataDirectory,
    mend: `make them: hallpass keys init --issuer ${issuer ?? 'URL'}`,
  });
}

/**
 * Encrypts every private key by a new key-encryption key. Between any two writes the ring can be read: the new key is
 * added before anything is encrypted by it, and the earlier one stays in its file.
 */
async function rewrap(
  file: RingFile,
  place: KeyEncryptionKeyPlace,
  path: string,
  save: (file: RingFile) => Promise<void>,
): Promise<void> {
  const opened = await Promise.all(
    [...file.records].map(
      async ([kid, record]) => [kid, await decryptKey(record, kid, await kekOf(record, place, path), path)] as const,
    ),
  );
  const kek = await addKeyEncryptionKey(place);
  const records = await Promise.all(opened.map(async ([kid, jwk]) => [kid, await encryptKey(jwk, kid, kek)] as const));
  await save({ ...file, records: new Map(records) });
}

/** Finds the key-encryption key that a record was encrypted by. */
async function kekOf(record: string, place: KeyEncryptionKeyPlace, path: string): Promise<KeyEncryptionKey> {
  const name = namedKek(record);
  if (name === null) throw keyDamaged(path, `a private key in ${path} is damaged: it is not an encrypted key`);
  const keys = await readKeyEncryptionKeys(place);
  const found = keys.find((key) => key.id === name);
  if (found !== undefined) return found;
  throw new AppError('key_encryption_key_invalid', {
    what:
      keys.length === 0
        ? `the key-encryption key ${place.file} is missing`
        : `the key-encryption key ${place.file} is not the one that encrypts ${path}`,
    where: place.file,
    mend: 'put the right one there, or name it with HALLPASS_KEK_FILE; if it is lost, "hallpass keys compromise --all" makes new keys',
  });
}

/** The file for a ring after a step: what stays is taken over as it is, what is new is encrypted, what retired loses its private half. */
async function nextFile(
  ring: KeyRing,
  before: RingFile | undefined,
  made: ReadonlyMap<string, NewKey>,
  { place, path }: { place: KeyEncryptionKeyPlace; path: string },
): Promise<RingFile> {
  const signing = ring.keys.filter((key) => key.state !== 'retired').map((key) => key.kid);
  const records = new Map([...(before?.records ?? [])].filter(([kid]) => signing.includes(kid)));
  const fresh = signing.flatMap((kid) => made.get(kid) ?? []);
  if (fresh.length > 0) {
    // A lost or wrong key-encryption key must not be joined by a new one while keys remain that need it.
    for (const record of records.values()) await kekOf(record, place, path);
    const kek = await ensureKeyEncryptionKey(place);
    for (const { publicJwk, privateJwk } of fresh)
      records.set(publicJwk.kid, await encryptKey(privateJwk, publicJwk.kid, kek));
  }
  const publicJwks = ring.keys.map(
    ({ kid }) => [kid, (made.get(kid)?.publicJwk ?? before?.publicJwks.get(kid))!] as const,
  );
  return { ring, publicJwks: new Map(publicJwks), records };
}

async function readVersion(path: string): Promise<Version> {
  await using handle = await openPrivateFile(path, what);
  // Signature and contents come from one descriptor, so they belong together whatever is renamed meanwhile.
  const signature = signatureOf(await handle.stat({ bigint: true }));
  const file = readRingFile(await handle.readFile('utf8'), path);
  return { signature, file, stored: { ring: file.ring, publicJwks: file.publicJwks } };
}

/** Asked before every mint, hence synchronous: a trip through the thread pool would wait behind signatures. */
function signatureAt(path: string): string | null {
  try {
    return signatureOf(statSync(path, { bigint: true }));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function signatureOf(stats: BigIntStats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}
