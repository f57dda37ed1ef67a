import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { matchesFilter, type AuditFilter } from '../../audit/filter.ts';
import { readStoredLines, type StoredLine } from '../../audit/read.ts';

/** A stored line that could be read as a record. */
export type ReadableLine = StoredLine & { readonly record: NonNullable<StoredLine['record']> };

/**
 * The stored records that are wanted, oldest first; with a limit, the last so many.
 *
 * @param unreadable is told of each line that is no record
 */
export function* wantedLines(
  dataDirectory: string,
  filter: AuditFilter,
  limit: number | undefined,
  unreadable: (line: StoredLine) => void,
): Generator<ReadableLine, void> {
  const last: ReadableLine[] = [];
  for (const line of readStoredLines(dataDirectory)) {
    if (!isReadable(line)) unreadable(line);
    else if (matchesFilter(line.record, filter)) {
      if (limit === undefined) yield line;
      else last.push(line);
      // Cut now and then, not at each line, since shifting a list costs its length.
      if (limit !== undefined && last.length > 2 * limit) last.splice(0, last.length - limit);
    }
  }
  if (limit !== undefined) yield* last.slice(-limit);
}

function isReadable(line: StoredLine): line is ReadableLine {
  return line.record !== null;
}

const chunkLength = 64 * 1024;

/** Joins lines into pieces that are worth a write. */
export function* inChunks(lines: Iterable<string>): Generator<string, void> {
  let chunk = '';
  for (const line of lines) {
    chunk += `${line}\n`;
    if (chunk.length < chunkLength) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}

/** Writes at the reader's pace; stops quietly when the reader goes away (`| head`). */
export async function writeLines(stream: Writable, lines: Iterable<string>): Promise<void> {
  for (const chunk of inChunks(lines)) {
    if (stream.destroyed || stream.errored) return;
    if (!stream.write(chunk)) await roomOrEnd(stream);
  }
}

async function roomOrEnd(stream: Writable): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).catch(() => undefined);
  over.abort();
}
