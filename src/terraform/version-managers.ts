import { execFile } from 'node:child_process';
import { open, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ProgramError, type ProgramPlaces } from './program-error.ts';

const run = promisify(execFile);
const patienceMilliseconds = 15_000;

interface Shim {
  readonly path: string;
  /** Its first kilobytes when it is a script, else empty. */
  readonly text: string;
  /** What it points to, links followed. */
  readonly target: string;
}

interface VersionManager {
  /** The command that tells what the shim stands for, or null when the file is not one of its shims. */
  question(shim: Shim): { file: string; args: readonly string[] } | null;
  /** Path of the program, from the manager's answer. */
  program(answer: string, shim: Shim, environment: Readonly<Record<string, string>>): string;
  name(shim: Shim): string;
}

/**
 * `exec "…/libexec/pyenv" exec "$program" "$@"`: the line that ends the shims of a whole family. Other wrappers look
 * alike (`exec docker exec …`), so the manager's name counts too.
 */
const execLine = /^\s*exec\s+(?:"([^"\n]+)"|(\S+))\s+exec\s/m;
const managersThatExec = /^(?:[a-z]+env|asdf|rtx)$/;

/** Every kind of version manager that puts shims on PATH, with how it is asked. */
const versionManagers: readonly VersionManager[] = [
  {
    // pyenv, rbenv, nodenv, goenv, asdf: `MANAGER which PROGRAM`
    question: (shim) => {
      const manager = execManager(shim);
      return manager === null ? null : { file: manager, args: ['which', basename(shim.path)] };
    },
    program: (answer) => answer,
    name: (shim) => basename(execManager(shim) ?? 'version manager'),
  },
  {
    // mise's shims are links to mise itself
    question: (shim) =>
      basename(shim.target) === 'mise' && basename(shim.path) !== 'mise'
        ? { file: shim.target, args: ['which', basename(shim.path)] }
        : null,
    program: (answer) => answer,
    name: () => 'mise',
  },
  {
    // tfenv: a script `terraform` beside `tfenv`
    question: (shim) =>
      /\btfenv-exec\b/.test(shim.text) ? { file: join(dirname(shim.target), 'tfenv'), args: ['version-name'] } : null,
    program: (answer, shim, environment) => {
      const root = environment['TFENV_CONFIG_DIR'] || environment['TFENV_ROOT'] || dirname(dirname(shim.target));
      return join(root, 'versions', answer, 'terraform');
    },
    name: () => 'tfenv',
  },
];

function execManager(shim: Shim): string | null {
  const found = execLine.exec(shim.text);
  const manager = found?.[1] ?? found?.[2];
  return manager !== undefined && managersThatExec.test(basename(manager)) ? manager : null;
}

/**
 * Looks through a version manager's shim by asking the manager, in the caller's own environment and directory.
 *
 * @returns null when the file is no shim
 * @throws {ProgramError} `program_missing` when the manager does not know a version for this directory
 */
export async function resolveShim(
  path: string,
  places: ProgramPlaces,
): Promise<{ file: string; manager: string } | null> {
  const shim: Shim = { path, text: await scriptText(path), target: await realpath(path) };
  for (const manager of versionManagers) {
    const question = manager.question(shim);
    if (question === null) continue;
    const answer = await ask(question, shim, manager.name(shim), places);
    return { file: manager.program(answer, shim, places.environment), manager: manager.name(shim) };
  }
  return null;
}

async function ask(
  question: { file: string; args: readonly string[] },
  shim: Shim,
  manager: string,
  places: ProgramPlaces,
): Promise<string> {
  try {
    const { stdout } = await run(question.file, question.args, {
      cwd: places.workingDirectory,
      env: places.environment,
      timeout: patienceMilliseconds,
      encoding: 'utf8',
    });
    const answer = stdout.trim().split('\n').at(-1)?.trim() ?? '';
    if (answer !== '') return answer;
    throw new Error('an empty answer');
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim().split('\n')[0];
    throw new ProgramError(
      127,
      {
        what: `${manager} does not say which ${basename(shim.path)} to run${said ? `: ${said}` : ''}`,
        where: shim.path,
        mend: `try "${basename(question.file)} ${question.args.join(' ')}" here; no token was minted`,
      },
      { cause },
    );
  }
}

async function scriptText(path: string): Promise<string> {
  const handle = await open(path).catch(() => null);
  if (handle === null) return '';
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    const text = buffer.subarray(0, bytesRead).toString('latin1');
    return text.startsWith('#!') ? text : '';
  } finally {
    await handle.close();
  }
}
