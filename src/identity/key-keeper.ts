import type { NewAuditEvent } from '../audit/event.ts';
import type { AuditLog } from '../audit/log.ts';
import type { Actor } from '../domain/lease.ts';
import {
  activeKey,
  compromise,
  createRing,
  isReady,
  isUpkeepDue,
  mayRotateByItself,
  recordPublished,
  removeSpent,
  reserve,
  rotate,
  type KeyRing,
  type PublicationProof,
  type RingEvent,
  type Step,
} from './key-ring.ts';
import type { KeyStore, MakeKey, RingChange, StoredRing } from './key-store/key-store.ts';

/** What a keeper works with. */
export interface KeyKeeperOptions {
  readonly store: KeyStore;
  readonly audit: AuditLog;
  readonly now: () => Date;
  /** Who is at work; null: nobody asked, it was time. */
  readonly actor: Actor | null;
}

/** Joins the ring's rules, the place where keys are kept, and the audit. Every change is audited before it is made. */
export interface KeyKeeper {
  readonly store: KeyStore;
  readonly seconds: () => number;
  /** Makes the first keys; gives back what is there when there are some. */
  create(issuer: string, publishing: KeyRing['publishing']): Promise<StoredRing>;
  /** The ring after what time brings: a rotation that is due, spent keys gone. */
  upkept(ring: StoredRing): Promise<StoredRing>;
  /** The ring that may sign a token which expires at `exp` (seconds). */
  reserved(ring: StoredRing, exp: number): Promise<StoredRing>;
  rotate(forced: boolean): Promise<StoredRing>;
  compromise(kids: readonly string[] | 'all'): Promise<StoredRing>;
  recordPublished(kids: readonly string[], by: PublicationProof, where: string): Promise<StoredRing>;
}

export function keyKeeper({ store, audit, now, actor }: KeyKeeperOptions): KeyKeeper {
  const seconds = (): number => Math.floor(now().getTime() / 1000);

  const audited = (step: Step, why: string | null): RingChange => ({
    ring: step.ring,
    beforeWrite: async () => {
      await Promise.all(step.events.map((event) => audit.append(ringEvent(event, actor, why))));
    },
  });
  const changed = (
    step: (ring: KeyRing, makeKey: MakeKey) => Promise<Step> | Step,
    why: string | null,
  ): Promise<StoredRing> =>
    store.change(async (ring, makeKey) => {
      if (ring === null) throw new Error('there is no key ring to change');
      return audited(await step(ring, makeKey), why);
    });

  return {
    store,
    seconds,
    create: (issuer, publishing) =>
      store.change(async (ring, makeKey) => {
        if (ring !== null) return { ring };
        const fresh = [await makeKey(), await makeKey()] as const;
        return audited(createRing({ issuer, publishing }, fresh, seconds()), 'first keys');
      }),
    upkept: async (stored) => {
      if (!isUpkeepDue(stored.ring, seconds())) return stored;
      const rotated = await changed(
        async (ring, makeKey) =>
          mayRotateByItself(ring, seconds()) ? rotate(ring, await makeKey(), seconds()) : { ring, events: [] },
        'rotation',
      );
      if (!isUpkeepDue(rotated.ring, seconds())) return rotated;
      return changed((ring) => removeSpent(ring, seconds()), 'its last token has expired');
    },
    reserved: async (stored, exp) => {
      if (reserve(stored.ring, exp, seconds()) === stored.ring) return stored;
      return changed((ring) => ({ ring: reserve(ring, exp, seconds()), events: [] }), null);
    },
    rotate: (forced) =>
      changed(
        async (ring, makeKey) =>
          forced || isReady(ring, seconds()) ? rotate(ring, await makeKey(), seconds(), forced) : { ring, events: [] },
        forced ? 'rotation, forced' : 'rotation, asked for',
      ),
    compromise: (kids) =>
      changed(async (ring, makeKey) => {
        const dropped = kids === 'all' ? ring.keys.map((key) => key.kid) : kids;
        return compromise(ring, dropped, [await makeKey(), await makeKey()], seconds());
      }, 'compromised'),
    recordPublished: async (kids, by, where) => {
      const stored = await store.read();
      // Mostly there is no news, and a server asks again and again.
      if (stored !== null && recordPublished(stored.ring, kids, by, seconds()).events.length === 0) return stored;
      return changed((ring) => recordPublished(ring, kids, by, seconds()), `${proofWords[by]} ${where}`);
    },
  };
}

/** The active key's id of a stored ring. */
export function signingKid(stored: StoredRing): string {
  return activeKey(stored.ring).kid;
}

const proofWords: Readonly<Record<PublicationProof, string>> = {
  creation: 'published from its making at',
  export: 'exported to',
  serve: 'served at',
  check: 'seen at',
};

function ringEvent(event: RingEvent, actor: Actor | null, why: string | null): NewAuditEvent {
  const reason =
    event.type === 'key_activated' && event.forced
      ? `${why ?? 'activated'}: before it was known everywhere`
      : event.type === 'key_published' && event.by === 'creation'
        ? 'published from its making'
        : why;
  return {
    type: event.type,
    kid: event.kid,
    reason,
    outcome: 'ok',
    actor,
    workload: null,
    lease: null,
    known_by: 'issuer',
  };
}
