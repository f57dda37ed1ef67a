import type { CredentialRequest, CredentialSet, PlatformIo, SecretFile } from '../domain/credential.ts';
import type { Claims } from '../domain/token.ts';
import type { Verdict } from '../domain/trust.ts';
import type { CauseTable } from './likely-causes.ts';
import type { VariableReader, VariableTable } from './variables.ts';

/** A credential set and the configuration it belongs to. */
export interface TaggedSet {
  /** Null for the default configuration. */
  readonly tag: string | null;
  readonly set: CredentialSet;
}

/** What a platform adds beside the single configurations. */
export interface SharedFiles {
  readonly environment: Readonly<Record<string, string>>;
  readonly files: readonly SecretFile[];
}

/** What a trust document is asked. */
export interface TrustQuestion {
  readonly claims: Claims;
  readonly at: Date;
  /** What the token is offered to, as in {@link CredentialRequest.offered}: a role, a service account … */
  readonly offered: string | null;
}

/** What a platform would say to a token, from its own trust document. */
export interface TrustAnswer extends Verdict {
  /** The platform's own error; null when the token is accepted. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Why not, in sentences with both values; empty when it is accepted. */
  readonly reasons: readonly string[];
  /** Whom the platform takes the token for, in its own terms; null when it is refused. */
  readonly identity: string | null;
}

/** A platform's native trust document, judged without asking the platform. */
export interface TrustFormat {
  /** What the document is and how to get it, for people; lines of at most 100 characters. */
  readonly document: string;
  /** @throws {TrustDocumentError} when the platform would refuse the document, with line and column */
  judge(document: string, question: TrustQuestion): Promise<TrustAnswer>;
}

/** A relying party: one folder each, listed once in `registry.ts`. */
export interface Platform extends VariableTable {
  /** Whether a short token may be renewed into its file. */
  readonly rereadsToken: boolean;
  /** Names that a user should not set beside this platform: they win over what Hallpass sets, or contradict it. */
  readonly conflicts: readonly string[];
  /**
   * Variables that say where Hallpass itself sends a token, to exchange it or to ask why it was refused. Switches
   * (`TFC_…`) without `DEFAULT` and tag.
   */
  readonly addresses: readonly string[];
  readonly trust: TrustFormat;
  /** What is behind its refusals; loaded when asked for, since only explanations and the docs need it. */
  causes(): Promise<CauseTable>;
  /** Pure: variables → a checked request; the reader is bound to one tag and phase. */
  request(read: VariableReader): CredentialRequest;
  /**
   * Files and environment for all configurations at once, used while the platform has tags.
   *
   * @param directory where the files will lie; absolute
   */
  together?(parts: readonly TaggedSet[], directory: string): SharedFiles;
  /**
   * Ends credentials at the platform, from a set's `revocation` alone: whoever obtained them may be dead. Ending what has
   * ended already is no error.
   *
   * @param revocation the JSON text of {@link CredentialSet.revocation}
   * @throws {AppError} when the platform could not be asked, or said no
   */
  revoke?(revocation: string, io: Pick<PlatformIo, 'fetch' | 'now'>): Promise<void>;
}
