/** What went wrong, for people: what is wrong, where, and how to mend it. Never carries a secret. */
export interface Problem {
  readonly what: string;
  readonly where?: string;
  readonly mend?: string;
}

/**
 * Stable names of what can go wrong, for programs. A code is never renamed in a minor version.
 * One line per code; keep the list sorted.
 */
export type ErrorCode =
  | 'audit_damaged'
  | 'audit_nothing_found'
  | 'audit_write_failed'
  | 'claim_invalid'
  | 'command_failed'
  | 'configuration_invalid'
  | 'data_directory_insecure'
  | 'directory_invalid'
  | 'exchange_failed'
  | 'exchange_refused'
  | 'file_exists'
  | 'file_read_failed'
  | 'file_write_failed'
  | 'identity_not_allowed'
  | 'internal'
  | 'interrupted'
  | 'issuer_check_failed'
  | 'issuer_invalid'
  | 'key_damaged'
  | 'key_encryption_key_invalid'
  | 'key_missing'
  | 'key_not_ready'
  | 'listen_failed'
  | 'lock_busy'
  | 'name_invalid'
  | 'program_missing'
  | 'settings_invalid'
  | 'token_invalid'
  | 'trust_document_invalid'
  | 'unsupported'
  | 'usage';

/**
 * The base of every error that Hallpass itself raises: `code` is for programs, `problem` for people.
 * A subclass exists for each thing that a caller would handle differently.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly problem: Problem;

  constructor(code: ErrorCode, problem: Problem, options?: ErrorOptions) {
    super(problem.what, options);
    this.name = new.target.name;
    this.code = code;
    this.problem = problem;
  }
}

/** The command line was used wrongly; exit code 2 (125 in `exec`). */
export class UsageError extends AppError {
  constructor(problem: Problem, options?: ErrorOptions) {
    super('usage', problem, options);
  }
}

/** A setting, in `hallpass.yaml`, a variable or a flag, cannot be used. */
export class SettingsError extends AppError {
  constructor(problem: Problem, options?: ErrorOptions) {
    super('settings_invalid', problem, options);
  }
}

/** A platform's `TFC_…` variables do not make a configuration; names every variable that was tried. */
export class ConfigurationError extends AppError {
  constructor(problem: Problem, options?: ErrorOptions) {
    super('configuration_invalid', problem, options);
  }
}
