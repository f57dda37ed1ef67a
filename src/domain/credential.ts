import { AppError, type Problem } from './errors.ts';
import type { Secret } from './secret.ts';
import type { IdentityToken } from './token.ts';

/** A file of a credential set: mode 0600, no trailing newline is added. */
export interface SecretFile {
  /** Plain file name inside the configuration's own directory ({@link PlatformIo.directory}). */
  readonly name: string;
  readonly contents: Secret | string;
}

/** What came back from an exchange, or what lets the provider exchange, made ready for one phase. */
export interface CredentialSet {
  /** Only reaches the child while the platform has no tagged configuration (manual tokens always do). */
  readonly environment: Readonly<Record<string, Secret | string>>;
  readonly files: readonly SecretFile[];
  /** This configuration's entry in `tfc_<platform>_dynamic_credentials`; null where there is no such variable. */
  readonly input: Readonly<Record<string, string | null>> | null;
  readonly expiresAt: Date | null;
  /** When `renew` is due by itself, such as at half of a lease; absent: it follows the identity token's own lifetime. */
  readonly renewAt?: Date;
  /**
   * JSON text from which the platform's `revoke` can end these credentials at the platform, by another process if need be.
   * Stored encrypted before anything is handed out.
   */
  readonly revocation?: Secret;
  /** What the user should know of these credentials, such as that they cannot be renewed any further. */
  readonly warnings?: readonly Problem[];
  /**
   * Makes the set anew; present where the platform re-reads its files, or where we keep a lease alive. Files that it does
   * not name stay as they are; a set without `renew` and `renewAt` ends the renewing.
   */
  renew?(fresh: () => Promise<IdentityToken>): Promise<CredentialSet>;
}

/** The world as a platform may touch it. */
export interface PlatformIo {
  readonly fetch: typeof fetch;
  /** `fetch` for a server whose CA (PEM) is private; absent: that of the platforms. It heeds no signal but a call's own. */
  readonly fetchTrusting?: (ca: string) => typeof fetch;
  readonly now: () => Date;
  /** Ends all waiting, for calls and pauses beside `fetch`, which heeds it by itself. */
  readonly signal?: AbortSignal;
  /** Absolute path of this configuration's private directory, the same in plan and apply. */
  readonly directory: string;
  /** `<run id>-<phase>`: the session name that ties the platform's own log to our audit. */
  readonly sessionName: string;
  /** The child's environment as it will be, for endpoints and regions; never for credentials. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where the command may fetch fresh tokens for this configuration's audience; absent unless opted in. */
  readonly tokenEndpoint?: TokenEndpoint;
}

/** A loopback address that hands out fresh identity tokens of one phase, for one audience. */
export interface TokenEndpoint {
  /** `http://127.0.0.1:PORT/…`; `?audience=` is added by the caller. */
  readonly url: string;
  /** 256 bits, to be sent as `Authorization: Bearer`. */
  readonly bearer: Secret;
}

/** A platform's refusal of a token, with all that may be shown. */
export interface Refusal {
  readonly platform: string;
  readonly tag: string | null;
  /** The role or the like that was asked for. */
  readonly role: string | null;
  /** The platform's own error code, such as `AccessDenied`. */
  readonly code: string;
  /** The platform's own words. */
  readonly message: string;
  readonly status: number | null;
  readonly requestId: string | null;
  /** The three likeliest causes, likeliest first, each a sentence with what to look at. */
  readonly causes: readonly string[];
  /** Reasons that only a stand-in gives: checks that failed, as sentences with both values. */
  readonly reasons: readonly string[];
}

/** An exchange that Hallpass makes itself was refused: there are no credentials, and all that may be shown is known. */
export class ExchangeRefused extends AppError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, where: string) {
    const what = `${refusal.platform} refused this phase's token: ${refusal.code}: ${refusal.message}`;
    const [likeliest] = refusal.causes;
    super('exchange_refused', { what, where, ...(likeliest === undefined ? {} : { mend: likeliest }) });
    this.refusal = refusal;
  }
}

/** One configuration of one platform, checked, for one phase: knows its audience and how to use a token. */
export interface CredentialRequest {
  readonly platform: string;
  readonly tag: string | null;
  readonly audience: string;
  /** What the token is offered to (a role ARN …), for audit and explanations. */
  readonly offered: string | null;
  /**
   * Who gets to see the token, where that is one of many and not a cloud: an address. Whoever has it could offer it to
   * another that takes the same audience.
   */
  readonly relyingParty?: string;
  /** Whether a short token may be renewed into its file. */
  readonly rereadsToken: boolean;
  /** Whether the platform's clients can fetch fresh tokens from {@link PlatformIo.tokenEndpoint}. */
  readonly fetchesTokens?: boolean;
  /** How long `obtain` may take by its own limit, in seconds; absent: it keeps to the usual one. */
  readonly obtainSeconds?: number;
  obtain(token: IdentityToken, io: PlatformIo): Promise<CredentialSet>;
  /** Tries the exchange once to say why it is refused; null when it is not, or when the platform cannot be reached. */
  explain?(token: IdentityToken, io: PlatformIo): Promise<Refusal | null>;
}
