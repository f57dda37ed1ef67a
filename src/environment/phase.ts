import type { Readable, Writable } from 'node:stream';
import type { AuditLog } from '../audit/log.ts';
import type { CredentialRequest, Refusal } from '../domain/credential.ts';
import type { Lease } from '../domain/lease.ts';
import type { Secret } from '../domain/secret.ts';
import type { IdentityToken, TokenSource } from '../domain/token.ts';
import type { Platform } from '../platforms/platform.ts';
import type { SignalSource } from './signals.ts';

/** How far the child is kept from what belongs to Hallpass. `auto` takes `mask` where the system can. */
export type Isolation = 'auto' | 'mask' | 'off';

/** What the run environment must know of the caller and of Hallpass' own places. */
export interface EnvironmentSettings {
  /** The caller's own variables; only the allow-list and the named ones reach the child. */
  readonly parentEnvironment: Readonly<Record<string, string>>;
  readonly homeDirectory: string;
  /** Where the child starts; absolute. */
  readonly workingDirectory: string;
  readonly dataDirectory: string;
  readonly keyEncryptionKeyFile: string;
  /** Base of the private directories; null: a RAM-backed file system, else `/tmp`. */
  readonly runDirectory: string | null;
  /** Names of the caller's variables that reach the child beside the allow-list. */
  readonly passEnvironment: readonly string[];
  /** The child keeps the caller's HOME instead of a private one. */
  readonly inheritHome: boolean;
  readonly isolation: Isolation;
  /** Whether output is redacted; `auto`: everywhere but on a terminal. */
  readonly redact: boolean | 'auto';
  /** False where nobody is at the keyboard: Terraform then asks nothing. Default true. */
  readonly interactive?: boolean;
}

/** A program and its arguments, as the user wrote them; no shell is in between. */
export interface Command {
  /** A name that is looked up in the child's PATH, or a path. */
  readonly file: string;
  readonly args: readonly string[];
}

/** Everything that makes up one phase, checked. */
export interface PhaseRun {
  readonly lease: Lease;
  readonly requests: readonly CredentialRequest[];
  readonly tokens: TokenSource;
  readonly command: Command;
  /** The workload's variables that are not `TFC_…`: they reach the child as they are. */
  readonly variables: ReadonlyMap<string, Secret | string>;
  /** Values of Terraform's variables: they reach the child as `TF_VAR_…`. */
  readonly terraformVariables: ReadonlyMap<string, Secret | string>;
  /** Lifetime of short tokens, to be renewed; null: tokens live as long as the phase may. */
  readonly tokenLifetimeSeconds: number | null;
  /** Whether platforms whose clients fetch tokens get an address for it. Default false. */
  readonly tokenEndpoint?: boolean;
  /** Default: all that there are. */
  readonly platforms?: readonly Platform[];
  /** Whether a failed child has its exchanges tried once, to say why; a function decides by the exit code. */
  readonly explain: boolean | ((exitCode: number) => boolean);
  readonly settings: EnvironmentSettings;
  readonly audit: AuditLog;
  readonly report: (event: PhaseEvent) => void;
  /** The private directory that a saved plan demands. */
  readonly directoryHint?: string;
}

/** The world as a phase may touch it. */
export interface PhaseIo {
  readonly fetch: typeof fetch;
  readonly now: () => Date;
  readonly stdin: Readable & { readonly isTTY?: boolean; readonly fd?: number };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly signals: SignalSource;
}

/** Where output goes; a terminal is handed to the child by its file descriptor. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly fd?: number };

/** What became of a command. */
export interface PhaseOutcome {
  /** The child's own; 128+n when a signal ended it, 127 not found, 126 not executable. */
  readonly exitCode: number;
  /** Name of the signal that ended the child, such as `SIGINT`. */
  readonly signal: string | null;
  /** Why platforms refuse the phase's tokens; only looked for after a failure. */
  readonly refusals: readonly Refusal[];
  /** The private directory; removed when the phase has ended, empty when none was made. */
  readonly directory: string;
}

/** What happens in a phase, for those who show it. Holds no secret. */
export type PhaseEvent =
  | {
      readonly type: 'environment_opened';
      readonly directory: string;
      readonly temporaryDirectory: string;
      readonly isolation: 'mask' | 'off';
    }
  | {
      readonly type: 'token_minted';
      readonly token: Omit<IdentityToken, 'compact'>;
      readonly request: CredentialRequest;
    }
  | {
      readonly type: 'credentials_ready';
      readonly platform: string;
      readonly tag: string | null;
      readonly offered: string | null;
      readonly expiresAt: Date | null;
    }
  | {
      /** An exchange takes long. */
      readonly type: 'exchange_waiting';
      readonly platform: string;
      readonly tag: string | null;
      /** Origin of the address that was asked last; null when none was. */
      readonly address: string | null;
    }
  | { readonly type: 'command_started'; readonly command: Command; readonly pid: number }
  | { readonly type: 'command_ended'; readonly exitCode: number; readonly signal: string | null }
  | { readonly type: 'signal_forwarded'; readonly signal: string }
  | {
      readonly type: 'credentials_renewed';
      readonly platform: string;
      readonly tag: string | null;
      readonly expiresAt: Date | null;
    }
  | { readonly type: 'credentials_revoked'; readonly platform: string; readonly tag: string | null }
  | {
      readonly type: 'revocation_failed';
      readonly platform: string;
      readonly tag: string | null;
      readonly reason: string;
      /** When the credentials end by themselves; null when that is not known. */
      readonly expiresAt: Date | null;
      /** Whether following commands try again until then. */
      readonly triedAgain: boolean;
    }
  | { readonly type: 'refused'; readonly refusal: Refusal }
  | { readonly type: 'leftovers_cleared'; readonly directories: readonly string[]; readonly interrupted: boolean }
  | { readonly type: 'torn_down'; readonly removed: readonly string[] }
  | { readonly type: 'warning'; readonly text: string; readonly mend?: string };

/** The environment of one open phase; leaving its scope takes it down. */
export interface PhaseEnvironment extends AsyncDisposable {
  readonly directory: string;
  /** Runs a command in it and waits. Several commands may run one after the other. */
  run(command: Command): Promise<PhaseOutcome>;
}
