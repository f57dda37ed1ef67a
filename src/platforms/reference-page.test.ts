import { describe, expect, it } from 'vitest';
import { causesOf } from './likely-causes.ts';
import { causeTables } from './reference-page.ts';

describe('the tables of causes', () => {
  it.each(Object.keys(causeTables))('%s: each row is the one that its own answer finds', (id) => {
    const rows = causeTables[id]!;
    expect(rows.filter(({ answer }) => answer !== undefined).length).toBeGreaterThan(1);
    for (const row of rows) {
      if (row.answer === undefined) continue;
      const [code, message] = splitAnswer(row.answer);
      expect([row.answer, causesOf(rows, { code, message }, {})]).toEqual([row.answer, row.causes]);
    }
  });

  it.each(Object.keys(causeTables))('%s: the last row fits everything', (id) => {
    expect(causesOf(causeTables[id]!, { code: '\u{1f600}', message: '' }, {})).toHaveLength(3);
  });
});

function splitAnswer(answer: string): [code: string, message: string] {
  const at = answer.indexOf(': ');
  return at < 0 ? [answer, ''] : [answer.slice(0, at), answer.slice(at + 2)];
}
