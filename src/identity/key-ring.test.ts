import { describe, expect, it } from 'vitest';
import {
  activeKey,
  compromise,
  createRing,
  documentMaxAgeSeconds as maxAge,
  isReady,
  isRotationDue,
  isUpkeepDue,
  mayRotateByItself,
  nextKey,
  publishedKeys,
  readyAt,
  recordPublished,
  removeSpent,
  reserve,
  rotate,
  rotationSeconds,
  verifierSkewSeconds,
  type KeyRing,
} from './key-ring.ts';

const start = 1_760_000_000;
const loopback = createRing({ issuer: 'http://127.0.0.1:1', publishing: 'creation' }, ['a', 'b'], start).ring;
const observed = createRing({ issuer: 'https://id.example.com', publishing: 'observed' }, ['a', 'b'], start).ring;

const kids = (ring: KeyRing): string[] => ring.keys.map((key) => `${key.kid}:${key.state}`);

describe('a new ring', () => {
  it('has one active and one next key', () => {
    expect(kids(loopback)).toEqual(['a:active', 'b:next']);
    expect(kids(observed)).toEqual(['a:active', 'b:next']);
  });

  it('counts its keys as published on loopback, and as unseen elsewhere', () => {
    expect(loopback.keys.map((key) => key.publishedAt)).toEqual([start, start]);
    expect(observed.keys.map((key) => key.publishedAt)).toEqual([null, null]);
  });

  it('says all that happened', () => {
    const { events } = createRing({ issuer: 'x', publishing: 'observed' }, ['a', 'b'], start);
    expect(events.map((event) => `${event.type} ${event.kid}`)).toEqual([
      'key_created a',
      'key_created b',
      'key_activated a',
    ]);
  });
});

describe('max-age', () => {
  it('is at most 15 minutes', () => {
    expect(maxAge).toBeLessThanOrEqual(900);
  });
});

describe('rotation', () => {
  it('waits until next was published for longer than max-age', () => {
    expect(isReady(loopback, start + maxAge)).toBe(false);
    expect(isReady(loopback, start + maxAge + 1)).toBe(true);
    expect(rotate(loopback, 'c', start + maxAge).ring).toBe(loopback);
  });

  it('promotes next, retires active, and makes a new next', () => {
    const { ring, events } = rotate(loopback, 'c', start + 1000);
    expect(kids(ring)).toEqual(['a:retired', 'b:active', 'c:next']);
    expect(activeKey(ring).activatedAt).toBe(start + 1000);
    expect(ring.keys[0]!.retiredAt).toBe(start + 1000);
    expect(events.map((event) => event.type)).toEqual(['key_retired', 'key_activated', 'key_created', 'key_published']);
  });

  it('does not happen while nobody has seen next, however old it is', () => {
    expect(readyAt(observed)).toBeNull();
    expect(rotate(observed, 'c', start + 10 * rotationSeconds).ring).toBe(observed);
  });

  it('may be asked for after an export, but comes by itself only after a check', () => {
    const exported = recordPublished(observed, ['a', 'b'], 'export', start).ring;
    const later = start + rotationSeconds;
    expect(isReady(exported, later)).toBe(true);
    expect(mayRotateByItself(exported, later)).toBe(false);
    const checked = recordPublished(exported, ['a', 'b'], 'check', later).ring;
    expect(mayRotateByItself(checked, later + maxAge)).toBe(false);
    expect(mayRotateByItself(checked, later + maxAge + 1)).toBe(true);
  });

  it('is due after 90 days and not a second before', () => {
    expect(isRotationDue(loopback, start + rotationSeconds - 1)).toBe(false);
    expect(isUpkeepDue(loopback, start + rotationSeconds)).toBe(true);
  });

  it('can be forced, and says so', () => {
    const { ring, events } = rotate(observed, 'c', start, true);
    expect(kids(ring)).toEqual(['a:retired', 'b:active', 'c:next']);
    expect(events).toContainEqual({ type: 'key_activated', kid: 'b', forced: true });
  });
});

describe('publication', () => {
  it('counts from the sighting when an export was only announced before', () => {
    const exported = recordPublished(observed, ['b'], 'export', start + 10).ring;
    const checked = recordPublished(exported, ['b'], 'check', start + 500).ring;
    expect(nextKey(checked)).toMatchObject({ publishedAt: start + 500, publishedBy: 'check' });
  });

  it('keeps the first sighting, and is not weakened by a later export', () => {
    const checked = recordPublished(observed, ['b'], 'check', start + 10).ring;
    expect(recordPublished(checked, ['b'], 'check', start + 500).ring).toBe(checked);
    expect(recordPublished(checked, ['b'], 'export', start + 500).events).toEqual([]);
  });

  it('ignores keys that are not in the ring', () => {
    expect(recordPublished(observed, ['x'], 'check', start).ring).toBe(observed);
  });
});

describe('a retired key', () => {
  const signed = reserve(loopback, start + 7200, start);
  const { ring } = rotate(signed, 'c', start + 1000);
  const until = signed.keys[0]!.signedUntil!;

  it('stays published until its last token has expired at every verifier', () => {
    expect(until).toBeGreaterThanOrEqual(start + 7200);
    expect(publishedKeys(ring, until + verifierSkewSeconds).map((key) => key.kid)).toEqual(['a', 'b', 'c']);
    expect(publishedKeys(ring, until + verifierSkewSeconds + 1).map((key) => key.kid)).toEqual(['b', 'c']);
  });

  it('is then removed, and remembered as one that was ours', () => {
    const step = removeSpent(ring, until + verifierSkewSeconds + 1);
    expect(kids(step.ring)).toEqual(['b:active', 'c:next']);
    expect(step.ring.formerKids).toEqual(['a']);
    expect(step.events).toEqual([{ type: 'key_removed', kid: 'a' }]);
  });
});

describe('reserve', () => {
  it('writes seldom: at most once an hour', () => {
    const first = reserve(loopback, start + 7200, start);
    expect(first).not.toBe(loopback);
    expect(activeKey(first).signedUntil).toBeLessThan(start + 7200 + 3600);
    expect(reserve(first, start + 7200, start)).toBe(first);
    expect(reserve(first, activeKey(first).signedUntil!, start)).toBe(first);
    expect(reserve(first, activeKey(first).signedUntil! + 1, start)).not.toBe(first);
  });
});

describe('compromise', () => {
  const fresh = ['x', 'y'] as const;

  it('of the active key lets next sign at once and makes a new next', () => {
    const { ring, events } = compromise(loopback, ['a'], fresh, start);
    expect(kids(ring)).toEqual(['b:active', 'y:next']);
    expect(events[0]).toEqual({ type: 'key_compromised', kid: 'a' });
    expect(events).toContainEqual({ type: 'key_activated', kid: 'b', forced: true });
  });

  it('of the next key makes a new one', () => {
    expect(kids(compromise(loopback, ['b'], fresh, start).ring)).toEqual(['a:active', 'y:next']);
  });

  it('of a retired key only drops it', () => {
    const { ring } = rotate(loopback, 'c', start + 1000);
    expect(kids(compromise(ring, ['a'], fresh, start + 1001).ring)).toEqual(['b:active', 'c:next']);
  });

  it('of all makes two new keys and remembers the dropped ones', () => {
    const { ring } = compromise(loopback, ['a', 'b'], fresh, start);
    expect(kids(ring)).toEqual(['x:active', 'y:next']);
    expect(ring.formerKids).toEqual(['a', 'b']);
  });

  it('of a key that is not there changes nothing', () => {
    expect(compromise(loopback, ['z'], fresh, start)).toEqual({ ring: loopback, events: [] });
  });
});

describe('a clock that was set back', () => {
  const back = start - 86_400;

  it('does not make a key look older when it is put right again', () => {
    const seen = recordPublished(observed, ['a', 'b'], 'check', back).ring;
    expect(nextKey(seen).publishedAt).toBe(start);
    expect(isReady(seen, start + 1)).toBe(false);
    expect(isReady(seen, start + maxAge + 1)).toBe(true);
  });

  it('lets no key sign early', () => {
    expect(isReady(loopback, back + maxAge + 1)).toBe(false);
    expect(rotate(loopback, 'c', back + maxAge + 1).ring).toBe(loopback);
    expect(isRotationDue(loopback, back)).toBe(false);
  });

  it('lets no key vanish', () => {
    const { ring } = rotate(reserve(loopback, start + 86_400, start), 'c', start + 1000);
    expect(publishedKeys(ring, back)).toHaveLength(3);
    const rotatedBack = rotate(reserve(loopback, start + 86_400, start), 'c', back, true).ring;
    expect(publishedKeys(rotatedBack, start + 86_400)).toHaveLength(3);
  });

  it('can be taken as right by force, when it was the clock before that ran ahead', () => {
    const { ring } = rotate(loopback, 'c', back, true);
    expect(ring.clock).toBe(back);
    expect(isReady(ring, back + maxAge + 1)).toBe(true);
  });
});
