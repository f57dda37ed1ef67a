import type { Check } from '../../domain/trust.ts';

/** An answer other than success: the server's status and words, and the reasons that it does not give. */
export class VaultRefusal extends Error {
  readonly status: number;
  /** Empty for "there is nothing here". */
  readonly errors: readonly string[];
  readonly reasons: readonly string[];
  readonly checks: readonly Check[];

  constructor(
    status: number,
    errors: string | readonly string[],
    about: { readonly reasons?: readonly string[]; readonly checks?: readonly Check[] } = {},
  ) {
    super(typeof errors === 'string' ? errors : errors.join('; '));
    this.name = new.target.name;
    this.status = status;
    this.errors = typeof errors === 'string' ? [errors] : errors;
    this.reasons = about.reasons ?? [];
    this.checks = about.checks ?? [];
  }
}

/** No token, or one that is none: the short words. */
export function notAuthenticated(reason: string): VaultRefusal {
  return new VaultRefusal(403, 'permission denied', { reasons: [reason] });
}

/** A policy does not allow it: the words with a list. */
export function notAllowed(reason: string): VaultRefusal {
  return new VaultRefusal(403, oneError('permission denied'), { reasons: [reason] });
}

/** An error as the server's list of errors prints it. */
export function oneError(words: string): string {
  return `1 error occurred:\n\t* ${words}\n\n`;
}
