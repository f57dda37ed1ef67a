import type { Check } from '../../domain/trust.ts';

/** What the log and a later explanation should know of a refusal beside AWS' own words. */
export interface RefusalDetail {
  /** One sentence for each failed check, with both values. */
  readonly reasons?: readonly string[];
  readonly checks?: readonly Check[];
}

/**
 * A refusal as AWS words it. Handlers throw it; the server turns it into the answer of the caller's protocol. Its
 * message goes over the wire and into the log, so it never holds a token, a secret or a signature.
 */
export class AwsRefusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly reasons: readonly string[];
  readonly checks: readonly Check[];

  constructor(code: string, status: number, message: string, detail: RefusalDetail = {}) {
    super(message);
    this.name = new.target.name;
    this.code = code;
    this.status = status;
    this.reasons = detail.reasons ?? [];
    this.checks = detail.checks ?? [];
  }
}
