import { closeSync, constants, readFileSync, writeSync } from 'node:fs';
import { errnoOf } from '../files/file-failure.ts';
import { openPrivateFileSync } from '../files/private-file.ts';
import { canonicalJson } from './canonical.ts';
import { AuditDamagedError } from './damage.ts';
import { beginning } from './record.ts';

/**
 * How far the chain had come at the last append: without it a shortened chain would look whole. It may lag behind after a
 * crash, since it is written after the records, and never leads.
 */
export interface Head {
  readonly sequence: number;
  readonly hash: string;
  /** Where the last record ends; null before the first one. */
  readonly file: string | null;
  readonly size: number;
}

export const firstHead: Head = { sequence: 0, hash: beginning.hash, file: null, size: 0 };

/** Always the same length, so that it is overwritten in place: one write into one disk block. */
const length = 256;
const what = 'the audit head';

export function renderHead(head: Head): string {
  return `${canonicalJson(head).padEnd(length - 1)}\n`;
}

/** Reads what {@link renderHead} wrote; null for anything else, down to a changed space. */
export function parseHead(text: string): Head | null {
  try {
    const { sequence, hash, file, size } = JSON.parse(text) as Head;
    const head = sequence === 0 ? firstHead : { sequence, hash, file, size };
    return renderHead(head) === text ? head : null;
  } catch {
    return null;
  }
}

/**
 * Reads `head.json`; null when it is missing. Call it under the lock: it is overwritten in place.
 *
 * @throws {AuditDamagedError} when it is not as it was written
 */
export function readHead(path: string): Head | null {
  const text = readHeadText(path);
  if (text === null) return null;
  const head = parseHead(text);
  if (head === null) throw new AuditDamagedError(path, 'head.json is not as it was written');
  return head;
}

/** The bytes of `head.json`, one character each; null when it is missing. */
export function readHeadText(path: string): string | null {
  let descriptor: number;
  try {
    descriptor = openPrivateFileSync(path, what);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return readFileSync(descriptor, 'latin1');
  } finally {
    closeSync(descriptor);
  }
}

/** Overwrites an existing `head.json` in place. Not synced: it may lag. */
export function overwriteHead(path: string, head: Head): void {
  const descriptor = openPrivateFileSync(path, what, constants.O_WRONLY);
  try {
    writeSync(descriptor, renderHead(head), 0, 'latin1');
  } finally {
    closeSync(descriptor);
  }
}
