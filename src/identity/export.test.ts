import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { issuerDocuments, keySetText } from './discovery.ts';
import { exportDocuments } from './export.ts';
import type { PublicJwk } from './jwk.ts';
import { generateKey } from './signer.ts';
import { withdrawKey } from './withdraw.ts';

const issuer = 'https://id.example.com';
let ours: PublicJwk[];
let foreign: PublicJwk;

beforeAll(async () => {
  const made = await Promise.all([generateKey(), generateKey(), generateKey()]);
  const [a, b, c] = made.map((key) => key.publicJwk);
  ours = [a!, b!];
  foreign = c!;
});

const options = (change: object = {}) => ({
  issuer,
  documents: issuerDocuments(issuer, ours),
  ownKids: new Set(ours.map((key) => key.kid)),
  merge: false,
  ...change,
});

const published = (directory: string, name = 'jwks'): string[] => {
  const text = readFileSync(join(directory, '.well-known', name), 'utf8');
  return (JSON.parse(text) as { keys: { kid: string }[] }).keys.map((key) => key.kid);
};

function plant(directory: string, files: Record<string, string>): void {
  mkdirSync(join(directory, '.well-known'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, '.well-known', name), text);
}

describe('exportDocuments', () => {
  it('writes exactly three files that everybody can read, whatever the umask', async () => {
    const directory = join(temporaryDirectory('export'), 'new');
    const before = process.umask(0o077);
    const { files } = await exportDocuments(directory, options()).finally(() => process.umask(before));
    const folder = join(directory, '.well-known');
    expect(readdirSync(folder).toSorted()).toEqual(['jwks', 'jwks.json', 'openid-configuration']);
    expect(readdirSync(directory)).toEqual(['.well-known']);
    for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o644);
    expect(published(directory)).toEqual(ours.map((key) => key.kid));
    expect(published(directory, 'jwks.json')).toEqual(published(directory));
  });

  it('may be repeated, and takes out keys that were ours', async () => {
    const directory = temporaryDirectory('export');
    plant(directory, { jwks: keySetText({ keys: [...ours, foreign] }) });
    const ownKids = new Set([...ours, foreign].map((key) => key.kid));
    const { keptKids } = await exportDocuments(directory, options({ ownKids }));
    expect(keptKids).toEqual([]);
    expect(published(directory)).not.toContain(foreign.kid);
  });

  it.each(['jwks', 'jwks.json'])(
    'refuses a directory with keys that are not ours in %s, and changes nothing',
    async (name) => {
      const directory = temporaryDirectory('export');
      plant(directory, { [name]: keySetText({ keys: [foreign] }) });
      await expect(exportDocuments(directory, options())).rejects.toMatchObject({
        code: 'directory_invalid',
        problem: { what: expect.stringContaining(foreign.kid), mend: expect.stringContaining('--merge') },
      });
      expect(readdirSync(join(directory, '.well-known'))).toEqual([name]);
    },
  );

  it('keeps them beside ours with merge', async () => {
    const directory = temporaryDirectory('export');
    plant(directory, { jwks: keySetText({ keys: [foreign] }) });
    const { keptKids } = await exportDocuments(directory, options({ merge: true }));
    expect(keptKids).toEqual([foreign.kid]);
    expect(published(directory)).toEqual([...ours.map((key) => key.kid), foreign.kid]);
  });

  it('keeps no key that was published with private members', async () => {
    const directory = temporaryDirectory('export');
    plant(directory, { jwks: JSON.stringify({ keys: [{ ...foreign, d: 'secret' }] }) });
    await expect(exportDocuments(directory, options({ merge: true }))).rejects.toMatchObject({
      problem: { what: expect.stringContaining('private members') },
    });
  });

  it('refuses the documents of another issuer, even with merge', async () => {
    const directory = temporaryDirectory('export');
    const other = 'https://other.example.com';
    plant(directory, { 'openid-configuration': issuerDocuments(other, [foreign]).configuration });
    for (const merge of [false, true]) {
      await expect(exportDocuments(directory, options({ merge }))).rejects.toMatchObject({
        problem: { what: expect.stringContaining(other) },
      });
    }
  });

  it.each<Record<string, string>>([
    { jwks: 'not json' },
    { jwks: '{}' },
    { 'openid-configuration': '{}' },
    { 'openid-configuration': 'null' },
    { jwks: '{"keys":[],"keys":[]}' },
  ])('refuses a directory with something else in it: %j', async (files) => {
    const directory = temporaryDirectory('export');
    plant(directory, files);
    await expect(exportDocuments(directory, options())).rejects.toMatchObject({ code: 'directory_invalid' });
  });
});

describe('withdrawKey', () => {
  it('takes a key out of both names of the set and leaves the discovery document', async () => {
    const directory = temporaryDirectory('withdraw');
    await exportDocuments(directory, options());
    const { remainingKids } = await withdrawKey(ours[0]!.kid, directory);
    expect(remainingKids).toEqual([ours[1]!.kid]);
    for (const name of ['jwks', 'jwks.json']) expect(published(directory, name)).toEqual([ours[1]!.kid]);
    expect(readdirSync(join(directory, '.well-known'))).toContain('openid-configuration');
  });

  it('never leaves an empty set', async () => {
    const directory = temporaryDirectory('withdraw');
    plant(directory, { jwks: keySetText({ keys: [foreign] }) });
    await expect(withdrawKey(foreign.kid, directory)).rejects.toMatchObject({
      code: 'directory_invalid',
      problem: { what: expect.stringContaining('is the only key') },
    });
    expect(published(directory)).toEqual([foreign.kid]);
  });

  it('names the keys that are there when it is another one', async () => {
    const directory = temporaryDirectory('withdraw');
    await exportDocuments(directory, options());
    await expect(withdrawKey('nobody', directory)).rejects.toMatchObject({
      problem: { mend: expect.stringContaining(ours[0]!.kid) },
    });
  });

  it('says when there is nothing published', async () => {
    await expect(withdrawKey('x', temporaryDirectory('withdraw'))).rejects.toMatchObject({ code: 'directory_invalid' });
  });
});
