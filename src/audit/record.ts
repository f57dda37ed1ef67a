import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { canonicalJson } from './canonical.ts';
import type { AuditRecord, NewAuditEvent } from './event.ts';

/** Where a chain stands: its last record. */
export interface ChainLink {
  /** Number of records; 0 before the first. */
  readonly sequence: number;
  readonly hash: string;
  /** Time of the last record; null before the first. */
  readonly at: string | null;
}

export const beginning: ChainLink = { sequence: 0, hash: '0'.repeat(64), at: null };

/** Bytes of a record at most; what is longer is a mistake, and would make reading from the end slow. */
export const longestRecord = 256 * 1024;

/** Bytes of `,"hash":"…"}`, the end of every line. */
const sealLength = 75;
const closingBrace = 0x7d;
const comma = 0x2c;

/**
 * Gives an event its place in the chain. The line is the record's canonical JSON with `hash` put at its end, so that the
 * hash can be checked over the bytes as they lie on disk.
 *
 * @throws {TypeError} for what JSON cannot hold, {RangeError} for a record longer than {@link longestRecord}
 */
export function seal(
  event: NewAuditEvent,
  after: ChainLink,
  stamp: { readonly id: string; readonly at: string },
): { readonly record: AuditRecord; readonly line: string } {
  const open = { ...event, ...stamp, sequence: after.sequence + 1, previous_hash: after.hash };
  const text = canonicalJson(open);
  if (text.length > longestRecord) throw new RangeError(`a record of ${text.length} characters cannot be kept`);
  const digest = hash('sha256', text, 'hex');
  return { record: { ...open, hash: digest }, line: `${text.slice(0, -1)},"hash":"${digest}"}\n` };
}

/** What is wrong with a line by itself. */
export type LineFault = 'not_utf8' | 'not_a_record' | 'record_changed';

export interface LineReading {
  /** Null where the line does not even look like a record. */
  readonly record: AuditRecord | null;
  readonly fault: LineFault | null;
}

/** Reads one line, without its line feed, and checks its hash. Leaves the bytes as they were. */
export function readLine(line: Buffer): LineReading {
  if (!isUtf8(line)) return { record: null, fault: 'not_utf8' };
  const record = parseRecord(line);
  if (record === null) return { record, fault: 'not_a_record' };
  return { record, fault: sealHolds(line, record.hash) ? null : 'record_changed' };
}

/** Reads a line as a record, by its form alone; null when it is none. */
export function parseRecord(line: Buffer): AuditRecord | null {
  try {
    const value = JSON.parse(line.toString('utf8')) as Partial<AuditRecord> | null;
    const whole =
      typeof value?.id === 'string' &&
      typeof value.type === 'string' &&
      typeof value.actor === 'object' &&
      typeof value.workload === 'object' &&
      Number.isSafeInteger(value.sequence) &&
      isIsoTime(value.at) &&
      isHash(value.previous_hash) &&
      isHash(value.hash);
    return whole ? (value as AuditRecord) : null;
  } catch {
    return null;
  }
}

/** Hashes the line up to its seal, closed by a brace in place of the comma, without copying it. */
function sealHolds(line: Buffer, claimed: string): boolean {
  const end = line.length - sealLength;
  if (end < 1 || line[end] !== comma || line.toString('latin1', end) !== `,"hash":"${claimed}"}`) return false;
  line[end] = closingBrace;
  const digest = hash('sha256', line.subarray(0, end + 1), 'hex');
  line[end] = comma;
  return digest === claimed;
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isIsoTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(value);
}

/** What is wrong with a record's place. */
export type LinkFault = 'chain_broken' | 'sequence_wrong' | 'line_repeated';

/** What the next record must follow; the hash is null after a line whose hash nobody can know. */
export type Expected = { readonly sequence: number; readonly hash: string | null };

/**
 * Whether a record follows the one before. Damage that somebody accepted starts anew, at the top of a file: what stands
 * before it may have no readable end.
 */
export function linkFault(record: AuditRecord, before: Expected, firstOfFile: boolean): LinkFault | null {
  if (record.type === 'audit_damage_accepted' && firstOfFile) {
    return record.sequence > before.sequence ? null : 'sequence_wrong';
  }
  if (record.hash === before.hash) return 'line_repeated';
  if (before.hash !== null && record.previous_hash !== before.hash) return 'chain_broken';
  return record.sequence === before.sequence + 1 ? null : 'sequence_wrong';
}

/** The link that a record leaves behind. */
export function linkOf(record: AuditRecord): ChainLink {
  return { sequence: record.sequence, hash: record.hash, at: record.at };
}
