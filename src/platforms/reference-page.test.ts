import { describe, expect, it } from 'vitest';
import { causesOf } from './likely-causes.ts';
import { platforms } from './registry.ts';

describe.each(platforms)('the causes of $title', (platform) => {
  it('are found by the answer of their own row', async () => {
    const table = await platform.causes();
    expect(table.rows.length).toBeGreaterThan(1);
    for (const { answer, causes } of table.rows) {
      const [code, message] = splitAnswer(answer);
      expect([answer, causesOf(table, { code, message }, {})]).toEqual([answer, causes]);
    }
  });

  it('are there for any other answer', async () => {
    const table = await platform.causes();
    expect(causesOf(table, { code: '\u{1f600}', message: '' }, {})).toEqual(table.otherwise);
  });
});

function splitAnswer(answer: string): [code: string, message: string] {
  const at = answer.indexOf(': ');
  return at < 0 ? [answer, ''] : [answer.slice(0, at), answer.slice(at + 2)];
}
