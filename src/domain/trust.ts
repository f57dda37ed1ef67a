import { AppError } from './errors.ts';

/** Pass, fail, or unknown: an input that we do not have, or a construct that we do not model. */
export type CheckResult = 'pass' | 'fail' | 'unknown';

/** One check of a decision, passed or not, with what was compared. */
export interface Check {
  /** Which part of the decision: `issuer`, `audience`, `statement 1`, … */
  readonly step: string;
  /** The claim, condition key or field that was looked at. */
  readonly key: string;
  /** How it was compared: `StringEquals`, `StringLike`, … */
  readonly operator: string;
  readonly expected: string;
  readonly actual: string | null;
  readonly result: CheckResult;
  /** One sentence for people, with both values. */
  readonly sentence: string;
}

/** The outcome of a trust policy against a token: every check, passed or not. */
export interface Verdict {
  readonly allowed: boolean;
  readonly checks: readonly Check[];
}

/** A trust document that its platform would refuse; says where. */
export class TrustDocumentError extends AppError {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 code units. */
  readonly column: number;

  constructor(at: { readonly line: number; readonly column: number }, what: string, mend: string) {
    super('trust_document_invalid', { what, where: `line ${at.line}, column ${at.column}`, mend });
    this.line = at.line;
    this.column = at.column;
  }
}
