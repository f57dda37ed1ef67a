import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { setUpParagraphs } from '../../src/cli/init/set-up-page.ts';
import { laterPlatforms } from '../../src/platforms/known-variables.ts';
import { manualVariables } from '../../src/platforms/manual.ts';
import { referencePages } from '../../src/platforms/reference-page.ts';
import { platforms } from '../../src/platforms/registry.ts';
import { baseNames } from '../../src/platforms/variables.ts';

const directory = join(import.meta.dirname, '../../docs/platforms');
const pages = await referencePages(setUpParagraphs());

describe('docs/platforms', () => {
  it.each([...pages])('%s is what the tables say (else run npm run docs)', (name, text) => {
    expect(readFileSync(join(directory, name), 'utf8')).toBe(text);
  });

  it('holds no page that nobody makes', () => {
    expect(readdirSync(directory).sort()).toEqual([...pages.keys()].sort());
  });

  it('names every variable of every table', () => {
    const text = [...pages.values()].join('\n');
    const names = [...platforms, manualVariables, ...laterPlatforms].flatMap((table) =>
      baseNames(table)
        .filter((row) => !row.isSharedDefault)
        .map((row) => row.base),
    );
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
