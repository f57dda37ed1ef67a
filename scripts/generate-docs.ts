import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { referencePages } from '../src/platforms/reference-page.ts';

// Writes the reference pages that are drawn from tables in the code; a test fails while they differ.
const directory = join(import.meta.dirname, '../docs/platforms');
await mkdir(directory, { recursive: true });
for (const [name, text] of referencePages()) {
  await writeFile(join(directory, name), text);
  console.log(`docs/platforms/${name}`);
}
