import { AppError } from '../domain/errors.ts';

/** Where to look for programs: as the caller's shell would. */
export interface ProgramPlaces {
  readonly workingDirectory: string;
  /** The caller's own variables; version managers need theirs, and HOME, before the phase gets another. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A program that cannot be run. `exitCode` is what a shell would give: 127 not found, 126 not executable. */
export class ProgramError extends AppError {
  readonly exitCode: 126 | 127;

  constructor(exitCode: 126 | 127, problem: { what: string; where?: string; mend?: string }, options?: ErrorOptions) {
    super('program_missing', problem, options);
    this.exitCode = exitCode;
  }
}
