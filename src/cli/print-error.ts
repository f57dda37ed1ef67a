import type { Writable } from 'node:stream';
import { AppError, type Problem } from '../domain/errors.ts';
import { printable } from '../domain/printable.ts';

/** Prints what is wrong, where, and how to mend it. An unknown error gives its message only; never its stack. */
export function printError(stderr: Writable, error: unknown): void {
  const problem: Problem =
    error instanceof AppError
      ? error.problem
      : {
          what: `internal: ${error instanceof Error ? error.message : String(error)}`,
          mend: 'this is a fault of Hallpass; please report it with the command that you ran',
        };
  printProblem(stderr, 'error', problem);
}

/** Prints what the user should know although the work goes on. */
export function printWarning(stderr: Writable, problem: Problem): void {
  printProblem(stderr, 'warning', problem);
}

function printProblem(stderr: Writable, kind: 'error' | 'warning', { what, where, mend }: Problem): void {
  stderr.write(`${kind}: ${safe(what)}\n`);
  if (where !== undefined) stderr.write(`  where: ${safe(where)}\n`);
  if (mend !== undefined) stderr.write(`  hint:  ${safe(mend)}\n`);
}

/** The last place where words from outside can be kept from speaking to the terminal. Lines stay lines. */
function safe(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
