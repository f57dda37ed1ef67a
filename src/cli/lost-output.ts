import type { Writable } from 'node:stream';
import { AppError } from '../domain/errors.ts';
import { errnoOf, failureReason } from '../files/file-failure.ts';
import { printError } from './print-error.ts';

/**
 * Says once when standard output cannot be written (a full disk), and calls `fail`. The work itself goes on: an apply must
 * not end, nor its credentials stay behind, because nobody can read about it. A reader that went away (`| head`) is no fault.
 */
export function noticeLostOutput(streams: { stdout: Writable; stderr: Writable }, fail: () => void): void {
  let isSaid = false;
  streams.stdout.on('error', (error: Error) => {
    if (isSaid || errnoOf(error) === 'EPIPE') return;
    isSaid = true;
    const { what, mend } = failureReason(error);
    printError(
      streams.stderr,
      new AppError('file_write_failed', {
        what: `cannot write the output: ${what}`,
        where: 'standard output',
        mend,
      }),
    );
    fail();
  });
  // There is no other place to say it.
  streams.stderr.on('error', () => {});
}
