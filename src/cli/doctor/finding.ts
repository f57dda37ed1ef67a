import { AppError } from '../../domain/errors.ts';

/** One thing that `doctor` looked at. */
export interface Finding {
  /** What was looked at: `data directory`, `clock`, … */
  readonly check: string;
  /** `problem`: something will fail, or is unsafe. `note`: good to know. */
  readonly state: 'ok' | 'note' | 'problem';
  readonly what: string;
  readonly mend: string | null;
}

export function finding(check: string, state: Finding['state'], what: string, mend: string | null = null): Finding {
  return { check, state, what, mend };
}

/** Runs a check; an error of ours becomes a problem, so that the other checks still run. */
export async function looked(check: string, look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { what, where, mend } = error.problem;
    return [finding(check, 'problem', where === undefined ? what : `${what} (${where})`, mend ?? null)];
  }
}
