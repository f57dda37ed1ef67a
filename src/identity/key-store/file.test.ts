import { chmodSync, existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { issuerPlace } from '../../../test/support/identity.ts';
import { temporaryDirectory } from '../../../test/support/temporary-directory.ts';
import { readKeyEncryptionKeys } from '../key-encryption-key.ts';
import { compromise, createRing, rotate, type KeyRing } from '../key-ring.ts';
import { fileKeyStore } from './file.ts';

const start = 1_760_000_000;

async function filledStore(directory = temporaryDirectory('keys')) {
  const place = issuerPlace(directory);
  const store = await fileKeyStore(place);
  const stored = await store.change(async (_ring, makeKey) => {
    const fresh = [await makeKey(), await makeKey()] as const;
    return createRing({ issuer: 'http://127.0.0.1:1', publishing: 'creation' }, fresh, start);
  });
  const [active, next] = stored.ring.keys.map((key) => key.kid) as [string, string];
  return { place, store, stored, active, next };
}

/** Changes the file behind the store's back. */
function edit(path: string, change: (file: any) => void): void {
  const file: unknown = JSON.parse(readFileSync(path, 'utf8'));
  change(file);
  writeFileSync(path, JSON.stringify(file));
}

describe('fileKeyStore', () => {
  it('has no ring where none was made', async () => {
    const store = await fileKeyStore(issuerPlace(temporaryDirectory('keys')));
    expect(await store.read()).toBeNull();
  });

  it('keeps a ring for another process to read, and keys that sign', async () => {
    const { place, stored, active } = await filledStore();
    const other = await fileKeyStore(place);
    expect(await other.read()).toEqual(stored);
    const key = await other.signingKey(active);
    expect(key?.usages).toEqual(['sign']);
    expect(await other.signingKey(active)).toBe(key);
  });

  it('keeps private keys encrypted, with record type and kid authenticated, in a file of the owner only', async () => {
    const { store, active } = await filledStore();
    const text = readFileSync(store.path, 'utf8');
    expect(statSync(store.path).mode & 0o777).toBe(0o600);
    expect(text).not.toMatch(/"(?:d|p|q|dp|dq|qi)":/);
    const { keys } = JSON.parse(text) as { keys: { private: string }[] };
    expect(decodeProtectedHeader(keys[0]!.private)).toMatchObject({
      alg: 'A256GCMKW',
      enc: 'A256GCM',
      typ: 'hallpass-signing-key+jwe',
      kid: active,
    });
  });

  it('has the key-encryption key nowhere in the data directory', async () => {
    const { place, store } = await filledStore();
    const kek = readFileSync(place.keyEncryptionKeyFile, 'utf8').trim();
    expect(readFileSync(store.path, 'utf8')).not.toContain(kek);
    expect(existsSync(join(place.dataDirectory, 'kek'))).toBe(false);
  });

  it('sees what another process has changed, and gives the same object while nothing did', async () => {
    const { place, store } = await filledStore();
    const other = await fileKeyStore(place);
    expect(await store.read()).toBe(await store.read());
    await other.change(async (ring, makeKey) => rotate(ring!, await makeKey(), start + 1000));
    expect((await store.read())!.ring.keys.map((key) => key.state)).toEqual(['retired', 'active', 'next']);
  });

  it('writes nothing when a step changes nothing', async () => {
    const { store } = await filledStore();
    const before = statSync(store.path, { bigint: true });
    await store.change(async (ring) => ({ ring: ring! }));
    expect(statSync(store.path, { bigint: true }).ctimeNs).toBe(before.ctimeNs);
  });

  it('writes nothing when a step fails', async () => {
    const { store, stored } = await filledStore();
    await expect(store.change(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect((await store.read())!.ring).toEqual(stored.ring);
  });

  it('writes nothing when what comes before the write fails', async () => {
    const { store, stored } = await filledStore();
    const change = store.change(async (ring, makeKey) => ({
      ...rotate(ring!, await makeKey(), start + 1000),
      beforeWrite: () => Promise.reject(new Error('the audit is full')),
    }));
    await expect(change).rejects.toThrow('the audit is full');
    expect((await store.read())!.ring).toEqual(stored.ring);
  });

  it('lets several change the ring at once, one after the other', async () => {
    const { place, stored } = await filledStore();
    const stores = await Promise.all([1, 2, 3, 4].map(() => fileKeyStore(place)));
    await Promise.all(
      stores.map((store) =>
        store.change(async (ring) => ({
          ring: { ...ring!, formerKids: [...ring!.formerKids, `k${ring!.formerKids.length}`] },
        })),
      ),
    );
    expect((await stores[0]!.read())!.ring).toEqual({ ...stored.ring, formerKids: ['k0', 'k1', 'k2', 'k3'] });
  });

  it('throws the private half of a retired key away', async () => {
    const { store, active } = await filledStore();
    await store.change(async (ring, makeKey) => rotate(ring!, await makeKey(), start + 1000));
    const { keys } = JSON.parse(readFileSync(store.path, 'utf8')) as {
      keys: { kid: string; private: string | null }[];
    };
    expect(keys.find((key) => key.kid === active)!.private).toBeNull();
  });
});

describe('a damaged key file', () => {
  it.each<[string, (file: any) => void]>([
    ['an unknown version', (file) => (file.version = 2)],
    ['no keys', (file) => (file.keys = [])],
    ['two active keys', (file) => (file.keys[1].state = 'active')],
    ['a key twice', (file) => (file.keys[1] = { ...file.keys[0], state: 'next' })],
    ['an unknown state', (file) => (file.keys[0].state = 'new')],
    ['a time that is none', (file) => (file.clock = 'soon')],
    ['another public key under the kid', (file) => (file.keys[0].public = file.keys[1].public)],
    ['a changed public key', (file) => (file.keys[0].public.e = 'Aw')],
    ['a missing private key', (file) => (file.keys[0].private = null)],
    ['an issuer that is none', (file) => (file.issuer = 'http://example.com')],
    ['a list instead of an object', (file) => (file.keys = {})],
  ])('is refused when it has %s', async (_what, change) => {
    const { place, store } = await filledStore();
    edit(store.path, change);
    const fresh = await fileKeyStore(place);
    await expect(fresh.read()).rejects.toMatchObject({
      code: 'key_damaged',
      problem: { what: expect.stringContaining(store.path), mend: expect.stringContaining('backup') },
    });
  });

  it.each(['', '{', 'null', '[]'])('is refused when it holds %j', async (text) => {
    const { place, store } = await filledStore();
    writeFileSync(store.path, text);
    await expect((await fileKeyStore(place)).read()).rejects.toMatchObject({ code: 'key_damaged' });
  });

  it('is refused when it was cut', async () => {
    const { place, store } = await filledStore();
    writeFileSync(store.path, readFileSync(store.path, 'utf8').slice(0, -40));
    await expect((await fileKeyStore(place)).read()).rejects.toMatchObject({
      code: 'key_damaged',
      problem: { what: expect.stringContaining('not whole JSON') },
    });
  });

  it('is refused when another encrypted record stands in a key’s place', async () => {
    const { place, store, active } = await filledStore();
    edit(store.path, (file) => (file.keys[0].private = file.keys[1].private));
    const fresh = await fileKeyStore(place);
    await expect(fresh.signingKey(active)).rejects.toMatchObject({ code: 'key_damaged' });
  });

  it('is refused when the header of a record says another kid', async () => {
    const { place, store, active } = await filledStore();
    edit(store.path, (file) => {
      const [header, ...rest] = file.keys[1].private.split('.');
      const changed = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), kid: active };
      file.keys[0].private = [Buffer.from(JSON.stringify(changed)).toString('base64url'), ...rest].join('.');
    });
    await expect((await fileKeyStore(place)).signingKey(active)).rejects.toMatchObject({ code: 'key_damaged' });
  });

  it.each([1, 2, 3, 4])('is refused when one character of part %d of a record was changed', async (part) => {
    const { place, store, active } = await filledStore();
    edit(store.path, (file) => {
      const parts = file.keys[0].private.split('.');
      parts[part] = (parts[part].startsWith('A') ? 'B' : 'A') + parts[part].slice(1);
      file.keys[0].private = parts.join('.');
    });
    await expect((await fileKeyStore(place)).signingKey(active)).rejects.toMatchObject({ code: 'key_damaged' });
  });

  it('is refused when others can read it, with the command that mends it', async () => {
    const { place, store } = await filledStore();
    chmodSync(store.path, 0o644);
    await expect((await fileKeyStore(place)).read()).rejects.toMatchObject({
      code: 'data_directory_insecure',
      problem: { mend: `chmod 600 ${store.path}` },
    });
  });

  it('is refused when it is a link', async () => {
    const { place, store } = await filledStore();
    const moved = join(place.dataDirectory, 'moved.json');
    writeFileSync(moved, readFileSync(store.path), { mode: 0o600 });
    rmSync(store.path);
    symlinkSync(moved, store.path);
    await expect((await fileKeyStore(place)).read()).rejects.toMatchObject({ code: 'data_directory_insecure' });
  });

  it('is refused with a data directory that others can enter', async () => {
    const { place } = await filledStore();
    chmodSync(place.dataDirectory, 0o755);
    await expect(fileKeyStore(place)).rejects.toMatchObject({
      code: 'data_directory_insecure',
      problem: { mend: `chmod 700 ${place.dataDirectory}` },
    });
  });
});

describe('the key-encryption key', () => {
  it('is named when it is missing, and when it is the wrong one', async () => {
    const { place, active } = await filledStore();
    rmSync(place.keyEncryptionKeyFile);
    await expect((await fileKeyStore(place)).signingKey(active)).rejects.toMatchObject({
      code: 'key_encryption_key_invalid',
      problem: { what: `the key-encryption key ${place.keyEncryptionKeyFile} is missing` },
    });
    writeFileSync(place.keyEncryptionKeyFile, `${'A'.repeat(43)}\n`, { mode: 0o600 });
    await expect((await fileKeyStore(place)).signingKey(active)).rejects.toMatchObject({
      code: 'key_encryption_key_invalid',
      problem: { what: expect.stringContaining('is not the one') },
    });
  });

  it('may be put right while the process runs', async () => {
    const { place, active } = await filledStore();
    const kek = readFileSync(place.keyEncryptionKeyFile);
    const store = await fileKeyStore(place);
    rmSync(place.keyEncryptionKeyFile);
    await expect(store.signingKey(active)).rejects.toMatchObject({ code: 'key_encryption_key_invalid' });
    writeFileSync(place.keyEncryptionKeyFile, kek, { mode: 0o600 });
    await expect(store.signingKey(active)).resolves.toHaveProperty('type', 'private');
  });

  it('once lost, leaves the way of dropping all keys', async () => {
    const { place, store, stored } = await filledStore();
    rmSync(place.keyEncryptionKeyFile);
    const kids = stored.ring.keys.map((key) => key.kid);
    const { ring } = await store.change(async (before, makeKey) =>
      compromise(before!, kids, [await makeKey(), await makeKey()], start),
    );
    await expect((await fileKeyStore(place)).signingKey(ring.keys[0]!.kid)).resolves.toHaveProperty('type', 'private');
  });

  it.each(['lost', 'exchanged'])('is not made anew by a rotation when it was %s', async (how) => {
    const { place, store } = await filledStore();
    const before = readFileSync(store.path, 'utf8');
    rmSync(place.keyEncryptionKeyFile);
    if (how === 'exchanged') writeFileSync(place.keyEncryptionKeyFile, `${'A'.repeat(43)}\n`, { mode: 0o600 });
    let audited = false;
    const rotation = store.change(async (ring, makeKey) => ({
      ring: rotate(ring!, await makeKey(), start + 1000).ring,
      beforeWrite: async () => {
        audited = true;
      },
    }));
    await expect(rotation).rejects.toMatchObject({ code: 'key_encryption_key_invalid' });
    expect(audited).toBe(false);
    expect(existsSync(place.keyEncryptionKeyFile)).toBe(how === 'exchanged');
    expect(readFileSync(store.path, 'utf8')).toBe(before);
  });

  it('serves two data directories', async () => {
    const directory = temporaryDirectory('keys');
    const first = await filledStore(directory);
    const place = { ...first.place, dataDirectory: `${directory}/other` };
    const other = await fileKeyStore(place);
    await other.change(async (_ring, makeKey) => ({ ring: madeRing(await makeKey(), await makeKey()) }));
    await first.store.rewrap({ forgetEarlier: false, beforeWrite: async () => undefined });
    const { ring } = (await other.read())!;
    await expect((await fileKeyStore(place)).signingKey(ring.keys[0]!.kid)).resolves.toHaveProperty('type', 'private');
  });
});

describe('rewrap', () => {
  it('encrypts every key anew, so that the earlier key-encryption key opens nothing', async () => {
    const { place, store, active, next } = await filledStore();
    const [earlier] = await readKeyEncryptionKeys({ ...place, file: place.keyEncryptionKeyFile });
    const before = readFileSync(store.path, 'utf8');
    await store.rewrap({ forgetEarlier: true, beforeWrite: async () => undefined });
    const after = readFileSync(store.path, 'utf8');
    for (const { private: record } of (JSON.parse(after) as { keys: { private: string }[] }).keys) {
      expect(before).not.toContain(record);
      expect(decodeProtectedHeader(record)['kek']).not.toBe(earlier!.id);
    }
    const fresh = await fileKeyStore(place);
    await expect(Promise.all([fresh.signingKey(active), fresh.signingKey(next)])).resolves.toHaveLength(2);
  });

  it('leaves a ring that can be read when it ends between its writes', async () => {
    const { place, store, active } = await filledStore();
    const killed = store.rewrap({ forgetEarlier: true, beforeWrite: () => Promise.reject(new Error('killed')) });
    await expect(killed).rejects.toThrow('killed');
    await expect((await fileKeyStore(place)).signingKey(active)).resolves.toHaveProperty('type', 'private');
    await store.rewrap({ forgetEarlier: true, beforeWrite: async () => undefined });
    await expect((await fileKeyStore(place)).signingKey(active)).resolves.toHaveProperty('type', 'private');
  });

  it('forgets nothing when the present key cannot be opened', async () => {
    const { place, store } = await filledStore();
    const kek = readFileSync(place.keyEncryptionKeyFile, 'utf8');
    edit(store.path, (file) => (file.keys[0].private = file.keys[1].private));
    await expect(store.rewrap({ forgetEarlier: true, beforeWrite: async () => undefined })).rejects.toMatchObject({
      code: 'key_damaged',
    });
    expect(readFileSync(place.keyEncryptionKeyFile, 'utf8')).toBe(kek);
  });
});

function madeRing(active: string, next: string): KeyRing {
  return createRing({ issuer: 'http://127.0.0.1:2', publishing: 'creation' }, [active, next], start).ring;
}
