import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, resolve } from 'node:path';
import type { Problem } from '../domain/errors.ts';
import { errnoOf } from '../files/file-failure.ts';
import type { Command } from './phase.ts';

/** The program's absolute path, or why it cannot run: 127 not found, 126 found but not executable. */
export type FoundCommand =
  | { readonly path: string }
  | { readonly path: null; readonly exitCode: 126 | 127; readonly problem: Problem };

/** Finds a program as a shell would: a name along the child's PATH, anything with a slash as it is. */
export async function findCommand(
  command: Command,
  where: { readonly path: string | undefined; readonly workingDirectory: string },
): Promise<FoundCommand> {
  let blocked: string | null = null;
  for (const candidate of candidates(command.file, where)) {
    const state = await look(candidate, command.file.includes('/'));
    if (state === 'executable') return { path: candidate };
    if (state === 'blocked') blocked ??= candidate;
  }
  return blocked === null ? notFound(command, where.path) : notExecutable(command, blocked);
}

function candidates(file: string, where: { path: string | undefined; workingDirectory: string }): string[] {
  if (file === '') return [];
  if (file.includes('/')) return [resolve(where.workingDirectory, file)];
  return (where.path ?? '')
    .split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .map((directory) => resolve(directory, file));
}

async function look(path: string, isNamed: boolean): Promise<'executable' | 'blocked' | 'missing'> {
  try {
    if (!(await stat(path)).isFile()) return 'blocked';
  } catch (error) {
    // A directory of PATH that we may not look into holds nothing for us.
    return isNamed && errnoOf(error) === 'EACCES' ? 'blocked' : 'missing';
  }
  return access(path, constants.X_OK).then(
    () => 'executable',
    () => 'blocked',
  );
}

function notFound(command: Command, path: string | undefined): FoundCommand {
  return {
    path: null,
    exitCode: 127,
    problem: {
      what: `${JSON.stringify(command.file)} was not found`,
      where: command.file.includes('/') ? 'the command' : `PATH (${path ?? 'not set'})`,
      mend: 'install it, or give its path; no token was made',
    },
  };
}

function notExecutable(command: Command, path: string): FoundCommand {
  return {
    path: null,
    exitCode: 126,
    problem: {
      what: `${JSON.stringify(command.file)} cannot be executed`,
      where: path,
      mend: `if it is a program: chmod +x ${path}; no token was made`,
    },
  };
}
