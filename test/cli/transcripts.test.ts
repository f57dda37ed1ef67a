import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hallpassProgram, run } from '../support/hallpass.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { expectedPattern, parseTranscript } from './transcript.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Each file is one session in one empty directory: what is typed, and what comes out, stream by stream. */
describe.each(readdirSync(here).filter((name) => name.endsWith('.txt')))('test/cli/%s', (name) => {
  it('shows what it says', async () => {
    const directory = temporaryDirectory(basename(name, '.txt'));
    const session = join(directory, 'session');
    const runDirectory = join(directory, 'run');
    for (const made of [session, runDirectory]) mkdirSync(made, { mode: 0o700 });
    const programs = join(hallpassProgram, '..');
    for (const step of parseTranscript(readFileSync(join(here, name), 'utf8'))) {
      const child = await run('sh', ['-c', step.command], {
        cwd: session,
        env: {
          HOME: directory,
          PATH: `${programs}:${process.env['PATH']}`,
          HALLPASS_PROVIDER_MIRROR: 'none',
          HALLPASS_RUN_DIR: runDirectory,
        },
        ...(step.input === null ? {} : { input: step.input }),
      });
      const shown = { command: step.command, stdout: child.stdout, stderr: child.stderr, code: child.code };
      expect(shown).toEqual({
        command: step.command,
        stdout: expectedPattern(step.stdout, child.stdout),
        stderr: expectedPattern(step.stderr, child.stderr),
        code: step.code,
      });
    }
  });
});
