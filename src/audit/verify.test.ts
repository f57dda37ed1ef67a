import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  openSync,
  readSync,
  writeSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { damages, threeMonths, times, withoutLine } from '../../test/support/audit-damage.ts';
import { appendAt, auditFiles, keyEvent, mintedEvent, tamper } from '../../test/support/audit.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { findHeadLines, renderHeadLine } from './head-line.ts';
import { openAuditLog } from './log.ts';
import { problemText } from './problem.ts';
import { verifyAudit, verifyUnderLock } from './verify.ts';

describe('verifyAudit', () => {
  it('finds nothing wrong with what was written', async () => {
    const { data } = await threeMonths();
    expect(await verifyAudit(data)).toMatchObject({
      records: 8,
      files: ['2026-04.jsonl', '2026-05.jsonl', '2026-06.jsonl'],
      last: { sequence: 8, at: times[7] },
      problems: [],
      accepted: [],
      notes: [],
      anchor: null,
    });
  });

  it.each(damages)('finds %s', async (_name, damage, expected) => {
    const { data, path } = await threeMonths();
    damage(path);
    const before = auditFiles(data).map((file) => readFileSync(file, 'latin1'));
    const { problems } = (await verifyAudit(data))!;
    expect(problems.map(problemText)).toEqual(expected);
    expect(auditFiles(data).map((file) => readFileSync(file, 'latin1'))).toEqual(before);
  });

  it('reports every problem, not only the first', async () => {
    const { data, path } = await threeMonths();
    tamper(path('2026-04.jsonl'), (text) => text.replace('key-0', 'key-X'));
    tamper(path('2026-05.jsonl'), withoutLine(3));
    truncateSync(path('head.json'));
    expect((await verifyAudit(data))!.problems.map(problemText)).toEqual([
      '2026-04.jsonl:1: the record was changed after it was written: its hash does not fit (record 1)',
      '2026-05.jsonl:3: record 5, which belongs before this one, is missing',
      'head.json: it is not as it was written: whether the chain was shortened cannot be told',
    ]);
  });

  it('says how to mend what others can read, and reads it all the same', async () => {
    const { data, path } = await threeMonths();
    chmodSync(path('2026-05.jsonl'), 0o644);
    chmodSync(data, 0o755);
    const { problems, records } = (await verifyAudit(data))!;
    expect(problems.map(({ kind, mend }) => [kind, mend])).toEqual([
      ['insecure', `chmod 700 ${data}`],
      ['insecure', `chmod 600 ${path('2026-05.jsonl')}`],
    ]);
    expect(records).toBe(8);
  });

  it('notes a file that is none of the audit', async () => {
    const { data, path } = await threeMonths();
    copyFileSync(path('2026-05.jsonl'), path('backup.jsonl'));
    expect(await verifyAudit(data)).toMatchObject({
      problems: [],
      notes: ['backup.jsonl is no file of the audit, and was not read'],
    });
  });

  it('looks at what is set aside', async () => {
    const { data, path } = await threeMonths();
    appendFileSync(path('2026-06.jsonl'), 'torn');
    await appendAt(data, [times[7]!]);
    const aside = auditFiles(data).find((file) => file.includes('set-aside'))!;
    writeFileSync(aside, 'TORN');
    expect((await verifyAudit(data))!.problems).toMatchObject([{ kind: 'set_aside_changed' }]);
    rmSync(aside);
    expect((await verifyAudit(data))!.problems).toMatchObject([{ kind: 'set_aside_missing' }]);
    writeFileSync(aside, 'torn', { mode: 0o600 });
    writeFileSync(path('set-aside/more'), 'more', { mode: 0o600 });
    expect(await verifyAudit(data)).toMatchObject({ problems: [], notes: [expect.stringContaining('set-aside/more')] });
  });

  it('knows that there is nothing yet', async () => {
    expect(await verifyAudit(join(temporaryDirectory(), 'nowhere'))).toBeNull();
  });
});

async function anchored() {
  const { data, path } = await threeMonths();
  const { last } = (await verifyAudit(data))!;
  await appendAt(data, [times[7]!, times[7]!]);
  return { data, path, anchors: findHeadLines(`noted: ${renderHeadLine(last)}\nand more`) };
}

describe('an anchor', () => {
  it('is found, and says up to where', async () => {
    const { data, anchors } = await anchored();
    expect(await verifyAudit(data, { anchors })).toMatchObject({
      problems: [],
      anchor: { sequence: 8 },
      last: { sequence: 10 },
    });
  });

  it('shows a chain that was rewritten as a whole', async () => {
    const { data, anchors } = await anchored();
    for (const file of auditFiles(data)) rmSync(file);
    await appendAt(data, [...times, ...times]);
    expect((await verifyAudit(data))!.problems).toEqual([]);
    expect(await verifyAudit(data, { anchors })).toMatchObject({ problems: [{ kind: 'anchor_wrong' }], anchor: null });
  });

  it('shows a chain that was shortened together with its head', async () => {
    const { data, anchors } = await anchored();
    for (const file of auditFiles(data)) rmSync(file);
    await appendAt(data, times.slice(0, 3));
    expect((await verifyAudit(data, { anchors }))!.problems.map(problemText)).toEqual([
      `head that was kept: there were 8 records on ${times[7]}; the chain ends at record 3`,
    ]);
  });

  it('shows that everything was removed', async () => {
    const { data, anchors } = await anchored();
    for (const file of auditFiles(data)) rmSync(file);
    expect((await verifyAudit(data, { anchors }))!.problems).toMatchObject([{ kind: 'anchor_missing' }]);
  });
});

/** What `look` gives while one byte of a file is another one. In place: rewriting whole files costs a flush each. */
function withByte<T>(file: string, at: number, byte: number, look: () => T): T {
  const descriptor = openSync(file, 'r+');
  const good = Buffer.alloc(1);
  readSync(descriptor, good, 0, 1, at);
  try {
    writeSync(descriptor, Buffer.from([byte]), 0, 1, at);
    return look();
  } finally {
    writeSync(descriptor, good, 0, 1, at);
    closeSync(descriptor);
  }
}

describe('properties', () => {
  it('any one byte of any file, changed to any other, is found', async () => {
    const data = temporaryDirectory();
    await appendAt(data, ['2026-04-30T10:00:00.000Z', '2026-05-01T10:00:00.000Z']);
    appendFileSync(join(data, 'audit/2026-05.jsonl'), '{"torn');
    await appendAt(data, ['2026-05-01T10:00:00.000Z']);
    expect((await verifyAudit(data))!.problems).toEqual([]);
    for (const file of auditFiles(data)) {
      const good = readFileSync(file);
      for (let at = 0; at < good.length; at += 1) {
        // Steps through all changes over the bytes; line feeds and spaces are tried everywhere by the next test.
        const found = withByte(file, at, good[at]! ^ (1 + (at % 255)), () => verifyUnderLock(data));
        expect(found!.problems.length, `${file}, byte ${at}`).toBeGreaterThan(0);
      }
    }
    expect((await verifyAudit(data))!.problems).toEqual([]);
  }, 60_000);

  it('a head that was set back to number 0 is found', async () => {
    const data = temporaryDirectory();
    await appendAt(data, ['2026-05-01T10:00:00.000Z', '2026-05-01T10:00:00.000Z', '2026-05-01T10:00:00.000Z']);
    const file = join(data, 'audit/head.json');
    const at = readFileSync(file, 'latin1').indexOf('"sequence":') + '"sequence":'.length;
    const found = withByte(file, at, '0'.charCodeAt(0), () => verifyUnderLock(data));
    expect(found!.problems.map(({ kind }) => kind)).toEqual(['head_damaged']);
  });

  it('any byte of any file, changed to a chosen other, is found', async () => {
    const data = temporaryDirectory();
    await appendAt(data, ['2026-05-01T10:00:00.000Z', '2026-05-01T10:00:00.000Z', '2026-05-01T10:00:00.000Z']);
    const files = auditFiles(data);
    const byte = fc.oneof(fc.constantFrom(...Buffer.from('\n\r\t {}"0')), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.nat(), byte, (file, place, value) => {
        const good = readFileSync(file);
        const at = place % good.length;
        fc.pre(good[at] !== value);
        const found = withByte(file, at, value, () => verifyUnderLock(data));
        expect(found!.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 1500 },
    );
  }, 60_000);

  it('any sequence of appends, restarts, crashes and clock changes verifies', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 20 }), large: fc.boolean() }),
      fc.record({ do: fc.constant('restart' as const) }),
      fc.record({ do: fc.constant('second process' as const) }),
      fc.record({ do: fc.constant('torn line' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 50 }) }),
      fc.record({ do: fc.constant('old head' as const) }),
      fc.record({ do: fc.constant('clock' as const), hours: fc.integer({ min: -1500, max: 1500 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const data = temporaryDirectory();
        let clock = Date.parse('2026-05-15T00:00:00.000Z');
        const open = () => openAuditLog({ dataDirectory: data, now: () => new Date((clock += 1000)) });
        let log = await open();
        let head: Buffer | null = null;
        let appended = 0;
        for (const next of steps) {
          const lastFile = auditFiles(data).findLast((file) => file.endsWith('.jsonl'));
          if (next.do === 'append') {
            const events = Array.from({ length: next.count }, () => (next.large ? mintedEvent() : keyEvent('k')));
            if (lastFile) head = readFileSync(join(data, 'audit/head.json'));
            await Promise.all(events.map((event) => log.append(event)));
            appended += next.count;
          } else if (next.do === 'second process') {
            await using other = await open();
            await Promise.all([other.append(keyEvent('other')), log.append(keyEvent('mine'))]);
            appended += 2;
          } else if (next.do === 'torn line' && lastFile) {
            await log.close();
            appendFileSync(
              lastFile,
              Buffer.from(next.bytes).map((byte) => (byte === 0x0a ? 0x20 : byte)),
            );
            log = await open();
            await log.append(keyEvent('after'));
            appended += 1;
          } else if (next.do === 'old head' && head) {
            await log.close();
            writeFileSync(join(data, 'audit/head.json'), head);
            log = await open();
          } else if (next.do === 'restart') {
            await log.close();
            log = await open();
          } else if (next.do === 'clock') {
            clock += next.hours * 3_600_000;
          }
        }
        await log.close();
        const found = await verifyAudit(data);
        expect(found?.problems ?? []).toEqual([]);
        expect(found?.records ?? 0).toBeGreaterThanOrEqual(appended);
        rmSync(data, { recursive: true });
      }),
      { numRuns: 60, endOnFailure: true },
    );
  }, 60_000);
});
