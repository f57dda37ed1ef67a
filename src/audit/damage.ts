import { AppError } from '../domain/errors.ts';

/** The audit is not what was written: nothing more is audited, and so no token minted, until somebody has looked. */
export class AuditDamagedError extends AppError {
  constructor(where: string, what: string, options?: ErrorOptions) {
    super(
      'audit_damaged',
      {
        what: `the audit is damaged: ${what}`,
        where,
        mend: 'see all of it with "hallpass audit verify"; to go on in a new file: "hallpass audit verify --accept-damage"',
      },
      options,
    );
  }
}
