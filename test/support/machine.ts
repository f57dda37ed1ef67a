import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hallpass } from './hallpass.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A person's machine: home, data directory and an empty working directory. */
export function machine() {
  const root = temporaryDirectory('init');
  const work = join(root, 'work');
  for (const directory of ['home', 'work', 'config']) mkdirSync(join(root, directory), { mode: 0o700 });
  const env = {
    HOME: join(root, 'home'),
    HALLPASS_DATA_DIR: join(root, 'data'),
    HALLPASS_KEK_FILE: join(root, 'config/kek'),
  };
  const call = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    hallpass(args, { cwd: work, env: { ...env, ...more } });
  return { root, work, env, call };
}

export type Machine = ReturnType<typeof machine>;
