import type { webcrypto } from 'node:crypto';
import type { PublicJwk } from '../jwk.ts';
import type { KeyRing } from '../key-ring.ts';

/** The ring as it is kept, with the public half of every key in it. The same object as long as nothing changed. */
export interface StoredRing {
  readonly ring: KeyRing;
  readonly publicJwks: ReadonlyMap<string, PublicJwk>;
}

/** Makes a key pair and gives its `kid`; it is kept only if it stands in the ring that the change ends with. */
export type MakeKey = () => Promise<string>;

/** What a change makes of the ring. */
export interface RingChange {
  /** The same object as before: nothing is written. */
  readonly ring: KeyRing;
  /** Runs when all is ready to be written, and prevents it by failing: the audit comes first. */
  readonly beforeWrite?: () => Promise<void>;
}

/** Where keys are kept. */
export interface KeyStore {
  /** The ring as it stands now, also when another process has changed it; null where no keys were made. Cheap. */
  read(): Promise<StoredRing | null>;
  /** Changes the ring; nobody else does at the same time. The result is durable when the promise resolves. */
  change(step: (ring: KeyRing | null, makeKey: MakeKey) => Promise<RingChange>): Promise<StoredRing>;
  /**
   * The private key, ready to sign; kept in the process after the first time. Null when there is none: the key was
   * retired or dropped since the ring was read.
   */
  signingKey(kid: string): Promise<webcrypto.CryptoKey | null>;
}
