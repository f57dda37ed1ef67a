import { describe, expect, it } from 'vitest';
import { keyEvent, mintedEvent, workloadOf } from '../../test/support/audit.ts';
import type { NewAuditEvent } from './event.ts';
import { matchesFilter, type AuditFilter } from './filter.ts';
import { beginning, seal } from './record.ts';

const matches = (filter: AuditFilter, event: NewAuditEvent = mintedEvent()) =>
  matchesFilter(seal(event, beginning, { id: 'evt-1', at: '2026-05-03T14:02:11.500Z' }).record, filter);

describe('matchesFilter', () => {
  it('wants everything when nothing is set', () => {
    expect(matches({})).toBe(true);
    expect(matches({ since: undefined, workspace: undefined }, keyEvent('k'))).toBe(true);
  });

  it.each<[AuditFilter, boolean]>([
    [{ since: new Date('2026-05-03T14:02:11.500Z') }, true],
    [{ since: new Date('2026-05-03T14:02:11.501Z') }, false],
    [{ until: new Date('2026-05-03T14:02:11.500Z') }, true],
    [{ until: new Date('2026-05-03T14:02:11.499Z') }, false],
    [{ workspace: 'payments-prod' }, true],
    [{ workspace: 'payments-*' }, true],
    [{ workspace: 'payments' }, false],
    [{ workspace: 'acme/payments-*' }, true],
    [{ workspace: 'other/payments-*' }, false],
    [{ workspace: 'acme/payments/payments-prod' }, true],
    [{ workspace: 'acme/other/payments-prod' }, false],
    [{ workspace: '*/*/*' }, true],
    [{ workspace: 'a/b/c/d' }, false],
    [{ phase: 'plan' }, true],
    [{ phase: 'apply' }, false],
    [{ role: 'payments-plan' }, true],
    [{ role: '*/payments-plan' }, true],
    [{ role: 'payments-plan*' }, false],
    [{ role: 'apply' }, false],
    [{ actor: 'ci@' }, true],
    [{ actor: '*@acme' }, true],
    [{ actor: 'ann' }, false],
    [{ outcome: 'ok' }, true],
    [{ outcome: 'refused' }, false],
    [{ type: 'token_minted' }, true],
    [{ type: 'token_*' }, true],
    [{ type: 'token' }, false],
    [{ phase: 'plan', outcome: 'refused' }, false],
  ])('%j of a minted token is %s', (filter, expected) => {
    expect(matches(filter)).toBe(expected);
  });

  it.each<AuditFilter>([{ workspace: '*' }, { phase: 'plan' }, { role: '*' }])(
    '%j leaves out what has none',
    (filter) => {
      expect(matches(filter, keyEvent('k'))).toBe(false);
    },
  );

  it.each<AuditFilter>([{ role: '*' }, { actor: '*' }])('%j leaves out a null', (filter) => {
    expect(matches(filter, mintedEvent({ offered: null, actor: null }))).toBe(false);
  });

  it('finds modules and stacks by their names', () => {
    const stack = workloadOf({ workspace: null, stack: 'net', deployment: 'eu' });
    expect(matches({ workspace: 'acme/payments/net:*' }, mintedEvent({ workload: stack }))).toBe(true);
    const module = workloadOf({ project: null, workspace: null, module: 'vpc' });
    expect(matches({ workspace: 'acme/vpc' }, mintedEvent({ workload: module }))).toBe(true);
  });
});
