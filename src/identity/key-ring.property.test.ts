import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  activeKey,
  compromise,
  createRing,
  documentMaxAgeSeconds as maxAge,
  isReady,
  isUpkeepDue,
  mayRotateByItself,
  nextKey,
  publishedKeys,
  recordPublished,
  removeSpent,
  reserve,
  rotate,
  type KeyRing,
  type Step,
} from './key-ring.ts';

/** What may happen to a ring, in any order. */
type Action =
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'mint'; readonly lifetime: number }
  | { readonly do: 'rotate'; readonly forced: boolean }
  | { readonly do: 'publish' }
  | { readonly do: 'check' }
  | { readonly do: 'compromise'; readonly which: number }
  | { readonly do: 'compromise all' };

const day = 86_400;
const seconds = fc.oneof(
  fc.integer({ min: 0, max: 3 * maxAge }),
  fc.integer({ min: 0, max: 4 * 3600 }),
  fc.integer({ min: 0, max: 2 * day }),
  fc.integer({ min: 80 * day, max: 95 * day }),
);
const lifetime = fc.oneof(fc.constantFrom(10, 900, 7200, day), fc.integer({ min: 10, max: day }));
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('mint' as const), lifetime }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rotate' as const), forced: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ do: 'publish' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'check' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compromise' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'compromise all' as const }) },
);

interface Token {
  readonly kid: string;
  readonly exp: number;
  /** The key was made to sign before relying parties could know it: by force, or as the first one. */
  readonly mayBeUnknown: boolean;
}

/** A world with one ring, a site where its keys are published, and relying parties that cache the site for max-age. */
class World {
  readonly begin = 1_760_000_000;
  now = this.begin;
  ring: KeyRing;
  tokens: Token[] = [];
  /** Since when the site has shown which kids; oldest first. */
  readonly site: { readonly since: number; readonly kids: readonly string[] }[] = [];
  readonly droppedAt = new Map<string, number>();
  /** Keys that signed without having been published for long enough, on purpose. */
  readonly rushed = new Set<string>();
  #made = 0;

  constructor(publishing: KeyRing['publishing']) {
    const { ring } = createRing(
      { issuer: 'https://id.example.com', publishing },
      [this.fresh(), this.fresh()],
      this.now,
    );
    this.ring = ring;
    this.rushed.add(activeKey(ring).kid);
    this.showAtOnce();
  }

  fresh(): string {
    this.#made += 1;
    return `k${this.#made}`;
  }

  run(step: Action): void {
    switch (step.do) {
      case 'wait':
        this.wait(step.seconds);
        break;
      case 'mint':
        this.mint(step.lifetime);
        break;
      case 'rotate':
        this.rotate(step.forced);
        break;
      case 'publish':
        this.publish();
        this.take(recordPublished(this.ring, this.shown(this.now), 'export', this.now));
        break;
      case 'check':
        this.take(recordPublished(this.ring, this.shown(this.now), 'check', this.now));
        break;
      case 'compromise':
        this.compromise([this.ring.keys[step.which % this.ring.keys.length]!.kid]);
        break;
      case 'compromise all':
        this.compromise(this.ring.keys.map((key) => key.kid));
        break;
    }
    this.showAtOnce();
  }

  /** Time passes in steps, since a served set changes by time alone. */
  wait(total: number): void {
    const spentAt = this.ring.keys.map((key) => (key.signedUntil ?? key.retiredAt ?? 0) + maxAge + 1);
    const end = this.now + total;
    for (const moment of spentAt.filter((at) => at > this.now && at < end).toSorted((a, b) => a - b)) {
      this.now = moment;
      this.showAtOnce();
    }
    this.now = end;
  }

  mint(life: number): void {
    this.upkeep();
    const exp = this.now + life;
    this.ring = reserve(this.ring, exp, this.now);
    const { kid } = activeKey(this.ring);
    this.tokens.push({ kid, exp, mayBeUnknown: this.rushed.has(kid) && !this.isKnownToAll(kid) });
  }

  upkeep(): void {
    if (!isUpkeepDue(this.ring, this.now)) return;
    if (mayRotateByItself(this.ring, this.now)) this.rotate(false);
    this.take(removeSpent(this.ring, this.now));
  }

  rotate(forced: boolean): void {
    if (forced && !isReady(this.ring, this.now)) this.rushed.add(nextKey(this.ring).kid);
    this.take(rotate(this.ring, this.fresh(), this.now, forced));
  }

  compromise(kids: readonly string[]): void {
    for (const kid of kids) this.droppedAt.set(kid, this.now);
    const before = activeKey(this.ring).kid;
    this.take(compromise(this.ring, kids, [this.fresh(), this.fresh()], this.now));
    if (activeKey(this.ring).kid !== before) this.rushed.add(activeKey(this.ring).kid);
    this.publish();
  }

  take(step: Step): void {
    this.ring = step.ring;
  }

  publish(): void {
    this.site.push({ since: this.now, kids: publishedKeys(this.ring, this.now).map((key) => key.kid) });
  }

  /** `issuer serve` shows every change at once; a static host only what was put there. */
  showAtOnce(): void {
    if (this.ring.publishing === 'creation') this.publish();
  }

  shown(at: number): readonly string[] {
    return this.site.findLast((entry) => entry.since <= at)?.kids ?? [];
  }

  /** Whether a relying party that fetched the set `age` seconds ago accepts a token now. */
  accepts(token: Token, age: number): boolean {
    return this.now < token.exp && this.shown(Math.max(this.begin, this.now - age)).includes(token.kid);
  }

  /** Nobody can have fetched the set before there was one, or may use what was fetched longer ago than max-age. */
  isKnownToAll(kid: string): boolean {
    const since = this.shownSince(kid);
    return since !== null && (since === this.begin || this.now - since > maxAge);
  }

  /** Since when the site has shown a key without a break; null when it does not. */
  shownSince(kid: string): number | null {
    let since: number | null = null;
    for (const entry of this.site) since = entry.kids.includes(kid) ? (since ?? entry.since) : null;
    return since;
  }
}

const ages = [0, 1, Math.floor(maxAge / 2), maxAge - 1, maxAge];

function eachStep(publishing: KeyRing['publishing'], check: (world: World, done: Action) => void): void {
  fc.assert(
    fc.property(fc.array(action, { minLength: 1, maxLength: 40 }), (actions) => {
      const world = new World(publishing);
      for (const step of actions) {
        world.run(step);
        check(world, step);
      }
    }),
    { numRuns: 400 },
  );
}

describe.each(['creation', 'observed'] as const)('any story of a ring (%s)', (publishing) => {
  it('always has one active and one next key, and a key set that is not empty', () => {
    eachStep(publishing, ({ ring, now }) => {
      expect(ring.keys.filter((key) => key.state === 'active')).toHaveLength(1);
      expect(ring.keys.filter((key) => key.state === 'next')).toHaveLength(1);
      const published = publishedKeys(ring, now).map((key) => key.kid);
      expect(published).toEqual(expect.arrayContaining([activeKey(ring).kid, nextKey(ring).kid]));
      expect(new Set(ring.keys.map((key) => key.kid)).size).toBe(ring.keys.length);
    });
  });

  it('signs with no key that was published for less than max-age, but the first and those made to by force', () => {
    eachStep(publishing, (world, step) => {
      if (step.do !== 'mint') return;
      const token = world.tokens.at(-1)!;
      if (world.rushed.has(token.kid)) return;
      const since = world.shownSince(token.kid);
      expect(since).not.toBeNull();
      expect(world.now - since!).toBeGreaterThan(maxAge);
    });
  });

  it('keeps the key of every unexpired token published for relying parties that cache for max-age', () => {
    eachStep(publishing, (world) => {
      world.tokens = world.tokens.filter((token) => token.exp > world.now);
      for (const token of world.tokens) {
        if (token.mayBeUnknown || world.droppedAt.has(token.kid)) continue;
        for (const age of ages) expect(world.accepts(token, age)).toBe(true);
      }
    });
  });

  it('has every token of a dropped key refused within max-age, and no other', () => {
    eachStep(publishing, (world) => {
      for (const token of world.tokens) {
        const dropped = world.droppedAt.get(token.kid);
        if (dropped === undefined || world.now < dropped + maxAge) continue;
        for (const age of ages) expect(world.accepts(token, age)).toBe(false);
      }
    });
  });
});

describe('a ring under any clock', () => {
  it('never has its time run back, promotes nothing early, and removes nothing early', () => {
    const jump = fc.integer({ min: -2 * day, max: 2 * day });
    fc.assert(
      fc.property(fc.array(fc.tuple(jump, action), { minLength: 1, maxLength: 30 }), (story) => {
        const world = new World('creation');
        for (const [by, step] of story) {
          world.now += by;
          const before = world.ring;
          const wasReady = isReady(before, world.now);
          world.run(step);
          expect(publishedKeys(world.ring, world.now).length).toBeGreaterThan(1);
          if (step.do.startsWith('compromise')) continue;
          const gone = before.keys.filter((key) => !world.ring.keys.some(({ kid }) => kid === key.kid));
          expect(gone.every((key) => world.now > (key.signedUntil ?? 0))).toBe(true);
          if (step.do === 'rotate' && step.forced) continue;
          expect(world.ring.clock).toBeGreaterThanOrEqual(before.clock);
          expect(activeKey(world.ring).kid === activeKey(before).kid || wasReady).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });
});
