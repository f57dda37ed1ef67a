import type { CredentialRequest, CredentialSet, PlatformIo, SecretFile } from '../domain/credential.ts';
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

/** A relying party: one folder each, listed once in `registry.ts`. */
export interface Platform extends VariableTable {
  /** Whether a short token may be renewed into its file. */
  readonly rereadsToken: boolean;
  /** Names that a user should not set beside this platform: they win over what Hallpass sets, or contradict it. */
  readonly conflicts: readonly string[];
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
