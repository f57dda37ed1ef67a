import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import {
  addKeyEncryptionKey,
  ensureKeyEncryptionKey,
  forgetEarlierKeys,
  readKeyEncryptionKeys,
} from './key-encryption-key.ts';

function place() {
  const directory = temporaryDirectory('kek');
  mkdirSync(join(directory, 'data'), { mode: 0o700 });
  return { file: join(directory, 'config', 'kek'), dataDirectory: join(directory, 'data') };
}

describe('ensureKeyEncryptionKey', () => {
  it('makes 32 random bytes as base64url, for the owner only', async () => {
    const at = place();
    const key = await ensureKeyEncryptionKey(at);
    expect(key.bytes).toHaveLength(32);
    expect(readFileSync(at.file, 'utf8')).toBe(`${Buffer.from(key.bytes).toString('base64url')}\n`);
    expect(statSync(at.file).mode & 0o777).toBe(0o600);
    expect(statSync(join(at.file, '..')).mode & 0o777).toBe(0o700);
  });

  it('lies in a directory that others may enter, if that was there before', async () => {
    const at = place();
    mkdirSync(join(at.file, '..'), { mode: 0o755 });
    await expect(ensureKeyEncryptionKey(at)).resolves.toHaveProperty('id');
  });

  it('gives one key to all who ask at once', async () => {
    const at = place();
    const keys = await Promise.all(Array.from({ length: 8 }, () => ensureKeyEncryptionKey(at)));
    expect(new Set(keys.map((key) => key.id)).size).toBe(1);
  });
});

describe('readKeyEncryptionKeys', () => {
  it('gives nothing where there is no file', async () => {
    expect(await readKeyEncryptionKeys(place())).toEqual([]);
  });

  it.each(['', 'x', `${'A'.repeat(42)}\n`, `${'A'.repeat(44)}\n`, `${'A'.repeat(43)}\n\nx\n`, `${'+'.repeat(43)}\n`])(
    'refuses a damaged file: %j',
    async (text) => {
      const at = place();
      await ensureKeyEncryptionKey(at);
      writeFileSync(at.file, text);
      await expect(readKeyEncryptionKeys(at)).rejects.toMatchObject({ code: 'key_encryption_key_invalid' });
    },
  );

  it('refuses a file that others can read, with the command that mends it', async () => {
    const at = place();
    await ensureKeyEncryptionKey(at);
    chmodSync(at.file, 0o640);
    await expect(readKeyEncryptionKeys(at)).rejects.toMatchObject({
      code: 'data_directory_insecure',
      problem: { mend: `chmod 600 ${at.file}` },
    });
  });

  it.each(['kek', 'deep/er/kek', '.'])('refuses a key in the data directory: %s', async (name) => {
    const at = place();
    const inside = { ...at, file: join(at.dataDirectory, name) };
    await expect(ensureKeyEncryptionKey(inside)).rejects.toMatchObject({
      code: 'key_encryption_key_invalid',
      problem: { mend: expect.stringContaining('HALLPASS_KEK_FILE') },
    });
  });

  it('refuses a key that only a link hides in the data directory', async () => {
    const at = place();
    symlinkSync(at.dataDirectory, join(at.dataDirectory, '..', 'elsewhere'));
    const file = join(at.dataDirectory, '..', 'elsewhere', 'kek');
    await expect(readKeyEncryptionKeys({ ...at, file })).rejects.toMatchObject({ code: 'key_encryption_key_invalid' });
  });

  it('takes a directory whose name only begins like the data directory', async () => {
    const at = place();
    await expect(ensureKeyEncryptionKey({ ...at, file: `${at.dataDirectory}-kek/kek` })).resolves.toBeDefined();
  });
});

describe('addKeyEncryptionKey', () => {
  it('puts the new key first and keeps the earlier ones, until they are forgotten', async () => {
    const at = place();
    const first = await ensureKeyEncryptionKey(at);
    const second = await addKeyEncryptionKey(at);
    expect((await readKeyEncryptionKeys(at)).map((key) => key.id)).toEqual([second.id, first.id]);
    await forgetEarlierKeys(at);
    expect((await readKeyEncryptionKeys(at)).map((key) => key.id)).toEqual([second.id]);
    expect(statSync(at.file).mode & 0o777).toBe(0o600);
  });
});
