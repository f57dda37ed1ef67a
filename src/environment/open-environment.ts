import type { CredentialRequest, CredentialSet } from '../domain/credential.ts';
import type { Problem } from '../domain/errors.ts';
import type { IdentityToken } from '../domain/token.ts';
import type { Platform } from '../platforms/platform.ts';
import type { InstalledSet } from './child-environment.ts';
import type { IsolationChoice } from './isolation.ts';
import type { PhaseOutput } from './output.ts';
import type { OwnerNote } from './owner.ts';
import type { PhaseIo, PhaseRun } from './phase.ts';
import type { SecretList } from './redaction.ts';
import type { Revocations } from './revocations.ts';
import type { OpenTokenEndpoint } from './token-endpoint.ts';

/** Credentials that are replaced, in their files, before they expire. */
export interface Renewal {
  /** Ends it, after the write that is under way. */
  stop(): Promise<void>;
}

/** The private places of a phase, and what lies in them. */
export interface OpenEnvironment {
  readonly run: PhaseRun;
  readonly io: PhaseIo;
  readonly isolation: IsolationChoice;
  /** Where private directories lie. */
  readonly bases: readonly string[];
  /** The private directory: credentials, HOME. */
  readonly directory: string;
  /** A second one on disk: TMPDIR, and raw output where RAM is short. */
  readonly diskDirectory: string;
  readonly home: string;
  readonly temporaryDirectory: string;
  /** What platforms may look at of the child's environment before any credentials: regions, endpoints, authorities. */
  platformVariables: Readonly<Record<string, string>>;
  readonly secrets: SecretList;
  readonly output: PhaseOutput;
  readonly installed: Installed[];
  /** Files that are being written. */
  readonly installing: Promise<void>[];
  /** Exchanges under way. */
  readonly obtaining: Set<Promise<unknown>>;
  readonly platforms: readonly Platform[];
  readonly revocations: Revocations;
  /** Where the command fetches fresh tokens, while the phase is open. */
  readonly tokenEndpoints: Map<CredentialRequest, OpenTokenEndpoint>;
  /** Ends the calls of renewals: the phase is being taken down. */
  readonly closing: AbortController;
  renewal: Renewal | null;
  note: OwnerNote;
  /** No configuration may be installed any more. */
  isClosing: boolean;
  readonly reported: Set<string>;
}

/** A configuration in place, with the token that it was made from. */
export interface Installed extends InstalledSet {
  readonly request: CredentialRequest;
  readonly directory: string;
  set: CredentialSet;
  token: IdentityToken;
}
/** From now on the value is replaced in output; says once when it is too short for that. */
export function addSecret(environment: OpenEnvironment, name: string, value: string): void {
  if (environment.secrets.add(value)) return;
  warn(environment, {
    what: `the value of ${name} is too short to be hidden in output (under 8 characters)`,
    mend: 'use a longer value, or keep it out of the output',
  });
}

/** Reports a warning, each once a phase. */
export function warn(environment: Pick<OpenEnvironment, 'run' | 'reported'>, problem: Problem): void {
  if (environment.reported.has(problem.what)) return;
  environment.reported.add(problem.what);
  environment.run.report({
    type: 'warning',
    text: problem.what,
    ...(problem.mend === undefined ? {} : { mend: problem.mend }),
  });
}
