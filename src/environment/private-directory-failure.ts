import { AppError } from '../domain/errors.ts';
import { errnoOf, failureReason } from '../files/file-failure.ts';

/** What the system says where there is no room, or no right, to write. */
const failures = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'EIO'];

/** Turns a write that failed in a private place into an error for people; any other error stays as it is. */
export function privateDirectoryFailure(error: unknown, where: string): unknown {
  if (error instanceof AppError || !failures.includes(errnoOf(error) ?? '')) return error;
  const { what, mend } = failureReason(error);
  return new AppError(
    'directory_invalid',
    {
      what: `the private directory of the phase cannot be written: ${what}`,
      where,
      mend: `${mend}, or set HALLPASS_RUN_DIR to a directory of your own elsewhere`,
    },
    { cause: error },
  );
}
