import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { CliContext } from '../../src/cli/context.ts';
import { runCli } from '../../src/cli/program.ts';
import { readSettings } from '../../src/settings/settings.ts';
import { testClock, type TestClock } from './identity.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export interface CliResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** The command line in this process: a place of its own, a clock that stands still, no network but what a test gives. */
export interface TestCli {
  readonly root: string;
  readonly work: string;
  readonly dataDirectory: string;
  readonly keyEncryptionKeyFile: string;
  readonly clock: TestClock;
  run(args: readonly string[], change?: { input?: string; fetch?: typeof fetch }): Promise<CliResult>;
  /** Runs a command that must succeed, and parses what it prints. */
  json(args: readonly string[]): Promise<any>;
}

export function testCli(environment: Readonly<Record<string, string>> = {}): TestCli {
  const root = temporaryDirectory('cli');
  const work = join(root, 'work');
  mkdirSync(join(work, '.git'), { recursive: true });
  const dataDirectory = join(root, 'data');
  const keyEncryptionKeyFile = join(root, 'config', 'kek');
  const clock = testClock();
  const settings = {
    ...readSettings({
      HOME: root,
      HALLPASS_DATA_DIR: dataDirectory,
      HALLPASS_KEK_FILE: keyEncryptionKeyFile,
      HALLPASS_RUN_DIR: join(root, 'runs'),
      ...environment,
    }),
    workingDirectory: work,
  };

  const run: TestCli['run'] = async (args, { input = '', fetch = noFetch } = {}) => {
    const output = { stdout: '', stderr: '', code: 0 };
    const stream = (name: 'stdout' | 'stderr') =>
      new PassThrough().on('data', (chunk: Buffer) => (output[name] += chunk.toString()));
    const stdin = new PassThrough();
    stdin.end(input);
    const context: CliContext = {
      settings,
      stdin,
      stdout: stream('stdout'),
      stderr: stream('stderr'),
      now: clock.now,
      fetch,
      color: false,
      exit: (code) => {
        output.code = code;
      },
    };
    await runCli(args, context, '0.0.0');
    return output;
  };
  return {
    root,
    work,
    dataDirectory,
    keyEncryptionKeyFile,
    clock,
    run,
    json: async (args) => {
      const { stdout, stderr, code } = await run(args);
      if (code !== 0) throw new Error(`hallpass ${args.join(' ')} ended with ${code}: ${stderr}`);
      return JSON.parse(stdout) as unknown;
    },
  };
}

/** The network of a test that did not ask for one. */
const noFetch: typeof fetch = () => Promise.reject(new Error('no network in this test'));
