import type { Check } from '../domain/trust.ts';

/** What the log and a later explanation should know of a refusal beside the platform's own words. */
export interface RefusalDetail {
  /** One sentence for each failed check, with both values. */
  readonly reasons?: readonly string[];
  readonly checks?: readonly Check[];
}

/**
 * A refusal as a platform words it. Handlers throw it; the stand-in turns it into the platform's own form. Its message
 * goes over the wire and into the log, so it never holds a token, a secret or a signature.
 */
export abstract class StandInRefusal extends Error {
  /** The platform's own: `AccessDenied`, `invalid_grant`, `AADSTS700213`, … */
  readonly code: string;
  /** Of HTTP. */
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
