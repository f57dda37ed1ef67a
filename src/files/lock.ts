import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../domain/errors.ts';
import { errnoOf, fileFailure } from './file-failure.ts';

const longestWaitMilliseconds = 30_000;

/** SQLite's primary result code for "somebody else has the lock". */
const busy = 5;

interface Hold {
  readonly path: string;
  live: boolean;
}

/** What the running piece of work holds, so that taking a lock twice is an error and not a silence for ever. */
const holds = new AsyncLocalStorage<readonly Hold[]>();

/** Connections that hold a lock: one that nothing points at would be collected, and its lock with it. */
const held = new Set<DatabaseSync>();

/** Callers in this process queue here; only the first of each path competes with other processes. */
const queues = new Map<string, Promise<unknown>>();

/**
 * Runs `work` while nobody else, in this process or another one, runs under the lock at `path`. The kernel releases the
 * lock when its holder dies. Node has no file lock of its own: this is an exclusive transaction of SQLite on an empty file.
 *
 * @param path of the lock file; made, private and empty, when missing. Its directory must exist. Delete it never
 * @param options.waitMilliseconds how long to wait for other processes; 30 s by default
 * @throws {AppError} `lock_busy` when another process keeps it for longer, `file_write_failed` when it cannot be made
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: { waitMilliseconds?: number } = {},
): Promise<T> {
  const absolute = resolve(path);
  const outer = (holds.getStore() ?? []).filter((hold) => hold.live);
  if (outer.some((hold) => hold.path === absolute)) throw new Error(`the lock ${absolute} was taken twice`);
  return inTurn(absolute, async () => {
    const release = await acquire(absolute, options.waitMilliseconds ?? longestWaitMilliseconds);
    const hold: Hold = { path: absolute, live: true };
    try {
      return await holds.run([...outer, hold], work);
    } finally {
      hold.live = false;
      release();
    }
  });
}

async function inTurn<T>(path: string, work: () => Promise<T>): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve();
  const mine = before.then(work);
  const settled = mine.catch(() => undefined);
  queues.set(path, settled);
  try {
    return await mine;
  } finally {
    if (queues.get(path) === settled) queues.delete(path);
  }
}

async function acquire(path: string, waitMilliseconds: number): Promise<() => void> {
  makeLockFile(path);
  const deadline = performance.now() + waitMilliseconds;
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    for (let attempt = 0; !tryToLock(database, path); attempt += 1) {
      if (performance.now() >= deadline) throw lockBusy(path, waitMilliseconds);
      await sleep(pauseMilliseconds(attempt));
    }
    held.add(database);
    return () => {
      held.delete(database);
      database.close();
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Random, so that two that wait do not meet again; short, so that a holder that comes back at once wins by luck only. */
function pauseMilliseconds(attempt: number): number {
  return 1 + Math.random() * Math.min(10, 2 + attempt / 10);
}

function tryToLock(database: DatabaseSync, path: string): boolean {
  try {
    // Nothing is ever written, so there is nothing to journal: no second file beside the lock.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === busy) return false;
    throw new AppError(
      'file_write_failed',
      {
        what: `the lock file ${path} cannot be locked: ${(error as Error).message}`,
        where: path,
        mend: `end every hallpass process, then delete it: rm ${path}`,
      },
      { cause: error },
    );
  }
}

/**
 * SQLite would make the file readable by others. Opened with O_EXCL only, and closed in the same breath: closing any
 * descriptor of a file drops all locks that this process has on it (POSIX).
 */
function makeLockFile(path: string): void {
  try {
    closeSync(openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw fileFailure('make', path, error);
    if (lstatSync(path).isFile()) return;
    throw new AppError('data_directory_insecure', {
      what: `the lock file ${path} is not a plain file`,
      where: path,
      mend: `see what it is (ls -ld ${path}), then remove it`,
    });
  }
}

function lockBusy(path: string, waitMilliseconds: number): AppError {
  return new AppError('lock_busy', {
    what: `another hallpass process has held ${path} for more than ${waitMilliseconds / 1000} s`,
    where: path,
    mend: `try again; "fuser ${path}" names the process that holds it`,
  });
}
