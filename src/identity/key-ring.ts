/**
 * The key ring as a state machine. Pure: every step takes the ring and the time and gives a new ring and what happened.
 *
 *   next ──(published longer than max-age)──▶ active ──▶ retired ──(its last token has expired)──▶ gone
 *
 * - `next` is published and does not sign, so that relying parties know it before its first token.
 * - `active` signs. There is always exactly one, and exactly one `next`.
 * - `retired` is published until no token that it signed can be valid any more.
 *
 * Times are whole seconds since 1970. `clock` is the latest time that the ring has seen: what is recorded never lies
 * before it, so that a clock that was set back and then put right does not make a key look older than it is.
 */

/** Where a key stands. */
export type KeyState = 'next' | 'active' | 'retired';

/**
 * How we know that a key was published: it was served from its making (loopback), somebody exported it, `issuer serve`
 * handed it out, or `issuer check` read it at the issuer URL.
 */
export type PublicationProof = 'creation' | 'export' | 'serve' | 'check';

/** One key, without its material. */
export interface RingKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly state: KeyState;
  readonly createdAt: number;
  readonly publishedAt: number | null;
  readonly publishedBy: PublicationProof | null;
  readonly activatedAt: number | null;
  readonly retiredAt: number | null;
  /** No token of this key expires later. Written before such a token is released; null: it never signed. */
  readonly signedUntil: number | null;
}

/** All keys of one issuer. */
export interface KeyRing {
  readonly issuer: string;
  /** `creation`: keys count as published when they are made; `observed`: when somebody has seen them. */
  readonly publishing: 'creation' | 'observed';
  readonly clock: number;
  readonly keys: readonly RingKey[];
  /** Keys that were ours and are gone; an export may take them out of a published set. Newest last. */
  readonly formerKids: readonly string[];
}

/** What a step did, for the audit. */
export type RingEvent =
  | { readonly type: 'key_created'; readonly kid: string }
  | { readonly type: 'key_published'; readonly kid: string; readonly by: PublicationProof }
  | { readonly type: 'key_activated'; readonly kid: string; readonly forced: boolean }
  | { readonly type: 'key_retired'; readonly kid: string; readonly signedUntil: number | null }
  | { readonly type: 'key_removed'; readonly kid: string }
  | { readonly type: 'key_compromised'; readonly kid: string };

/** A ring after a step, and what happened. */
export interface Step {
  readonly ring: KeyRing;
  readonly events: readonly RingEvent[];
}

/**
 * How long relying parties may keep our documents, seconds. Short, since it is how long a dropped key still works and
 * how long a rotation waits; not shorter, since clouds answer many runs from one fetch, and issuers that forbade caching
 * have made parallel jobs fail at AWS STS. The most that a ring could allow is 15 minutes.
 */
export const documentMaxAgeSeconds = 300;

/** The active key is replaced after 90 days. */
export const rotationSeconds = 90 * 86_400;

/** Verifiers take tokens for some minutes after `exp` (AWS: five); a key stays published for as long. */
export const verifierSkewSeconds = 300;

/** `signedUntil` moves in steps of an hour, so that minting seldom has to write it. */
const signedUntilStep = 3600;

const formerKidsKept = 200;

/** Makes a ring with one active and one next key. The first key signs at once: nobody has a cached set without it. */
export function createRing(
  options: { issuer: string; publishing: KeyRing['publishing'] },
  fresh: readonly [string, string],
  now: number,
): Step {
  const empty: KeyRing = { ...options, clock: now, keys: [], formerKids: [] };
  const [active, next] = fresh;
  const made = created(created({ ring: empty, events: [] }, active), next);
  return activated(made, active, false);
}

/** The key that signs. */
export function activeKey(ring: KeyRing): RingKey {
  return theOne(ring, 'active');
}

/** The key that signs next. */
export function nextKey(ring: KeyRing): RingKey {
  return theOne(ring, 'next');
}

/** The keys that belong into the published set now; never empty. Needs no write: expired ones are left out by time. */
export function publishedKeys(ring: KeyRing, now: number): readonly RingKey[] {
  return ring.keys.filter((key) => !isSpent(key, now));
}

/**
 * When `next` may sign: more than max-age after it was published, when every cache knows it; null while nobody has seen
 * it. Compared with the clock as it is, not as it was: a clock set back makes this wait longer, never shorter.
 */
export function readyAt(ring: KeyRing): number | null {
  const { publishedAt } = nextKey(ring);
  return publishedAt === null ? null : publishedAt + documentMaxAgeSeconds + 1;
}

/** Whether `next` may sign now. */
export function isReady(ring: KeyRing, now: number): boolean {
  const ready = readyAt(ring);
  return ready !== null && now >= ready;
}

/** Whether the active key is old enough to be replaced. */
export function isRotationDue(ring: KeyRing, now: number): boolean {
  return now >= (activeKey(ring).activatedAt ?? now) + rotationSeconds;
}

/**
 * Whether a rotation that nobody asked for may happen. Stricter than {@link isReady}: an export alone does not prove
 * that somebody uploaded it, and nobody is there to notice.
 */
export function mayRotateByItself(ring: KeyRing, now: number): boolean {
  return isRotationDue(ring, now) && isReady(ring, now) && nextKey(ring).publishedBy !== 'export';
}

/** Whether something is to be done that time alone brings: a rotation, or the removal of spent keys. */
export function isUpkeepDue(ring: KeyRing, now: number): boolean {
  return mayRotateByItself(ring, now) || ring.keys.some((key) => isSpent(key, now));
}

/** Promotes `next`; the active key retires; a new next key comes. `forced` does not ask whether it is ready. */
export function rotate(ring: KeyRing, fresh: string, now: number, forced = false): Step {
  if (!forced && !isReady(ring, now)) return { ring, events: [] };
  // Forcing is also the way out after a clock that ran ahead: what it recorded no longer holds anything up.
  const start = forced && now < ring.clock ? { ...ring, clock: now } : at(ring, now);
  const retiring = retired({ ring: start, events: [] }, activeKey(ring).kid);
  return created(activated(retiring, nextKey(ring).kid, forced && !isReady(ring, now)), fresh);
}

/** Takes out keys of which no token can be valid any more. */
export function removeSpent(ring: KeyRing, now: number): Step {
  const spent = ring.keys.filter((key) => isSpent(key, now)).map((key) => key.kid);
  if (spent.length === 0) return { ring, events: [] };
  return {
    ring: withoutKeys(at(ring, now), spent),
    events: spent.map((kid) => ({ type: 'key_removed', kid })),
  };
}

/** Records that keys were seen; a stronger proof replaces a weaker one, the first sighting keeps its time. */
export function recordPublished(ring: KeyRing, kids: readonly string[], by: PublicationProof, now: number): Step {
  const moved = at(ring, now);
  const news = moved.keys.filter((key) => kids.includes(key.kid) && strength(by) > strength(key.publishedBy));
  if (news.length === 0) return { ring, events: [] };
  return {
    ring: {
      ...moved,
      keys: moved.keys.map((key) =>
        // An export is a promise, a sighting a fact: the time of the fact replaces that of the promise.
        news.includes(key)
          ? { ...key, publishedAt: key.publishedBy === 'serve' ? key.publishedAt : moved.clock, publishedBy: by }
          : key,
      ),
    },
    events: news.map(({ kid }) => ({ type: 'key_published', kid, by })),
  };
}

/**
 * Makes room for a token that expires at `exp`: gives the ring back unchanged when the active key is already kept that
 * long, else the ring to be written before the token is released.
 */
export function reserve(ring: KeyRing, exp: number, now: number): KeyRing {
  const { kid, signedUntil } = activeKey(ring);
  if (signedUntil !== null && signedUntil >= exp) return ring;
  const until = Math.ceil(exp / signedUntilStep) * signedUntilStep;
  return change(at(ring, now), kid, { signedUntil: until });
}

/**
 * Drops keys at once. A dropped active key is followed by `next`, ready or not; what is then missing is made new from
 * `fresh`, so that there is always one active and one next key.
 *
 * @param fresh two new keys; those not needed are not taken
 */
export function compromise(
  ring: KeyRing,
  kids: readonly string[],
  fresh: readonly [string, string],
  now: number,
): Step {
  const dropped = ring.keys.filter((key) => kids.includes(key.kid)).map((key) => key.kid);
  if (dropped.length === 0) return { ring, events: [] };
  const left: Step = {
    ring: withoutKeys(at(ring, now), dropped),
    events: dropped.map((kid) => ({ type: 'key_compromised', kid })),
  };
  const wasReady = isReady(ring, now);
  return withNext(withActive(left, fresh[0], wasReady), fresh[1]);
}

function withActive(step: Step, fresh: string, nextWasReady: boolean): Step {
  if (step.ring.keys.some((key) => key.state === 'active')) return step;
  const next = step.ring.keys.find((key) => key.state === 'next');
  return next ? activated(step, next.kid, !nextWasReady) : activated(created(step, fresh), fresh, true);
}

function withNext(step: Step, fresh: string): Step {
  return step.ring.keys.some((key) => key.state === 'next') ? step : created(step, fresh);
}

function created(step: Step, kid: string): Step {
  const { ring } = step;
  const seen = ring.publishing === 'creation';
  const key: RingKey = {
    kid,
    state: 'next',
    createdAt: ring.clock,
    publishedAt: seen ? ring.clock : null,
    publishedBy: seen ? 'creation' : null,
    activatedAt: null,
    retiredAt: null,
    signedUntil: null,
  };
  return {
    ring: { ...ring, keys: [...ring.keys, key] },
    events: [
      ...step.events,
      { type: 'key_created', kid },
      ...(seen ? [{ type: 'key_published', kid, by: 'creation' } as const] : []),
    ],
  };
}

function activated(step: Step, kid: string, forced: boolean): Step {
  return {
    ring: change(step.ring, kid, { state: 'active', activatedAt: step.ring.clock }),
    events: [...step.events, { type: 'key_activated', kid, forced }],
  };
}

function retired(step: Step, kid: string): Step {
  const signedUntil = step.ring.keys.find((key) => key.kid === kid)?.signedUntil ?? null;
  return {
    ring: change(step.ring, kid, { state: 'retired', retiredAt: step.ring.clock }),
    events: [...step.events, { type: 'key_retired', kid, signedUntil }],
  };
}

/** A retired key whose last token has expired everywhere. Keys that never signed go after the skew. */
function isSpent(key: RingKey, now: number): boolean {
  return key.state === 'retired' && now > (key.signedUntil ?? key.retiredAt ?? now) + verifierSkewSeconds;
}

function at(ring: KeyRing, now: number): KeyRing {
  return now > ring.clock ? { ...ring, clock: now } : ring;
}

function change(ring: KeyRing, kid: string, members: Partial<RingKey>): KeyRing {
  return { ...ring, keys: ring.keys.map((key) => (key.kid === kid ? { ...key, ...members } : key)) };
}

function withoutKeys(ring: KeyRing, kids: readonly string[]): KeyRing {
  return {
    ...ring,
    keys: ring.keys.filter((key) => !kids.includes(key.kid)),
    formerKids: [...ring.formerKids, ...kids].slice(-formerKidsKept),
  };
}

function strength(proof: PublicationProof | null): number {
  return proof === null ? 0 : { export: 1, serve: 2, check: 3, creation: 4 }[proof];
}

function theOne(ring: KeyRing, state: KeyState): RingKey {
  const key = ring.keys.find((candidate) => candidate.state === state);
  if (key === undefined) throw new Error(`a key ring always has one ${state} key`);
  return key;
}
