import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCertificateAuthority } from './certificates.ts';
import { writeTrustFiles } from './trust-files.ts';

const { pem } = await openCertificateAuthority({ hosts: [], at: new Date() });
const certificatesIn = async (file: string): Promise<number> =>
  (await readFile(file, 'utf8')).split('BEGIN').length - 1;

describe('the files that clients trust', () => {
  it('are the certificate alone, and the same with what the machine trusts', async () => {
    await using files = await writeTrustFiles(pem, true);
    expect(await readFile(files.caFile, 'utf8')).toBe(pem);
    expect(await certificatesIn(files.bundleFile)).toBeGreaterThan(10);
    expect(await readFile(files.bundleFile, 'utf8')).toContain(pem);
    expect(await readFile(files.bundleFile, 'utf8')).not.toContain('PRIVATE');
  });

  it('are the certificate alone in both, where nobody else shall be trusted', async () => {
    await using files = await writeTrustFiles(pem, false);
    expect(files.bundleFile).toBe(files.caFile);
    expect(await certificatesIn(files.bundleFile)).toBe(1);
  });

  it('lie in a private directory, which goes with them', async () => {
    const files = await writeTrustFiles(pem, true);
    const directory = dirname(files.caFile);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    await files[Symbol.asyncDispose]();
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
