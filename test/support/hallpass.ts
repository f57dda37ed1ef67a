import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { terraformCliConfigText } from './programs.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** The repository's own `bin/hallpass`. */
export const hallpassProgram = fileURLToPath(new URL('../../bin/hallpass', import.meta.url));

export interface ChildOptions {
  /** Added to {@link cleanEnvironment}; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Standard input; nothing (an empty one) when absent. */
  readonly input?: string;
  /** Milliseconds until the child is killed; default two minutes. */
  readonly timeout?: number;
}

export interface ChildResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code; 128 + n when signal n ended it. */
  readonly code: number;
}

let home: string | undefined;

/**
 * An environment that nothing of the machine's user leaks into: PATH, a HOME of this test process, a warm compile cache,
 * and whatever is added. Data directory and keys lie in that HOME unless the test names others.
 */
export function cleanEnvironment(added: Readonly<Record<string, string | undefined>> = {}): Record<string, string> {
  home ??= temporaryDirectory('home');
  const base: Record<string, string | undefined> = {
    PATH: process.env['PATH'],
    TMPDIR: process.env['TMPDIR'],
    HOME: home,
    USER: 'test',
    LANG: 'C.UTF-8',
    XDG_CACHE_HOME: fileURLToPath(new URL('../../node_modules/.cache', import.meta.url)),
    ...added,
  };
  return Object.fromEntries(Object.entries(base).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Runs `bin/hallpass` to its end. */
export function hallpass(args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  return run(hallpassProgram, args, options);
}

/** Starts `bin/hallpass` for tests that signal it or talk to it; the caller ends it. */
export function startHallpass(args: readonly string[], options: ChildOptions = {}): ChildProcess {
  return spawn(hallpassProgram, args, { cwd: options.cwd, env: cleanEnvironment(options.env) });
}

/** Runs any program to its end, in the clean environment. */
export async function run(file: string, args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: cleanEnvironment(options.env),
    timeout: options.timeout ?? 120_000,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  // A child that does not read its input closes the pipe; that is its right.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { ...output, code: code ?? 128 + signalNumber(signal) };
}

/**
 * Writes a Terraform CLI configuration for the provider mirror and gives the variables that make Terraform use it.
 *
 * @param directory where the file goes; a new temporary directory when absent
 */
export function terraformCliConfig(
  directory = temporaryDirectory('terraformrc'),
  providers: readonly string[] = ['aws'],
): {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
} {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'terraform.rc');
  writeFileSync(path, terraformCliConfigText(providers));
  return { path, env: { TF_CLI_CONFIG_FILE: path, CHECKPOINT_DISABLE: '1' } };
}

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : (signalNumbers[signal] ?? 0);
}
