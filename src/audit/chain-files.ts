import { lstatSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

const fileName = /^(\d{4}-\d{2})(?:\.([1-9]\d*))?\.jsonl$/;

/** What people call the files in messages. */
export const auditFile = 'the audit file';

/** Paths of a data directory's audit. */
export function auditPaths(dataDirectory: string): {
  readonly directory: string;
  readonly lock: string;
  readonly head: string;
  readonly setAside: string;
} {
  const directory = join(dataDirectory, 'audit');
  return {
    directory,
    lock: join(directory, 'lock'),
    head: join(directory, 'head.json'),
    setAside: join(directory, 'set-aside'),
  };
}

/**
 * The files of the chain in its order: `2026-05.jsonl`, then `2026-05.2.jsonl` (begun after damage was accepted), then
 * `2026-06.jsonl`. Throws the system's own error when there is no such directory.
 */
export function listChainFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => fileName.test(name))
    .sort((a, b) => compareFiles(a, b));
}

/** Whether a file of the chain was changed, added or removed after `head.json`, which follows every write of ours. */
export function isNewerThanHead(directory: string): boolean {
  const timeOf = (file: string) => lstatSync(join(directory, file), { bigint: true }).mtimeNs;
  const head = timeOf('head.json');
  return ['.', ...listChainFiles(directory)].some((file) => timeOf(file) > head);
}

/** Files that end like ours and are none of ours. */
export function listStrangeFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.jsonl') && !fileName.test(name));
}

function compareFiles(a: string, b: string): number {
  const [first, second] = [partsOf(a), partsOf(b)];
  return first.month === second.month ? first.part - second.part : first.month < second.month ? -1 : 1;
}

function partsOf(name: string): { month: string; part: number } {
  const [, month, part] = fileName.exec(name)!;
  return { month: month!, part: Number(part ?? 1) };
}

/** The file for a record of this moment: a new one each month (UTC), but never one before the last: clocks go back. */
export function fileFor(now: Date, last: string | null): string {
  const month = now.toISOString().slice(0, 7);
  return last === null || month > partsOf(last).month ? `${month}.jsonl` : last;
}

/** The file in which a chain goes on when its last file must not be touched. */
export function fileAfterDamage(now: Date, last: string | null): string {
  const file = fileFor(now, last);
  if (last === null || file !== last) return file;
  const { month, part } = partsOf(last);
  return `${month}.${part + 1}.jsonl`;
}

/** A line without its line feed; the bytes are good until the next one is asked for. */
export interface Line {
  readonly bytes: Buffer;
  /** Byte of the file where the line begins. */
  readonly offset: number;
  /** Whether its line feed is there. */
  readonly ended: boolean;
}

const chunkSize = 1024 * 1024;
const lineFeed = 0x0a;

/**
 * Reads the lines of an open file between two bytes, in chunks of 1 MiB.
 *
 * @param end where to stop, even in the middle of a line; more may be appended meanwhile
 */
export function* readLines(descriptor: number, start: number, end: number): Generator<Line, void> {
  let rest: Buffer = Buffer.alloc(0);
  let restOffset = start;
  for (let at = start; at < end;) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkSize, end - at));
    const count = readSync(descriptor, chunk, 0, chunk.length, at);
    if (count === 0) break;
    at += count;
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk.subarray(0, count)]) : chunk.subarray(0, count);
    let from = 0;
    // What was left over holds no line feed.
    for (let to = bytes.indexOf(lineFeed, rest.length); to !== -1; to = bytes.indexOf(lineFeed, from)) {
      yield { bytes: bytes.subarray(from, to), offset: restOffset + from, ended: true };
      from = to + 1;
    }
    rest = bytes.subarray(from);
    restOffset += from;
  }
  if (rest.length > 0) yield { bytes: rest, offset: restOffset, ended: false };
}
