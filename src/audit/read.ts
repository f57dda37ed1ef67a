import { closeSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../files/file-failure.ts';
import { openPrivateFileSync } from '../files/private-file.ts';
import { auditFile, auditPaths, listChainFiles, readLines } from './chain-files.ts';
import type { AuditRecord } from './event.ts';
import { parseRecord } from './record.ts';

/** A record as it lies on disk, or a line that cannot be read as one. */
export interface StoredLine {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** The line as stored, without its line feed. */
  readonly text: string;
  readonly record: AuditRecord | null;
}

/**
 * Reads the audit of a data directory from the first record to the last, without checking hashes (`verify` does) and without
 * the lock: a last line that is just being written is left out. Nothing, when there is no audit yet.
 *
 * @throws {AppError} `data_directory_insecure`
 */
export function* readStoredLines(dataDirectory: string): Generator<StoredLine, void> {
  const { directory } = auditPaths(dataDirectory);
  for (const file of chainFilesIfAny(directory)) {
    const descriptor = openPrivateFileSync(join(directory, file), auditFile);
    try {
      let number = 0;
      for (const line of readLines(descriptor, 0, fstatSync(descriptor).size)) {
        number += 1;
        if (line.ended) {
          yield { file, line: number, text: line.bytes.toString('utf8'), record: parseRecord(line.bytes) };
        }
      }
    } finally {
      closeSync(descriptor);
    }
  }
}

/** The records of {@link readStoredLines} alone. */
export function* readRecords(dataDirectory: string): Generator<AuditRecord, void> {
  for (const { record } of readStoredLines(dataDirectory)) if (record) yield record;
}

/** Whether anything was ever audited in this data directory. */
export function hasAudit(dataDirectory: string): boolean {
  const { directory } = auditPaths(dataDirectory);
  return chainFilesIfAny(directory).length > 0;
}

function chainFilesIfAny(directory: string): string[] {
  try {
    return listChainFiles(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
