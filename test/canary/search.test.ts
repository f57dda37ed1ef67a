import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { needles, searchDirectories, searchTexts } from './search.ts';

const secret = 'canary/with+signs=and more';

describe('the search', () => {
  it.each([
    ['plain', `x${secret}y`],
    ['url', encodeURIComponent(secret)],
    ['hex', Buffer.from(secret).toString('hex')],
    ['base64+0', Buffer.from(`${secret}zzz`).toString('base64')],
    ['base64+1', Buffer.from(`z${secret}`).toString('base64')],
    ['base64+2', Buffer.from(`zz${secret}z`).toString('base64')],
  ])('finds a secret in the form %s', (form, text) => {
    expect(searchTexts({ output: text }, needles('it', secret))).toContain(`output: it (${form})`);
  });

  it('finds it in files deep down and in their names, and nowhere else', () => {
    const directory = temporaryDirectory('search');
    mkdirSync(join(directory, 'a/b'), { recursive: true });
    mkdirSync(join(directory, `c-canary-name`));
    writeFileSync(join(directory, 'a/b/file'), Buffer.concat([Buffer.from([0, 255]), Buffer.from(secret)]));
    writeFileSync(join(directory, 'a/clean'), 'nothing');
    const all = [...needles('it', secret), ...needles('name', 'canary-name')];
    expect(searchDirectories([directory], all)).toEqual([
      `${join(directory, 'a/b/file')}: it (plain)`,
      `name of ${join(directory, 'c-canary-name')}: name (plain)`,
      `name of ${join(directory, 'c-canary-name')}: name (url)`,
    ]);
  });
});
