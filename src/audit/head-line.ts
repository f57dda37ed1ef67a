import type { ChainLink } from './record.ts';

/** A head as somebody noted it elsewhere. */
export interface Anchor {
  readonly sequence: number;
  readonly hash: string;
  readonly at: string;
}

/** The one line to keep elsewhere: `hallpass-audit-head SEQUENCE HASH TIME`. */
export function renderHeadLine(head: ChainLink): string {
  return `hallpass-audit-head ${head.sequence} ${head.hash} ${head.at ?? '-'}`;
}

/** Every head line in a text, be it one line, a note or a log with many. */
export function findHeadLines(text: string): Anchor[] {
  return [...text.matchAll(/\bhallpass-audit-head (\d{1,15}) ([0-9a-f]{64}) (\S+)/g)].map(([, sequence, hash, at]) => ({
    sequence: Number(sequence),
    hash: hash!,
    at: at!,
  }));
}
