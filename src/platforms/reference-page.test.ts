import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { laterPlatforms } from './known-variables.ts';
import { manualVariables } from './manual.ts';
import { referencePages } from './reference-page.ts';
import { platforms } from './registry.ts';
import { baseNames } from './variables.ts';

const directory = join(import.meta.dirname, '../../docs/platforms');

describe('docs/platforms', () => {
  it.each([...referencePages()])('%s is what the tables say (else run npm run docs)', (name, text) => {
    expect(readFileSync(join(directory, name), 'utf8')).toBe(text);
  });

  it('holds no page that nobody makes', () => {
    expect(readdirSync(directory).sort()).toEqual([...referencePages().keys()].sort());
  });

  it('names every variable of every table', () => {
    const text = [...referencePages().values()].join('\n');
    const names = [...platforms, manualVariables, ...laterPlatforms].flatMap((table) =>
      baseNames(table)
        .filter((row) => !row.isSharedDefault)
        .map((row) => row.base),
    );
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
