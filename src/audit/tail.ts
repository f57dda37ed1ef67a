import { closeSync, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../files/file-failure.ts';
import { openPrivateFileSync } from '../files/private-file.ts';
import { auditFile, listChainFiles, readLines, type Line } from './chain-files.ts';
import { AuditDamagedError } from './damage.ts';
import type { Head } from './head.ts';
import { beginning, linkFault, linkOf, longestRecord, readLine, type ChainLink } from './record.ts';

/** The end of the chain: its last record, and where it ends on disk. */
export interface Tail extends ChainLink {
  /** The last file, null when there is none. It may be empty: made, and nothing written yet. */
  readonly file: string | null;
  readonly size: number;
}

/** Bytes after the last line feed of the last file: a write that was cut off, which nobody was told of. */
export interface TornLine {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

export const emptyTail: Tail = { ...beginning, file: null, size: 0 };

const usualBlock = 64 * 1024;

/**
 * Finds the record that `head.json` names and checks it, with those in the same 64 KiB, in constant time.
 *
 * @throws {AuditDamagedError} when the record is not there, or any of these is not as it was written
 */
export function tailAtHead(directory: string, head: Head): Tail {
  if (head.file === null) return emptyTail;
  const path = join(directory, head.file);
  const descriptor = openChainFile(directory, head.file);
  try {
    const size = fstatSync(descriptor).size;
    if (size < head.size) {
      throw new AuditDamagedError(path, `${head.file} is shorter (${size} bytes) than head.json says (${head.size})`);
    }
    const start = startOfLines(descriptor, head.size);
    let link: ChainLink | null = null;
    for (const line of readLines(descriptor, start, head.size)) {
      link = checkedLine(path, line, link, line.offset === 0);
    }
    if (link?.sequence !== head.sequence || link.hash !== head.hash) {
      throw new AuditDamagedError(path, `record ${head.sequence}, which head.json names, is not where it was`);
    }
    return { ...link, file: head.file, size: head.size };
  } finally {
    closeSync(descriptor);
  }
}

/** Where the first whole line of the last 64 KiB before `end` begins; further back when one line is longer than that. */
function startOfLines(descriptor: number, end: number): number {
  for (let length = usualBlock; ; length *= 4) {
    const start = Math.max(0, end - length);
    if (start === 0) return 0;
    const block = Buffer.alloc(end - start);
    const count = readSync(descriptor, block, 0, block.length, start);
    const lineFeed = block.subarray(0, count - 1).indexOf('\n');
    if (lineFeed !== -1 || length > longestRecord * 4) return start + lineFeed + 1;
  }
}

/**
 * Goes on from a tail that was checked before, over everything that was appended since, checking each record.
 *
 * @throws {AuditDamagedError} when files are missing or shorter than they were, or a record does not follow
 */
export function followTail(directory: string, from: Tail): { readonly tail: Tail; readonly torn: TornLine | null } {
  const files = listChainFiles(directory);
  const known = from.file === null ? 0 : files.indexOf(from.file);
  if (known === -1) throw new AuditDamagedError(join(directory, from.file!), `${from.file} is missing`);
  let tail = from;
  let torn: TornLine | null = null;
  for (const file of files.slice(known)) {
    if (torn) throw new AuditDamagedError(join(directory, torn.file), `the last line of ${torn.file} has no end`);
    ({ tail, torn } = followFile(directory, file, tail));
  }
  return { tail, torn };
}

function followFile(directory: string, file: string, from: Tail): { tail: Tail; torn: TornLine | null } {
  const path = join(directory, file);
  const descriptor = openChainFile(directory, file);
  try {
    const start = file === from.file ? from.size : 0;
    const end = fstatSync(descriptor).size;
    if (end < start) throw new AuditDamagedError(path, `${file} is shorter (${end} bytes) than it was (${start})`);
    let link: ChainLink = from;
    let size = start;
    for (const line of readLines(descriptor, start, end)) {
      if (!line.ended) return { tail: { ...link, file, size }, torn: { file, offset: size, length: end - size } };
      link = checkedLine(path, line, link, line.offset === 0);
      size += line.bytes.length + 1;
    }
    return { tail: { sequence: link.sequence, hash: link.hash, at: link.at, file, size }, torn: null };
  } finally {
    closeSync(descriptor);
  }
}

function checkedLine(path: string, line: Line, before: ChainLink | null, firstOfFile: boolean): ChainLink {
  const { record, fault } = readLine(line.bytes);
  const wrong = fault ?? (line.ended ? null : 'torn') ?? (before && linkFault(record!, before, firstOfFile));
  if (wrong !== null || record === null) {
    throw new AuditDamagedError(path, `the line at byte ${line.offset} is not as it was written`);
  }
  return linkOf(record);
}

function openChainFile(directory: string, file: string): number {
  const path = join(directory, file);
  try {
    return openPrivateFileSync(path, auditFile);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw new AuditDamagedError(path, `${file} is missing`);
    throw error;
  }
}
