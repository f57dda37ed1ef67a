import type { AuditRecord } from './event.ts';
import type { Line } from './chain-files.ts';
import type { AuditProblem } from './problem.ts';
import {
  beginning,
  linkFault,
  linkOf,
  readLine,
  type ChainLink,
  type Expected,
  type LineFault,
  type LinkFault,
} from './record.ts';

const lineFaults: Readonly<Record<LineFault, string>> = {
  not_utf8: 'the line was changed: it is not UTF-8',
  not_a_record: 'the line is not an audit record',
  record_changed: 'the record was changed after it was written: its hash does not fit',
};

/** Where a record stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
  /** Byte after its line feed. */
  readonly end: number;
}

/** Walks along the chain, line by line, and notes what does not fit; after each fault it goes on from what is there. */
export class ChainWalk {
  readonly problems: AuditProblem[] = [];
  /** Lines that are records by their own hash. */
  records = 0;
  /** The last record that is as it was written. */
  last: ChainLink = beginning;
  #expected: Expected = beginning;

  /** Takes the next line; gives its record when that is as it was written. */
  take(line: Line, place: Place): AuditRecord | null {
    const { record, fault } = readLine(line.bytes);
    if (fault !== null || record === null) {
      this.#note(fault ?? 'not_a_record', place, withNumber(lineFaults[fault ?? 'not_a_record'], record));
      this.#expected = { sequence: this.#expected.sequence + 1, hash: null };
      return null;
    }
    const wrong = linkFault(record, this.#expected, place.line === 1);
    if (wrong !== null) this.#note(wrong, place, linkSentence(wrong, record, this.#expected));
    this.records += 1;
    this.last = linkOf(record);
    this.#expected = this.last;
    return record;
  }

  /** Takes a line without an end in a place where there should be none. */
  takeTorn(place: Place): void {
    this.#note('torn_line', place, 'the line has no end, although more was written after it');
    this.#expected = { sequence: this.#expected.sequence + 1, hash: null };
  }

  #note(kind: LineFault | LinkFault | 'torn_line', place: Place, sentence: string): void {
    this.problems.push({ kind, file: place.file, line: place.line, sentence });
  }
}

function withNumber(sentence: string, record: AuditRecord | null): string {
  return record === null ? sentence : `${sentence} (record ${record.sequence})`;
}

function linkSentence(fault: LinkFault, record: AuditRecord, before: Expected): string {
  const { sequence } = record;
  if (fault === 'line_repeated') return `record ${sequence} stands here a second time`;
  const missing = sequence - before.sequence - 1;
  if (missing === 1) return `record ${sequence - 1}, which belongs before this one, is missing`;
  if (missing > 1)
    return `records ${before.sequence + 1} to ${sequence - 1}, which belong before this one, are missing`;
  if (missing < 0) return `record ${sequence} stands after record ${before.sequence}: it was moved, repeated or put in`;
  return `record ${sequence} does not follow from the one before it: one of them was put in`;
}
