import { StandInRefusal, type RefusalDetail } from '../refusal.ts';

/** An answer other than success: the server's status and words, and the reasons that it does not give. */
export class VaultRefusal extends StandInRefusal {
  /** Empty for "there is nothing here". */
  readonly errors: readonly string[];

  constructor(status: number, errors: string | readonly string[], detail?: RefusalDetail) {
    const list = typeof errors === 'string' ? [errors] : errors;
    super(String(status), status, list.join('; ').replaceAll(/\s+/g, ' ').trim(), detail);
    this.errors = list;
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
