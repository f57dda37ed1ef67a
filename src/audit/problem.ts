import type { LineFault, LinkFault } from './record.ts';

/** All that `verify` can find. */
export type ProblemKind =
  | LineFault
  | LinkFault
  | 'torn_line'
  | 'insecure'
  | 'head_missing'
  | 'head_damaged'
  | 'head_wrong'
  | 'chain_shortened'
  | 'set_aside_changed'
  | 'set_aside_missing'
  | 'accepted_file_changed'
  | 'accepted_file_missing'
  | 'anchor_missing'
  | 'anchor_wrong';

/** One thing that is wrong with the audit. */
export interface AuditProblem {
  readonly kind: ProblemKind;
  /** Relative to the audit directory. */
  readonly file: string;
  /** Counted from 1; null where it is about the whole file. */
  readonly line: number | null;
  /** What is wrong, without the place. */
  readonly sentence: string;
  readonly mend?: string;
}

/** A problem on one line, place first. */
export function problemText(problem: AuditProblem): string {
  const place = problem.line === null ? problem.file : `${problem.file}:${problem.line}`;
  return `${place}: ${problem.sentence}`;
}

/** Problems that accepting cannot mend: the mode of a file is changed by a command, an anchor is not ours. */
export function isAcceptable(problem: AuditProblem): boolean {
  return problem.kind !== 'insecure' && problem.kind !== 'anchor_missing' && problem.kind !== 'anchor_wrong';
}
