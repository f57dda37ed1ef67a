import { fstatSync, watch, type FSWatcher } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Redactor, type SecretList } from './redaction.ts';
import type { OutputStream } from './phase.ts';
import { openSink, type Sink } from './sink.ts';

/** How a child's stream is wired: a file descriptor of its own that stays good when Hallpass dies. */
export interface OutputPlan {
  readonly stdout: number;
  readonly stderr: number;
}

export interface OutputWish {
  /** Where the raw output lies until the phase ends. */
  readonly directory: string;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** `auto`: a terminal gets the child's output as it is, everything else redacted. */
  readonly redact: boolean | 'auto';
  readonly secrets: SecretList;
}

/**
 * The output of a phase's commands. A terminal is handed to the child; everything else goes through a file that the
 * child appends to and Hallpass reads: a pipe would break, and kill an apply, when Hallpass dies.
 */
export interface PhaseOutput {
  readonly plan: OutputPlan;
  /** Waits until all that was written so far has been passed on. */
  drain(): Promise<void>;
  /** Passes on what is left, or nothing more when nobody reads, and closes. */
  close(): Promise<void>;
  /** Stops waiting for a reader that does not read. */
  abandon(): void;
}

/** Opens the output of a phase: one file for each stream, or one for both when both lead to the same place. */
export async function openOutput(wish: OutputWish): Promise<PhaseOutput> {
  const tails: Tail[] = [];
  const through = async (name: string, target: OutputStream): Promise<Tail> => {
    const tail = await openTail(join(wish.directory, name), target, wish.redact === false ? null : wish.secrets);
    tails.push(tail);
    return tail;
  };
  const own = (stream: OutputStream): number | null =>
    wish.redact !== true && stream.isTTY === true && stream.fd !== undefined ? stream.fd : null;
  const stdout = own(wish.stdout) ?? (await through('stdout', wish.stdout)).descriptor;
  const shared = tails[0] !== undefined && leadToSamePlace(wish.stdout, wish.stderr);
  const stderr = shared
    ? tails[0]!.descriptor
    : (own(wish.stderr) ?? (await through('stderr', wish.stderr)).descriptor);
  return {
    plan: { stdout, stderr },
    drain: async () => void (await Promise.all(tails.map((tail) => tail.drain()))),
    close: async () => void (await Promise.all(tails.map((tail) => tail.close()))),
    abandon: () => tails.forEach((tail) => tail.abandon()),
  };
}

/** `2>&1`: one file then keeps the order of the two streams. */
function leadToSamePlace(a: OutputStream, b: OutputStream): boolean {
  if (a === b) return true;
  if (a.fd === undefined || b.fd === undefined) return false;
  try {
    const [one, other] = [fstatSync(a.fd), fstatSync(b.fd)];
    return one.dev === other.dev && one.ino === other.ino && !one.isCharacterDevice();
  } catch {
    return false;
  }
}

interface Tail {
  readonly descriptor: number;
  drain(): Promise<void>;
  close(): Promise<void>;
  abandon(): void;
}

const chunkSize = 64 * 1024;
/** The kernel tells us of changes; this is for those it does not tell (another file system, no inotify left). */
const pollMilliseconds = 100;

async function openTail(path: string, target: OutputStream, secrets: SecretList | null): Promise<Tail> {
  const writer = await open(path, 'ax', 0o600);
  const reader = await open(path, 'r');
  const sink = openSink(target);
  const passer = new Passer(reader, sink, secrets === null ? null : new Redactor(secrets));
  const watcher = watchFile(path, () => passer.wake());
  const timer = setInterval(() => passer.wake(), pollMilliseconds);
  timer.unref();
  return {
    descriptor: writer.fd,
    drain: () => passer.drain(),
    abandon: () => sink.abandon(),
    close: async () => {
      await passer.drain();
      clearInterval(timer);
      watcher?.close();
      sink.close();
      await Promise.all([writer.close(), reader.close()]);
    },
  };
}

function watchFile(path: string, changed: () => void): FSWatcher | null {
  try {
    const watcher = watch(path, { persistent: false }, changed);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}

/** Passes a growing file on to a stream, one chunk at a time, as fast as the stream takes it. */
class Passer {
  readonly #reader: FileHandle;
  readonly #target: Sink;
  readonly #redactor: Redactor | null;
  readonly #buffer = Buffer.allocUnsafe(chunkSize);
  #offset = 0;
  /** Work follows work: two readers would pass the same bytes on twice. */
  #work: Promise<void> = Promise.resolve();
  #isWaiting = false;

  constructor(reader: FileHandle, target: Sink, redactor: Redactor | null) {
    this.#reader = reader;
    this.#target = target;
    this.#redactor = redactor;
  }

  /** Something was written, perhaps. */
  wake(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    void this.#next(() => {
      this.#isWaiting = false;
      return this.#passOn();
    });
  }

  drain(): Promise<void> {
    return this.#next(async () => {
      await this.#passOn();
      await this.#target.write(this.#redactor?.end() ?? Buffer.alloc(0));
    });
  }

  #next(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch(() => this.#target.abandon());
    return this.#work;
  }

  async #passOn(): Promise<void> {
    for (;;) {
      const { bytesRead } = await this.#reader.read(this.#buffer, 0, chunkSize, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const chunk = this.#buffer.subarray(0, bytesRead);
      // A copy: the stream may keep what it is given, and the buffer is used again.
      await this.#target.write(this.#redactor === null ? Buffer.from(chunk) : this.#redactor.write(chunk));
    }
  }
}
