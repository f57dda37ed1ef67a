import { describe, expect, it } from 'vitest';
import { keyEvent, mintedEvent, workloadOf } from '../../test/support/audit.ts';
import type { AuditRecord, NewAuditEvent } from './event.ts';
import { beginning, linkOf, seal, type ChainLink } from './record.ts';
import { runsMeant, traceRun } from './trace.ts';

const start = Date.parse('2026-05-03T14:00:00Z');

function chain(events: readonly NewAuditEvent[]): AuditRecord[] {
  let link: ChainLink = beginning;
  return events.map((event, index) => {
    const { record } = seal(event, link, { id: `evt-${index}`, at: new Date(start + index * 1500).toISOString() });
    link = linkOf(record);
    return record;
  });
}

const inRun = (run_id: string, phase: 'plan' | 'apply' = 'plan') => ({ workload: workloadOf({ run_id, phase }) });
const expiresAt = start / 1000 + 7200;
const records = chain([
  keyEvent('key-1'),
  mintedEvent({ ...inRun('run-aaaa1111'), jti: 'one', expiresAt }),
  mintedEvent({ ...inRun('run-aaaa2222'), jti: 'two', expiresAt }),
  mintedEvent({ ...inRun('run-aaaa1111', 'apply'), jti: 'three', expiresAt: expiresAt + 60 }),
  mintedEvent({ ...inRun('run-aaaa1111', 'apply'), jti: 'four', expiresAt: expiresAt + 90 }),
  mintedEvent({ ...inRun('run-bbbb3333'), jti: 'five', platform: 'manual', expiresAt }),
]);

describe('runsMeant', () => {
  it.each([
    ['run-aaaa1111', ['run-aaaa1111']],
    ['run-aaaa', ['run-aaaa1111', 'run-aaaa2222']],
    ['run-bbbb', ['run-bbbb3333']],
    ['run-bbb', []],
    ['three', ['run-aaaa1111']],
    ['thre', []],
    ['nothing-of-the-kind', []],
    ['', []],
  ])('takes %j for %j', (text, runs) => {
    expect([...runsMeant(records, text)]).toEqual(runs);
  });
});

describe('traceRun', () => {
  it('gathers the records of one run in order', () => {
    expect(traceRun(records, 'run-aaaa1111').records.map(({ sequence }) => sequence)).toEqual([2, 4, 5]);
  });

  it('asks CloudTrail for the session of each phase that had tokens for AWS, from the first token to the last expiry', () => {
    expect(traceRun(records, 'run-aaaa1111').lookups).toEqual([
      'aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=run-aaaa1111-plan --start-time 2026-05-03T14:00:01Z --end-time 2026-05-03T16:15:00Z',
      'aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=run-aaaa1111-apply --start-time 2026-05-03T14:00:04Z --end-time 2026-05-03T16:16:30Z',
    ]);
  });

  it('asks nobody for a run without tokens for AWS', () => {
    expect(traceRun(records, 'run-bbbb3333').lookups).toEqual([]);
  });

  it('gives commands that a shell reads as they are meant, whatever the run is called', () => {
    const [lookup] = traceRun(chain([mintedEvent({ ...inRun('run-$(id) x'), expiresAt })]), 'run-$(id) x').lookups;
    expect(lookup).toContain("'AttributeKey=Username,AttributeValue=run-$(id) x-plan'");
  });
});
