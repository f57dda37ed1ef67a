import { AppError } from '../domain/errors.ts';

/** What one does to a file, as it stands in "cannot … PATH". */
export type FileAction = 'make' | 'open' | 'read' | 'write' | 'remove';

interface Reason {
  readonly what: string;
  readonly mend: string;
}

/** What the system's error codes mean to people. */
const reasons: Readonly<Record<string, Reason>> = {
  ENOSPC: { what: 'the disk is full', mend: 'free some space, then try again' },
  EDQUOT: { what: 'the disk quota is used up', mend: 'free some space, then try again' },
  EFBIG: { what: 'the file would be larger than the limit', mend: 'raise the limit (ulimit -f), then try again' },
  EROFS: { what: 'the file system is read-only', mend: 'choose another directory' },
  EACCES: { what: 'permission denied', mend: 'check the owner and the mode of each directory on the way' },
  EPERM: { what: 'the system does not permit it', mend: 'check the owner and the flags of the file' },
  ENOENT: { what: 'it does not exist', mend: 'check the path' },
  ENOTDIR: { what: 'a part of the path is not a directory', mend: 'check the path' },
  ELOOP: { what: 'its links lead in a circle', mend: 'look at the links: ls -l' },
  ENAMETOOLONG: { what: 'the name is too long', mend: 'choose a shorter path' },
  EISDIR: { what: 'it is a directory', mend: 'give the path of a file' },
  EMFILE: { what: 'too many files are open', mend: 'raise the limit (ulimit -n), then try again' },
  EIO: { what: 'the disk reports an error', mend: 'check the disk before you go on' },
};

/** The system's error code (`ENOENT` …) of an error, if it has one. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Why the system refused, in words; its own message where we know no better. */
export function failureReason(error: unknown): Reason {
  return (
    reasons[errnoOf(error) ?? ''] ?? {
      what: error instanceof Error ? error.message : String(error),
      mend: 'check the path, its owner and its mode',
    }
  );
}

/** Turns a failed system call into an error for people; an {@link AppError} stays as it is. */
export function fileFailure(action: FileAction, path: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = failureReason(error);
  return new AppError(
    action === 'read' || action === 'open' ? 'file_read_failed' : 'file_write_failed',
    { what: `cannot ${action} ${path}: ${reason.what}`, where: path, mend: reason.mend },
    { cause: error },
  );
}
