import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setUpParagraphs } from '../src/cli/init/set-up-page.ts';
import { referencePages } from '../src/platforms/reference-page.ts';
import { settingsReferencePages } from '../src/settings/reference-pages.ts';

// Writes the reference pages that are drawn from tables in the code. With --check nothing is written: a page that differs
// is named, and the exit code is 1.
const isCheck = process.argv.includes('--check');
const pages = [
  ['docs/platforms', await referencePages(setUpParagraphs())],
  ['docs/reference', settingsReferencePages()],
] as const;

for (const [folder, texts] of pages) {
  const directory = join(import.meta.dirname, '..', folder);
  await mkdir(directory, { recursive: true });
  for (const [name, text] of texts) {
    const file = join(directory, name);
    if (!isCheck) {
      await writeFile(file, text);
      console.log(`${folder}/${name}`);
    } else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
      console.log(`${folder}/${name} differs: npm run docs`);
      process.exitCode = 1;
    }
  }
}
