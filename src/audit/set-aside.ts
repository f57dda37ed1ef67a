import { hash } from 'node:crypto';
import { closeSync, constants, fsyncSync, ftruncateSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { openPrivateDirectory, openPrivateFileSync, writePrivateFile } from '../files/private-file.ts';
import { auditFile } from './chain-files.ts';
import type { FileRecord, NewAuditEvent } from './event.ts';
import type { TornLine } from './tail.ts';

/**
 * Moves a line without an end out of the chain: into `set-aside/` first, then out of its file. Gives the event that tells
 * of it. Call it under the lock.
 */
export async function setTornLineAside(directory: string, torn: TornLine): Promise<NewAuditEvent> {
  const descriptor = openPrivateFileSync(join(directory, torn.file), auditFile, constants.O_RDWR);
  try {
    const bytes = Buffer.alloc(torn.length);
    readSync(descriptor, bytes, 0, torn.length, torn.offset);
    // Named by its place and contents: done again after a crash, it gives the same file.
    const kept = await keepAside(directory, `${torn.file}-${torn.offset}`, bytes);
    ftruncateSync(descriptor, torn.offset);
    fsyncSync(descriptor);
    return {
      type: 'audit_line_set_aside',
      outcome: 'ok',
      known_by: 'issuer',
      actor: null,
      workload: null,
      lease: null,
      file: torn.file,
      offset: torn.offset,
      set_aside: kept,
    };
  } finally {
    closeSync(descriptor);
  }
}

/** Keeps bytes in `set-aside/` under a name that ends in the first 8 digits of their SHA-256. */
export async function keepAside(directory: string, name: string, bytes: Uint8Array): Promise<FileRecord> {
  const sha256 = hash('sha256', bytes, 'hex');
  const file = `set-aside/${name}-${sha256.slice(0, 8)}`;
  await openPrivateDirectory(join(directory, 'set-aside'), 'the audit directory');
  await writePrivateFile(join(directory, file), bytes);
  return { file, size: bytes.length, sha256 };
}
