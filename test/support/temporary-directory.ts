import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * A new directory (mode 0700) under the system's temporary directory, without symbolic links in its path. Inside a test
 * it is removed when the test ends; elsewhere when the process ends.
 *
 * @param whenFinished a concurrent test's own `onTestFinished`: the global one would take another test for it
 */
export function temporaryDirectory(
  purpose = 'test',
  whenFinished: (remove: () => void) => void = onTestFinished,
): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), `hallpass-test-${purpose}-`)));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    whenFinished(remove);
  } catch {
    process.once('exit', remove);
  }
  return directory;
}
