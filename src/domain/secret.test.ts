import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { revealed, Secret } from './secret.ts';

describe('Secret', () => {
  const secret = new Secret('hunter2-hunter2');

  it('does not show its value when printed, joined, serialised, inspected or spread', () => {
    const shown = [
      String(secret),
      // oxlint-disable-next-line typescript/restrict-template-expressions -- that is the accident
      `${secret}`,
      [secret].join(),
      JSON.stringify({ secret }),
      inspect({ secret }, { depth: 9, showHidden: true }),
      format('%s %o %j', secret, secret, secret),
      JSON.stringify({ ...secret }),
      JSON.stringify(Object.entries(secret)),
    ].join('\n');
    expect(shown).not.toContain('hunter2');
  });

  it('gives its value only when asked', () => {
    expect(secret.reveal()).toBe('hunter2-hunter2');
    expect(revealed(secret)).toBe('hunter2-hunter2');
    expect(revealed('plain')).toBe('plain');
  });
});
