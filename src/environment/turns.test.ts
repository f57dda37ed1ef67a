import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Turns } from './turns.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

const limits = { atOnce: 3, perSecond: 1, mostWaiting: 4 };
const newTurns = (changes = {}): Turns => new Turns({ ...limits, ...changes }, () => Date.now());

/** Moments, in milliseconds, at which turns asked for at other moments are given. */
async function given(turns: Turns, askedAt: readonly number[]): Promise<(number | string)[]> {
  const start = Date.now();
  const answers: (number | string)[] = askedAt.map(() => 'waits');
  for (const [index, at] of askedAt.entries()) {
    await vi.advanceTimersByTimeAsync(at - (Date.now() - start));
    void turns.take().then((turn) => (answers[index] = turn === 'turn' ? Date.now() - start : turn));
    await vi.advanceTimersByTimeAsync(0);
  }
  await vi.advanceTimersByTimeAsync(100_000);
  return answers;
}

describe('turns', () => {
  it('are given a few at once, then one a second, and none to whoever comes when too many wait', async () => {
    expect(
      await given(
        newTurns(),
        Array.from({ length: 9 }, () => 0),
      ),
    ).toEqual([0, 0, 0, 1000, 2000, 3000, 4000, 'full', 'full']);
  });

  it('come back while nobody asks, but not more of them than at first', async () => {
    const late = [0, 0, 0, 60_000, 60_000, 60_000, 60_000];
    expect(await given(newTurns(), late)).toEqual([0, 0, 0, 60_000, 60_000, 60_000, 61_000]);
  });

  it('whoever was sent away has not taken one', async () => {
    const turns = newTurns({ mostWaiting: 0 });
    expect(await given(turns, [0, 0, 0, 0, 500, 1000])).toEqual([0, 0, 0, 'full', 'full', 1000]);
  });

  it('end for everybody when they are closed', async () => {
    const turns = newTurns();
    const all = Array.from({ length: 5 }, () => turns.take());
    await vi.advanceTimersByTimeAsync(0);
    turns.close();
    expect(await Promise.all(all)).toEqual(['turn', 'turn', 'turn', 'closed', 'closed']);
    expect(await turns.take()).toBe('closed');
    expect([turns.isClosed, vi.getTimerCount()]).toEqual([true, 0]);
  });

  it('never exceed the rate, and keep their order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 40 }), async (moments) => {
        const asked = moments.toSorted((a, b) => a - b);
        const times = (await given(newTurns(), asked)).filter((one) => typeof one === 'number');
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        for (const from of times) {
          const within = times.filter((time) => time >= from && time < from + 5000);
          expect(within.length).toBeLessThanOrEqual(5 + limits.atOnce);
        }
      }),
      { numRuns: 50 },
    );
  });
});
