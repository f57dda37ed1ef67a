import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CliContext } from '../context.ts';
import { finding, type Finding } from './finding.ts';

const run = promisify(execFile);

/** Whether bubblewrap works here, which `mask` needs. */
export async function checkIsolation({ settings }: CliContext): Promise<readonly Finding[]> {
  try {
    const args = ['--unshare-user', '--unshare-pid', '--ro-bind', '/', '/', '--proc', '/proc', 'true'];
    await run('bwrap', args, { env: { PATH: settings.parentEnvironment['PATH'] ?? '' }, timeout: 10_000 });
    return [
      finding('isolation', 'ok', 'mask: a command cannot read the data directory, keys or the environment of others'),
    ];
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return [
      finding(
        'isolation',
        'note',
        missing
          ? "bubblewrap (bwrap) is not there: a command runs as you and can read what you can, Hallpass' keys included"
          : "bubblewrap (bwrap) does not work here: a command runs as you and can read what you can, Hallpass' keys included",
        missing
          ? 'install bubblewrap'
          : 'allow user namespaces for it (see your distribution), or try: bwrap --unshare-pid --ro-bind / / true',
      ),
    ];
  }
}
