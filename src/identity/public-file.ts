import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileFailure } from '../files/file-failure.ts';
import { syncDirectory } from '../files/private-file.ts';

const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes a file that everybody may read (mode 0644, whatever the umask), so that a web server sees either the old or the
 * new contents, whole.
 *
 * @throws {AppError} `file_write_failed`; the old contents then stand
 */
export async function writePublicFile(path: string, data: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    {
      await using file = await open(temporary, flags, 0o644);
      await file.chmod(0o644);
      await file.writeFile(data);
      await file.sync();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw fileFailure('write', path, error);
  }
}
