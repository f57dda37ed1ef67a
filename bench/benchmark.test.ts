import { describe, expect, it } from 'vitest';
import { measurePairs, median, summarize, table } from './benchmark.ts';

describe('benchmarks', () => {
  it('take the median of the ratios, not the ratio of the medians', () => {
    const pairs = [
      { ours: 1, limit: 10 },
      { ours: 20, limit: 20 },
      { ours: 30, limit: 40 },
    ];
    expect(summarize(pairs)).toEqual({ ours: 20, limit: 20, ratio: 0.75 });
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it('measure pairs in alternating order', async () => {
    const order: string[] = [];
    const note = (name: string) => () => {
      order.push(name);
      return Promise.resolve(order.length);
    };
    expect(await measurePairs(2, note('ours'), note('limit'))).toEqual([
      { ours: 1, limit: 2 },
      { limit: 3, ours: 4 },
    ]);
    expect(order).toEqual(['ours', 'limit', 'limit', 'ours']);
  });

  it('say in the table what was skipped, and why', () => {
    expect(table([{ what: 'plans', skipped: 'terraform (not on PATH)' }])).toContain('terraform (not on PATH)');
  });
});
