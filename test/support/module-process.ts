import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../src/', import.meta.url));

/** A program of its own, for what only a second process can show: locks, kills, limits. */
export interface ModuleProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** What it has printed so far. */
  readonly output: { stdout: string; stderr: string };
  /** Waits for its end; the code is null when a signal ended it. */
  ended(): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/**
 * Runs TypeScript-free source as a module in a Node process of its own.
 *
 * @param source `SRC/…` in it stands for the absolute path of `src/…`
 * @param shellPrefix runs before Node in the same shell, such as `ulimit -f 8;`
 */
export function startModule(source: string, shellPrefix = ''): ModuleProcess {
  const code = source.replaceAll('SRC/', root);
  const child = spawn('sh', ['-c', `${shellPrefix} exec "$0" --input-type=module -e "$1"`, process.execPath, code], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const closed = once(child, 'close') as Promise<[number | null]>;
  return { child, output, ended: async () => ({ code: (await closed)[0], ...output }) };
}
