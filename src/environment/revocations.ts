import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { leaseRecord } from '../audit/event-members.ts';
import type { CredentialRequest, CredentialSet } from '../domain/credential.ts';
import type { Problem } from '../domain/errors.ts';
import type { Lease } from '../domain/lease.ts';
import type { Secret } from '../domain/secret.ts';
import { writeSecretFile } from './directory.ts';
import { ownPart, type OwnerNote } from './owner.ts';
import { keepForLater } from './revocations-left.ts';
import { keyNameOf, makeKey, openKeyDirectory, removeKey } from './revocation-key.ts';
import { sealNote, type RevocationFacts } from './revocation-note.ts';
import { revoke, tellRevocation, type RevocationWorld } from './revoke.ts';

/** For all credentials of a phase together: nobody waits longer for a platform that does not answer. */
const limitMilliseconds = 10_000;

/** What a phase's revocations need to know of it. */
export interface RevocationsOf {
  readonly lease: Lease;
  readonly world: RevocationWorld;
  readonly note: OwnerNote;
  /** Where a key may lie ({@link keyPlaces}). */
  readonly keyPlaces: readonly string[];
  /** Says a warning once. */
  readonly warn: (problem: Problem) => void;
}

interface Entry {
  readonly id: string;
  readonly revocation: Secret;
  facts: RevocationFacts;
  /** The note on disk; null while there is none. */
  file: string | null;
}

interface Key {
  readonly directory: string;
  readonly bytes: Buffer;
}

/**
 * What has to be ended at the platforms when a phase ends, whichever way it does. Each is noted, encrypted, in the phase's
 * directory on disk, so that the next Hallpass can end it after a `kill -9` of this one; the key lies in RAM.
 */
export class Revocations {
  readonly #of: RevocationsOf;
  readonly #entries: Entry[] = [];
  #key: Promise<Key | null> | null = null;
  #isOver = false;
  /** A note waits for a following command, and its key with it. */
  #hasKept = false;

  constructor(of: RevocationsOf) {
    this.#of = of;
  }

  /** Notes what ends a set. Before anything of the set is written, or handed out. */
  async note(request: CredentialRequest, set: CredentialSet): Promise<void> {
    const entry = this.#entryOf(request, set);
    if (entry === null) return;
    const key = await (this.#key ??= this.#makeKey());
    if (key === null) {
      this.#of.warn({
        what: `after kill -9 of Hallpass the credentials for ${request.platform} end by their own lifetime only: there is no place in RAM for the key of a note about them`,
        mend: 'let /dev/shm or $XDG_RUNTIME_DIR be a tmpfs that you can write to',
      });
      return;
    }
    const file = join(this.#of.note.diskDirectory, ownPart, `${entry.id}.revocation`);
    await writeSecretFile(file, sealNote(entry.facts, entry.revocation, key.bytes));
    entry.file = file;
  }

  /** Credentials that nobody will use any more, since the phase is ending or has ended. */
  async late(request: CredentialRequest, set: CredentialSet): Promise<void> {
    const entry = this.#entryOf(request, set);
    if (this.#isOver && entry !== null) await this.#end([entry], limitMilliseconds);
  }

  /** Ends all of them, at once. Throws nothing; what fails does not stop the others. */
  async revokeAll(limit = limitMilliseconds): Promise<void> {
    this.#isOver = true;
    await this.#end(this.#entries.splice(0), limit);
    const key = await this.#key?.catch(() => null);
    if (key && !this.#hasKept) await removeKey([key.directory], keyNameOf(this.#of.note));
  }

  /** A renewed set mostly brings the text of the one before: only its expiry is new. */
  #entryOf(request: CredentialRequest, set: CredentialSet): Entry | null {
    const { revocation, expiresAt } = set;
    if (revocation === undefined) return null;
    const { platform, tag, offered } = request;
    const facts: RevocationFacts = {
      version: 1,
      platform,
      tag,
      offered,
      expiresAt: expiresAt?.toISOString() ?? null,
      createdAt: this.#of.world.now().toISOString(),
      key: keyNameOf(this.#of.note),
      by: leaseRecord(this.#of.lease),
    };
    const known = this.#entries.find(
      (entry) =>
        entry.facts.platform === platform &&
        entry.facts.tag === tag &&
        entry.revocation.reveal() === revocation.reveal(),
    );
    if (known !== undefined) {
      known.facts = facts;
      return known;
    }
    const entry: Entry = { id: randomBytes(8).toString('hex'), revocation, facts, file: null };
    this.#entries.push(entry);
    return entry;
  }

  async #makeKey(): Promise<Key | null> {
    try {
      const directory = await openKeyDirectory(this.#of.keyPlaces);
      if (directory === null) return null;
      return { directory, bytes: await makeKey(directory, keyNameOf(this.#of.note)) };
    } catch {
      return null;
    }
  }

  async #end(entries: readonly Entry[], limit: number): Promise<void> {
    if (entries.length === 0) return;
    const stop = AbortSignal.timeout(limit);
    await Promise.all(entries.map((entry) => this.#endOne(entry, stop)));
  }

  async #endOne(entry: Entry, stop: AbortSignal): Promise<void> {
    const { world } = this.#of;
    const failure = await revoke(entry.facts, entry.revocation, world, stop);
    const kept =
      failure?.mayPass === true &&
      entry.file !== null &&
      (await keepForLater(entry.file, dirname(this.#of.note.directory)));
    this.#hasKept ||= kept;
    // One that has done its part would be revoked a second time, if this process died before the directory is gone.
    if (!kept && entry.file !== null) await rm(entry.file, { force: true }).catch(() => undefined);
    await tellRevocation(entry.facts, failure === null ? null : { ...failure, triedAgain: kept }, world);
  }
}
