import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * The first line of what `PROGRAM version` says, such as `Terraform v1.11.4`; null when it does not tell.
 *
 * @param environment of the caller: a wrapper around the program may need it
 */
export async function programVersion(
  file: string,
  environment: Readonly<Record<string, string>>,
): Promise<string | null> {
  try {
    const { stdout } = await run(file, ['version'], {
      env: { ...environment, CHECKPOINT_DISABLE: '1' },
      timeout: 10_000,
      // Not in a configuration, whose providers it would list.
      cwd: dirname(file),
    });
    return stdout.split('\n')[0]?.trim() || null;
  } catch {
    return null;
  }
}
