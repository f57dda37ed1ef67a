import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setUpParagraphs } from '../src/cli/init/set-up-page.ts';
import { referencePages } from '../src/platforms/reference-page.ts';
import { settingsReferencePages } from '../src/settings/reference-pages.ts';

// Writes the reference pages that are drawn from tables in the code; a test fails while they differ.
const pages = [
  ['docs/platforms', referencePages(setUpParagraphs())],
  ['docs/reference', settingsReferencePages()],
] as const;

for (const [folder, texts] of pages) {
  const directory = join(import.meta.dirname, '..', folder);
  await mkdir(directory, { recursive: true });
  for (const [name, text] of texts) {
    await writeFile(join(directory, name), text);
    console.log(`${folder}/${name}`);
  }
}
