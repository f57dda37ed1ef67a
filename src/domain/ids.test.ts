import { describe, expect, it } from 'vitest';
import { derivedId, isId, randomId } from './ids.ts';

describe('ids', () => {
  it('makes random ids of the form that HCP Terraform has', () => {
    const ids = Array.from({ length: 1000 }, () => randomId('run'));
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^run-[1-9A-HJ-NP-Za-km-z]{16}$/);
  });

  it('derives the same id from the same names, on every machine and for ever', () => {
    expect(derivedId('ws', ['acme', 'payments', 'payments-prod'])).toBe('ws-9Pmjy8c1XuDLqjiB');
  });

  it('derives different ids for other names, other depths and other nouns', () => {
    const ids = [
      derivedId('ws', ['acme', 'a', 'b']),
      derivedId('ws', ['acme', 'ab']),
      derivedId('ws', ['acme', 'a', 'b2']),
      derivedId('prj', ['acme', 'a', 'b']),
    ];
    expect(new Set(ids.map((id) => id.split('-')[1])).size).toBe(ids.length);
  });

  it.each([
    ['run', 'run-Zk5uNq8xTg2sVbWe', true],
    ['run', 'run-', false],
    ['run', 'ws-Zk5uNq8xTg2sVbWe', false],
    ['run', 'run-a:b', false],
    ['run', 'run-a\n', false],
    ['run', ' run-a', false],
    ['run', `run-${'a'.repeat(65)}`, false],
  ] as const)('knows the form of an id: %s %j is %s', (prefix, text, expected) => {
    expect(isId(prefix, text)).toBe(expected);
  });
});
