import { closeSync, constants, fdatasync, fstatSync, ftruncateSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AppError, type Problem } from '../domain/errors.ts';
import { formatDuration } from '../domain/duration.ts';
import { randomId } from '../domain/ids.ts';
import { failureReason } from '../files/file-failure.ts';
import { withLock } from '../files/lock.ts';
import { openPrivateDirectory, openPrivateFileSync, syncDirectory, writePrivateFile } from '../files/private-file.ts';
import { auditFile, auditPaths, fileFor, isNewerThanHead, listChainFiles } from './chain-files.ts';
import { AuditDamagedError } from './damage.ts';
import type { AuditRecord, NewAuditEvent } from './event.ts';
import { firstHead, overwriteHead, readHead, renderHead } from './head.ts';
import { beginning, seal, type ChainLink } from './record.ts';
import { setTornLineAside } from './set-aside.ts';
import { emptyTail, followTail, tailAtHead, type Tail, type TornLine } from './tail.ts';

/** Where events go. */
export interface AuditLog {
  /**
   * Records an event; resolves once it is on disk, with its place in the chain.
   *
   * @throws {AppError} `audit_write_failed` (nothing of it is left), `audit_damaged`, `data_directory_insecure`
   */
  append(event: NewAuditEvent): Promise<AuditRecord>;
  /** Waits for what was handed in; later appends are refused. */
  close(): Promise<void>;
}

/** Records at most in one write, so that neighbours on the same data directory wait for milliseconds. */
const largestBatch = 1024;
const toleratedClockStepSeconds = 300;
const syncData = promisify(fdatasync);

interface Pending {
  readonly event: NewAuditEvent;
  readonly resolve: (record: AuditRecord) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the audit of a data directory: JSON Lines in `audit/YYYY-MM.jsonl`, one hash chain over all files. Checks the end of
 * the chain, in constant time; the whole chain when a file was changed since we last wrote to one.
 *
 * @throws {AuditDamagedError} `audit_damaged`
 * @throws {AppError} `data_directory_insecure` when others can read it
 */
export async function openAuditLog(options: {
  readonly dataDirectory: string;
  readonly now: () => Date;
}): Promise<FileAuditLog> {
  const paths = auditPaths(options.dataDirectory);
  await openPrivateDirectory(options.dataDirectory, 'the data directory');
  await openPrivateDirectory(paths.directory, 'the audit directory');
  const log = new FileAuditLog(paths, options.now);
  await log.check();
  return log;
}

/** The audit as files. Many appends at once share one lock, one write and one fsync (group commit). */
export class FileAuditLog implements AuditLog {
  readonly #paths: ReturnType<typeof auditPaths>;
  readonly #now: () => Date;
  readonly #warnings: Problem[] = [];
  #queue: Pending[] = [];
  #flushing: Promise<void> | null = null;
  #closed = false;
  #tail: Tail | null = null;
  /** Events about the log itself that must go in with the next batch. */
  #owed: NewAuditEvent[] = [];

  constructor(paths: ReturnType<typeof auditPaths>, now: () => Date) {
    this.#paths = paths;
    this.#now = now;
  }

  append(event: NewAuditEvent): Promise<AuditRecord> {
    if (this.#closed) return Promise.reject(new Error('the audit log is closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ event, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#flushing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What people should know although the log goes on: the clock was set back, a torn line was set aside. */
  warnings(): readonly Problem[] {
    return this.#warnings;
  }

  /** The last record known, by this process or at the last check; sequence 0 when nothing was ever audited. */
  head(): ChainLink {
    return this.#tail ?? beginning;
  }

  /** Checks the end of the chain; {@link openAuditLog} has done it. */
  async check(): Promise<void> {
    await withLock(this.#paths.lock, async () => {
      const { tail, torn } = this.#catchUp();
      await this.#checkWholeIfChanged(tail, torn !== null);
      this.#tail = tail;
      this.#noticeClock(tail, this.#now());
    });
  }

  /** A change in the middle does not show at the end of the chain, but in the time of the file. */
  async #checkWholeIfChanged(tail: Tail, isTorn: boolean): Promise<void> {
    const { directory } = this.#paths;
    if (tail.file === null || !isNewerThanHead(directory)) return;
    // Read only when it is needed: every command that opens a phase loads this file.
    const { requireWholeUnderLock } = await import('./verify.ts');
    requireWholeUnderLock(directory);
    // A copy, or a process that was killed between its writes: found whole, and not to be read again each time.
    const { sequence, hash, file, size } = tail;
    if (isTorn) return;
    try {
      overwriteHead(this.#paths.head, { sequence, hash, file, size });
    } catch {
      // On a medium that cannot be written it is read again the next time.
    }
  }

  async #flush(): Promise<void> {
    // One turn of the microtask queue: appends of the same moment go together.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#flushBatch(this.#queue.splice(0, largestBatch));
    // In the same breath as the last look at the queue: an append in between would wait for ever.
    this.#flushing = null;
  }

  async #flushBatch(batch: readonly Pending[]): Promise<void> {
    try {
      await withLock(this.#paths.lock, () => this.#commit(batch));
    } catch (error) {
      const failure = writeFailure(this.#paths.directory, error);
      for (const pending of batch) pending.reject(failure);
    }
  }

  /** Writes a batch. Runs under the lock; everything but fsync is synchronous, to keep that short. */
  async #commit(batch: readonly Pending[]): Promise<void> {
    const now = this.#now();
    const { tail, torn } = this.#catchUp();
    if (tail.sequence === 0) await writePrivateFile(this.#paths.head, renderHead(firstHead));
    if (torn) await this.#setAside(torn);
    const clockEvent = this.#noticeClock(tail, now);
    const own = [...this.#owed, ...(clockEvent ? [clockEvent] : [])];
    const draft = draftLines(own, batch, tail, now);
    if (draft.sealed.length === 0) return;
    this.#tail = await this.#write(draft.text, draft.end, tail, now);
    this.#owed = [];
    for (const { pending, record } of draft.sealed) pending.resolve(record);
  }

  /** Brings the known tail up to date with what other processes appended. */
  #catchUp(): { tail: Tail; torn: TornLine | null } {
    const { directory } = this.#paths;
    const head = readHead(this.#paths.head);
    if (head === null) {
      if (this.#tail === null || this.#tail.sequence === 0) {
        const stray = listChainFiles(directory)[0];
        if (stray === undefined) return { tail: emptyTail, torn: null };
      }
      throw new AuditDamagedError(this.#paths.head, 'head.json is missing');
    }
    const follow = (from: Tail) => {
      const found = followTail(directory, from);
      if (found.tail.sequence >= head.sequence) return found;
      throw new AuditDamagedError(
        this.#paths.head,
        `head.json says ${head.sequence} records, ${found.tail.sequence} are there`,
      );
    };
    if (this.#tail === null) return follow(tailAtHead(directory, head));
    try {
      return follow(this.#tail);
    } catch (error) {
      if (!(error instanceof AuditDamagedError)) throw error;
      // Damage that was accepted since lies behind a head that is further than we were. Any other head was put back.
      if (head.sequence <= this.#tail.sequence) throw error;
      return follow(tailAtHead(directory, head));
    }
  }

  async #setAside(torn: TornLine): Promise<void> {
    this.#owed.push(await setTornLineAside(this.#paths.directory, torn));
    this.#warnings.push({
      what: `the last audit line was cut off when Hallpass or the machine stopped; it was never acknowledged, and is set aside`,
      where: this.#paths.setAside,
    });
  }

  /** The event for a clock that was set back, with a warning for people the first time. */
  #noticeClock(tail: Tail, now: Date): NewAuditEvent | null {
    const event = clockSetBack(tail, now);
    if (event !== null && !this.#warnings.some((warning) => warning.where === 'clock')) {
      this.#warnings.push({
        what: `the clock stands ${formatDuration(event.seconds)} before the last audit record (${event.last_at})`,
        where: 'clock',
        mend: 'set the clock; platforms refuse tokens of the wrong time',
      });
    }
    return event;
  }

  async #write(text: string, end: ChainLink, tail: Tail, now: Date): Promise<Tail> {
    const { directory } = this.#paths;
    const file = fileFor(now, tail.file);
    const path = join(directory, file);
    const isNew = file !== tail.file;
    const flags = constants.O_WRONLY | constants.O_APPEND | (isNew ? constants.O_CREAT | constants.O_EXCL : 0);
    const before = isNew ? 0 : tail.size;
    const descriptor = openPrivateFileSync(path, auditFile, flags);
    try {
      if (fstatSync(descriptor).size !== before) throw new AuditDamagedError(path, `${file} changed under the lock`);
      const size = before + writeAll(descriptor, Buffer.from(text));
      await syncData(descriptor);
      if (isNew) await syncDirectory(directory);
      overwriteHead(this.#paths.head, { sequence: end.sequence, hash: end.hash, file, size });
      return { ...end, file, size };
    } catch (error) {
      if (!(error instanceof AuditDamagedError)) takeBack(descriptor, path, before, isNew);
      throw error;
    } finally {
      closeSync(descriptor);
    }
  }
}

interface Draft {
  readonly text: string;
  readonly end: ChainLink;
  readonly sealed: readonly { readonly pending: Pending; readonly record: AuditRecord }[];
}

/** Chains a batch. An event that cannot be recorded fails alone. */
function draftLines(own: readonly NewAuditEvent[], batch: readonly Pending[], tail: ChainLink, now: Date): Draft {
  const at = now.toISOString();
  const lines: string[] = [];
  const sealed: { pending: Pending; record: AuditRecord }[] = [];
  let end: ChainLink = tail;
  const add = (event: NewAuditEvent): AuditRecord => {
    const { record, line } = seal(event, end, { id: randomId('evt'), at });
    lines.push(line);
    end = { sequence: record.sequence, hash: record.hash, at };
    return record;
  };
  for (const event of own) add(event);
  for (const pending of batch) {
    try {
      sealed.push({ pending, record: add(pending.event) });
    } catch (error) {
      pending.reject(writeFailure('audit', error));
    }
  }
  return { text: lines.join(''), end, sealed };
}

function clockSetBack(tail: ChainLink, now: Date): Extract<NewAuditEvent, { type: 'clock_set_back' }> | null {
  const seconds = tail.at === null ? 0 : Math.round((Date.parse(tail.at) - now.getTime()) / 1000);
  if (tail.at === null || seconds <= toleratedClockStepSeconds) return null;
  return {
    type: 'clock_set_back',
    outcome: 'ok',
    known_by: 'issuer',
    actor: null,
    workload: null,
    lease: null,
    last_at: tail.at,
    seconds,
  };
}

/** A write may be cut short by a limit or a full disk; the next one then says why. */
function writeAll(descriptor: number, bytes: Uint8Array): number {
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written, bytes.length - written);
  return written;
}

/** Leaves the file as it was before a batch that failed; what cannot be taken back is a torn line at the next append. */
function takeBack(descriptor: number, path: string, size: number, isNew: boolean): void {
  try {
    ftruncateSync(descriptor, size);
    if (isNew) unlinkSync(path);
  } catch {
    // The first error is the one to tell.
  }
}

function writeFailure(where: string, error: unknown): AppError {
  if (error instanceof AppError && error.code !== 'file_write_failed' && error.code !== 'file_read_failed')
    return error;
  const reason = error instanceof AppError ? error.problem : failureReason(error);
  return new AppError(
    'audit_write_failed',
    { what: `the audit cannot be written: ${reason.what}`, where, mend: reason.mend ?? 'try again' },
    { cause: error },
  );
}
