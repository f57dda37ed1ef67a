import type { JsonObject } from '../domain/json.ts';
import type { Actor } from '../domain/lease.ts';
import type { Claims, TokenPurpose } from '../domain/token.ts';
import type { Phase, Workload } from '../domain/workload.ts';

/** How it ended: done, refused by somebody's rule, or failed for another reason. */
export type Outcome = 'ok' | 'refused' | 'failed';

export const outcomes: readonly Outcome[] = ['ok', 'refused', 'failed'];

/** Who knows it: we as issuer, the process that ran the phase, or a platform whose answer we received. */
export type KnownBy = 'issuer' | 'runner' | 'platform';

/** A workload as it stands in a record: names as they were then, and ids. */
export interface WorkloadRecord {
  readonly kind: Workload['kind'];
  readonly organization: string;
  readonly organization_id: string;
  readonly project: string | null;
  readonly project_id: string | null;
  readonly workspace: string | null;
  readonly workspace_id: string | null;
  readonly run_id: string;
  readonly phase: Phase;
  /** Module tests. */
  readonly module?: string;
  /** Stack deployments. */
  readonly stack?: string;
  readonly stack_id?: string;
  readonly deployment?: string;
}

/** All that may be kept of a token: its claims, which key signed it, and the SHA-256 of its compact form (hex). */
export interface TokenRecord {
  readonly jti: string;
  readonly sub: string;
  readonly aud: string;
  /** Seconds since 1970, as in the token. */
  readonly exp: number;
  readonly kid: string;
  readonly sha256: string;
  readonly claims: Claims;
}

/** A file as it was when it was recorded; `file` is relative to the audit directory. */
export interface FileRecord {
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
}

/** What every record has. */
interface Common {
  /** `evt-…`, random. */
  readonly id: string;
  /** Moment of recording, ISO 8601 in UTC with milliseconds. */
  readonly at: string;
  /** 1 for the first record of the chain. */
  readonly sequence: number;
  readonly outcome: Outcome;
  readonly actor: Actor | null;
  readonly workload: WorkloadRecord | null;
  /** Id of the lease under which it happened. */
  readonly lease: string | null;
  readonly known_by: KnownBy;
  /** SHA-256 (hex) of the record before; 64 zeros in the first one. */
  readonly previous_hash: string;
  /** SHA-256 (hex) of this record's canonical JSON without `hash`. */
  readonly hash: string;
}

/** A token was signed and released. */
export interface TokenMinted extends Common, TokenPurpose {
  readonly type: 'token_minted';
  readonly token: TokenRecord;
}

/** A token was asked for and not given. */
export interface TokenRefused extends Common, TokenPurpose {
  readonly type: 'token_refused';
  readonly audience: string;
  /** Our error code, such as `identity_not_allowed`. */
  readonly code: string;
  /** One sentence, without secrets. */
  readonly reason: string;
}

/** A platform did not accept a token. */
export interface ExchangeRefused extends Common, TokenPurpose {
  readonly type: 'exchange_refused';
  /** Of the token that was refused, where it is known. */
  readonly jti: string | null;
  /** The platform's own error code. */
  readonly code: string;
  /** The platform's own words. */
  readonly message: string;
  readonly status: number | null;
  readonly request_id: string | null;
}

/** Credentials were ended at their platform: when their phase ended, or by the next command after a `kill -9`. */
export interface CredentialsRevoked extends Common, TokenPurpose {
  readonly type: 'credentials_revoked';
}

/** Credentials could not be ended at their platform: they end by their own lifetime. */
export interface RevocationFailed extends Common, TokenPurpose {
  readonly type: 'revocation_failed';
  /** Why, in one sentence without secrets. */
  readonly reason: string;
  /** When they end by themselves, ISO 8601; null when that is not known. */
  readonly expires_at: string | null;
  /** Whether a following command tries again. */
  readonly tried_again: boolean;
}

/** A command was started with an identity. */
export interface PhaseStarted extends Common {
  readonly type: 'phase_started';
  /** Program and subcommand, such as `terraform plan`; never further arguments, which may hold secrets. */
  readonly command: string;
  /** The run environment's private directory. */
  readonly directory: string | null;
  readonly isolation: string | null;
}

/** The command ended, and its run environment was torn down. */
export interface PhaseEnded extends Common {
  readonly type: 'phase_ended';
  readonly exit_code: number | null;
  /** Signal that ended the command, such as `SIGINT`. */
  readonly signal: string | null;
  readonly duration_seconds: number;
}

/** What a killed Hallpass had left was cleared by a later one. */
export interface LeftoversCleared extends Common {
  readonly type: 'leftovers_cleared';
  readonly directories: readonly string[];
  /** Commands that still ran without their Hallpass and were ended. */
  readonly orphans: number;
}

/** A signing key changed its state. */
export interface KeyChanged extends Common {
  readonly type: 'key_created' | 'key_published' | 'key_activated' | 'key_retired' | 'key_removed' | 'key_compromised';
  readonly kid: string;
  /** Why or where, in words: `rotation`, `seen at https://…`. */
  readonly reason: string | null;
}

/** A key was taken out of published documents, without its data directory. */
export interface KeyWithdrawn extends Common {
  readonly type: 'key_withdrawn';
  readonly kid: string;
  readonly directory: string;
}

/** The private keys were encrypted under another key-encryption key. */
export interface KeysRewrapped extends Common {
  readonly type: 'keys_rewrapped';
  readonly kids: readonly string[];
}

/** Discovery document and keys were written as static files. */
export interface IssuerExported extends Common {
  readonly type: 'issuer_exported';
  readonly directory: string;
  readonly kids: readonly string[];
}

/** Discovery document and keys were fetched as a platform would fetch them. */
export interface IssuerChecked extends Common {
  readonly type: 'issuer_checked';
  readonly url: string;
  readonly kids: readonly string[];
  readonly problems: readonly string[];
}

/** Somebody let a `hallpass.yaml` choose an identity. */
export interface IdentityAllowed extends Common {
  readonly type: 'identity_allowed';
  /** Path of the `hallpass.yaml`. */
  readonly file: string;
  /** What it says about identity: issuer, names, ids. */
  readonly identity: JsonObject;
}

/** A last line without its end, never acknowledged, was moved out of the chain. */
export interface AuditLineSetAside extends Common {
  readonly type: 'audit_line_set_aside';
  /** File that it stood in, and the byte where it began. */
  readonly file: string;
  readonly offset: number;
  readonly set_aside: FileRecord;
}

/** Somebody accepted damage that `verify` had shown; the chain goes on in a new file. */
export interface AuditDamageAccepted extends Common {
  readonly type: 'audit_damage_accepted';
  /** How many problems there were, and the first ones in words. */
  readonly problem_count: number;
  readonly problems: readonly string[];
  /** Every file of the audit as it was accepted. */
  readonly files: readonly FileRecord[];
  /** Files that should have been there. */
  readonly missing: readonly string[];
}

/** The clock stands more than five minutes before the last record. */
export interface ClockSetBack extends Common {
  readonly type: 'clock_set_back';
  readonly last_at: string;
  readonly seconds: number;
}

/** Everything that the audit can hold, told apart by `type`. */
export type AuditEvent =
  | TokenMinted
  | TokenRefused
  | ExchangeRefused
  | CredentialsRevoked
  | RevocationFailed
  | PhaseStarted
  | PhaseEnded
  | LeftoversCleared
  | KeyChanged
  | KeyWithdrawn
  | KeysRewrapped
  | IssuerExported
  | IssuerChecked
  | IdentityAllowed
  | AuditLineSetAside
  | AuditDamageAccepted
  | ClockSetBack;

/** An event with its place in the chain, as it lies on disk. */
export type AuditRecord = AuditEvent;

export type AuditEventType = AuditEvent['type'];

type Sealed = 'id' | 'at' | 'sequence' | 'previous_hash' | 'hash';
type OmitEach<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** An event as its maker hands it in; the log adds time, id and place in the chain. */
export type NewAuditEvent = OmitEach<AuditEvent, Sealed>;
