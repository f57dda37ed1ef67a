import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { appendAt, keyEvent, mintedEvent, tamper } from '../../test/support/audit.ts';
import { damages, threeMonths, times } from '../../test/support/audit-damage.ts';
import { startModule } from '../../test/support/module-process.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { acceptDamage } from './accept-damage.ts';
import { isNewerThanHead } from './chain-files.ts';
import type { AuditRecord, NewAuditEvent } from './event.ts';
import { openAuditLog } from './log.ts';
import { readRecords } from './read.ts';
import { verifyAudit } from './verify.ts';

const may = '2026-05-03T14:02:11.000Z';
const file = 'audit/2026-05.jsonl';
const openAt = (dataDirectory: string, time = may) => openAuditLog({ dataDirectory, now: () => new Date(time) });
const types = (dataDirectory: string) => [...readRecords(dataDirectory)].map(({ type }) => type);

async function expectUnbroken(dataDirectory: string, records: number): Promise<void> {
  expect(await verifyAudit(dataDirectory)).toMatchObject({ problems: [], notes: [], records });
}

/** Appends and prints the number of each record once it is acknowledged. */
const appender = (data: string, count: string, width: number) => `
  import { writeSync } from 'node:fs';
  import { openAuditLog } from 'SRC/audit/log.ts';
  const log = await openAuditLog({ dataDirectory: ${JSON.stringify(data)}, now: () => new Date() });
  const event = { type: 'key_created', outcome: 'ok', actor: null, workload: null, lease: null, known_by: 'issuer', kid: 'k', reason: null };
  let left = ${count};
  await Promise.all(Array.from({ length: ${width} }, async () => {
    while (left-- > 0) writeSync(1, (await log.append(event)).sequence + '\\n');
  }));
  await log.close();`;

describe('openAuditLog', () => {
  it('makes a private directory, and no record', async () => {
    const data = join(temporaryDirectory(), 'data');
    await using log = await openAt(data);
    expect(log.head()).toMatchObject({ sequence: 0, hash: '0'.repeat(64), at: null });
    expect([data, join(data, 'audit')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
    expect(await verifyAudit(data)).toBeNull();
  });

  it('refuses a data directory, an audit directory and files that others can reach, with the command that mends it', async () => {
    const data = temporaryDirectory();
    await appendAt(data, [may]);
    for (const [path, mode] of [
      [data, '700'],
      [join(data, 'audit'), '700'],
      [join(data, file), '600'],
      [join(data, 'audit/head.json'), '600'],
    ] as const) {
      chmodSync(path, 0o755);
      await expect(openAt(data)).rejects.toMatchObject({
        code: 'data_directory_insecure',
        problem: { mend: `chmod ${mode} ${path}` },
      });
      chmodSync(path, Number.parseInt(mode, 8));
    }
    await (await openAt(data)).close();
  });

  it('refuses files that are symbolic links', async () => {
    const data = temporaryDirectory();
    await appendAt(data, [may]);
    const elsewhere = join(temporaryDirectory(), 'elsewhere');
    writeFileSync(elsewhere, readFileSync(join(data, file)), { mode: 0o600 });
    rmSync(join(data, file));
    symlinkSync(elsewhere, join(data, file));
    await expect(openAt(data)).rejects.toMatchObject({ code: 'data_directory_insecure' });
  });

  it.each<[string, (data: string) => void]>([
    ['the last file is gone', (data) => rmSync(join(data, 'audit/2026-06.jsonl'))],
    ['every file is gone', (data) => ['05', '06'].forEach((month) => rmSync(join(data, `audit/2026-${month}.jsonl`)))],
    ['head.json is gone', (data) => rmSync(join(data, 'audit/head.json'))],
    ['head.json is cut short', (data) => truncateSync(join(data, 'audit/head.json'), 100)],
    ['head.json is empty', (data) => truncateSync(join(data, 'audit/head.json'))],
    [
      'head.json has one space less',
      (data) => tamper(join(data, 'audit/head.json'), (text) => text.replace('  ', ' ')),
    ],
    [
      'the last line is gone',
      (data) =>
        tamper(join(data, 'audit/2026-06.jsonl'), (text) => text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1)),
    ],
    [
      'the last line has lost its end',
      (data) => tamper(join(data, 'audit/2026-06.jsonl'), (text) => text.slice(0, -1)),
    ],
    ['the last line is empty', (data) => truncateSync(join(data, 'audit/2026-06.jsonl'))],
    [
      'a byte in the tail is changed',
      (data) => tamper(join(data, 'audit/2026-06.jsonl'), (text) => text.replace('key-3', 'key-4')),
    ],
    [
      'the last line stands there twice',
      (data) =>
        tamper(
          join(data, 'audit/2026-06.jsonl'),
          (text) => text + text.slice(text.lastIndexOf('\n', text.length - 2) + 1),
        ),
    ],
    ['something that is no record follows', (data) => appendFileSync(join(data, 'audit/2026-06.jsonl'), '{}\n')],
    [
      'bytes that are no UTF-8 follow',
      (data) => appendFileSync(join(data, 'audit/2026-06.jsonl'), Buffer.from('ff0a', 'hex')),
    ],
    ['an empty line follows', (data) => appendFileSync(join(data, 'audit/2026-06.jsonl'), '\n')],
    [
      'a file of a later month follows with something else',
      (data) => writeFileSync(join(data, 'audit/2026-07.jsonl'), '{}\n', { mode: 0o600 }),
    ],
  ])('refuses when %s, says how to go on, and changes nothing', async (_name, damage) => {
    const data = temporaryDirectory();
    await appendAt(data, [may, '2026-05-04T00:00:00.000Z', '2026-06-01T00:00:00.000Z', '2026-06-02T00:00:00.000Z']);
    damage(data);
    const before = readdirSync(join(data, 'audit')).map((name) => [
      name,
      readFileSync(join(data, 'audit', name), 'latin1'),
    ]);
    await expect(openAt(data, '2026-06-03T00:00:00.000Z')).rejects.toMatchObject({
      code: 'audit_damaged',
      problem: { mend: expect.stringContaining('hallpass audit verify --accept-damage') },
    });
    expect(
      readdirSync(join(data, 'audit')).map((name) => [name, readFileSync(join(data, 'audit', name), 'latin1')]),
    ).toEqual(before);
  });

  it('does not read more of a long chain than its end', async () => {
    const data = temporaryDirectory();
    await using log = await openAt(data);
    await Promise.all(Array.from({ length: 400 }, (_, index) => log.append(mintedEvent({ jti: `jti-${index}` }))));
    // What lies further back, and was changed without a trace in the time of the file, is for verify to find.
    tamper(join(data, file), (text) => text.replace('jti-1"', 'jti-X"'));
    const later = new Date(Date.now() + 1000);
    utimesSync(join(data, 'audit/head.json'), later, later);
    await (await openAt(data)).close();
    expect((await verifyAudit(data))!.problems).toMatchObject([{ kind: 'record_changed', line: 2 }]);
  });

  it.each(damages)('refuses when the damage is %s, until it was accepted', async (_name, damage) => {
    const { data, path } = await threeMonths();
    // Later than the last append by the clock of the disk, which ticks every few milliseconds.
    await sleep(20);
    damage(path);
    await expect(openAt(data, times.at(-1))).rejects.toMatchObject({ code: 'audit_damaged' });
    await acceptDamage({
      dataDirectory: data,
      actor: { name: 'ann', source: 'operating_system' },
      now: () => new Date(times.at(-1)!),
    });
    await using log = await openAt(data, times.at(-1));
    await log.append(keyEvent('after'));
    expect((await verifyAudit(data))!.problems).toEqual([]);
  });

  it('takes a whole chain that was copied, and reads all of it only once', async () => {
    const { data } = await threeMonths();
    const earlier = new Date(Date.now() - 60_000);
    utimesSync(join(data, 'audit/head.json'), earlier, earlier);
    expect(isNewerThanHead(join(data, 'audit'))).toBe(true);
    await (await openAt(data, '2026-06-03T00:00:00.000Z')).close();
    expect(isNewerThanHead(join(data, 'audit'))).toBe(false);
  });

  it('need not read the whole chain after appends of its own, in a month or a new one', async () => {
    const { data } = await threeMonths();
    expect(isNewerThanHead(join(data, 'audit'))).toBe(false);
    await appendAt(data, ['2026-06-03T00:00:00.000Z', '2026-07-01T00:00:00.000Z']);
    expect(isNewerThanHead(join(data, 'audit'))).toBe(false);
  });

  it('opens with a record longer than the block that it looks at', async () => {
    const data = temporaryDirectory();
    await using log = await openAt(data);
    await log.append(keyEvent('short'));
    await log.append(keyEvent('k'.repeat(200_000)));
    await using again = await openAt(data);
    expect(again.head().sequence).toBe(2);
  });
});

describe('append', () => {
  it('gives the record as it lies on disk', async () => {
    const data = temporaryDirectory();
    await using log = await openAt(data);
    const records = [await log.append(keyEvent('1')), await log.append(mintedEvent())];
    expect(
      readFileSync(join(data, file), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(records);
    expect(records.map(({ sequence, at }) => [sequence, at])).toEqual([
      [1, may],
      [2, may],
    ]);
    expect(records[1]!.previous_hash).toBe(records[0]!.hash);
    expect(statSync(join(data, file)).mode & 0o777).toBe(0o600);
  });

  it('keeps appends of one moment in their order', async () => {
    const data = temporaryDirectory();
    await using log = await openAt(data);
    const records = await Promise.all(Array.from({ length: 3000 }, (_, index) => log.append(keyEvent(String(index)))));
    expect(records.map((record) => [record.sequence, (record as { kid: string }).kid])).toEqual(
      records.map((_, index) => [index + 1, String(index)]),
    );
    await expectUnbroken(data, 3000);
  });

  it('begins a file each month, and goes on in the last one when the clock is set back', async () => {
    const data = temporaryDirectory();
    await appendAt(data, ['2026-04-30T23:59:59.999Z', '2026-05-01T00:00:00.000Z', '2026-04-30T23:59:59.000Z']);
    expect(readdirSync(join(data, 'audit')).sort()).toEqual(['2026-04.jsonl', '2026-05.jsonl', 'head.json', 'lock']);
    await expectUnbroken(data, 3);
  });

  it('refuses one event that cannot be recorded, and takes its neighbours', async () => {
    const data = temporaryDirectory();
    await using log = await openAt(data);
    const settled = await Promise.allSettled([
      log.append(keyEvent('1')),
      log.append({ ...keyEvent('2'), reason: new Date() } as unknown as NewAuditEvent),
      log.append(keyEvent('k'.repeat(300_000))),
      log.append(keyEvent('3')),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(settled[1]).toMatchObject({ reason: { code: 'audit_write_failed' } });
    await expectUnbroken(data, 2);
  });

  it('is refused after close, which waits for what was handed in', async () => {
    const data = temporaryDirectory();
    const log = await openAt(data);
    const last = log.append(keyEvent('1'));
    await log.close();
    await expect(log.append(keyEvent('2'))).rejects.toThrow('closed');
    expect((await last).sequence).toBe(1);
    await expectUnbroken(data, 1);
  });

  it('notices damage that happens while it is open, and appends nothing', async () => {
    const data = temporaryDirectory();
    await using log = await openAt(data);
    await log.append(keyEvent('1'));
    truncateSync(join(data, file), 100);
    await expect(log.append(keyEvent('2'))).rejects.toMatchObject({ code: 'audit_damaged' });
    expect(statSync(join(data, file)).size).toBe(100);
  });

  it.each(['audit', ''])('does not go on in a directory that was removed under it (%j)', async (name) => {
    const data = join(temporaryDirectory(), 'data');
    await using log = await openAt(data);
    await log.append(keyEvent('1'));
    rmSync(join(data, name), { recursive: true });
    await expect(log.append(keyEvent('2'))).rejects.toMatchObject({ code: 'audit_write_failed' });
    expect(existsSync(join(data, 'audit'))).toBe(false);
  });

  it('does not begin anew in a directory that was emptied under it', async () => {
    const data = temporaryDirectory();
    await using log = await openAt(data);
    await log.append(keyEvent('1'));
    rmSync(join(data, 'audit'), { recursive: true });
    mkdirSync(join(data, 'audit'), { mode: 0o700 });
    await expect(log.append(keyEvent('2'))).rejects.toMatchObject({ code: 'audit_damaged' });
  });
});

describe('a line that was cut off', () => {
  const torn = '{"actor":null,"at":"2026-05-03T14:0';

  async function withTornLine(): Promise<string> {
    const data = temporaryDirectory();
    await appendAt(data, [may, may]);
    appendFileSync(join(data, file), torn);
    return data;
  }

  it('is a note for verify, and no damage', async () => {
    const data = await withTornLine();
    expect(await verifyAudit(data)).toMatchObject({
      problems: [],
      notes: [expect.stringContaining('2026-05.jsonl:3')],
      records: 2,
    });
  });

  it('is set aside at the next append, with an event and a warning', async () => {
    const data = await withTornLine();
    await using log = await openAt(data);
    await log.append(keyEvent('next'));
    expect(types(data)).toEqual(['key_created', 'key_created', 'audit_line_set_aside', 'key_created']);
    const event = [...readRecords(data)][2] as Extract<AuditRecord, { type: 'audit_line_set_aside' }>;
    expect(readFileSync(join(data, 'audit', event.set_aside.file), 'utf8')).toBe(torn);
    expect(event).toMatchObject({ file: '2026-05.jsonl', set_aside: { size: torn.length } });
    expect(log.warnings()).toMatchObject([{ what: expect.stringContaining('cut off') }]);
    await expectUnbroken(data, 4);
  });

  it('is set aside from the file of the month before, too', async () => {
    const data = await withTornLine();
    await using log = await openAt(data, '2026-06-01T00:00:00.000Z');
    await log.append(keyEvent('next'));
    expect(readdirSync(join(data, 'audit'))).toContain('2026-06.jsonl');
    await expectUnbroken(data, 4);
  });

  it('may be the very first line', async () => {
    const data = temporaryDirectory();
    await (await openAt(data)).close();
    // As after a crash: head.json is made before the first file.
    await appendAt(data, [may]);
    const head = readFileSync(join(data, 'audit/head.json'), 'utf8');
    tamper(join(data, file), (text) => text.slice(0, 50));
    writeFileSync(
      join(data, 'audit/head.json'),
      head
        .replace(/"file".*"size":\d+\}/, `"file":null,"hash":"${'0'.repeat(64)}","sequence":0,"size":0}`)
        .trimEnd()
        .padEnd(255) + '\n',
    );
    await using log = await openAt(data);
    await log.append(keyEvent('first'));
    expect(types(data)).toEqual(['audit_line_set_aside', 'key_created']);
    await expectUnbroken(data, 2);
  });

  it('is told of although the append that set it aside could not be written', async () => {
    const data = await withTornLine();
    await using log = await openAt(data);
    await expect(log.append({ ...keyEvent('x'), reason: 1n } as unknown as NewAuditEvent)).rejects.toThrow('bigint');
    await log.append(keyEvent('next'));
    expect(types(data)).toEqual(['key_created', 'key_created', 'audit_line_set_aside', 'key_created']);
  });
});

describe('a head that lags behind after a crash', () => {
  it.each([1, 3, 200])('does no harm (%i records)', async (behind) => {
    const data = temporaryDirectory();
    await appendAt(data, [may, may]);
    const head = readFileSync(join(data, 'audit/head.json'));
    await appendAt(
      data,
      Array.from({ length: behind }, (_, index) => (index === 0 ? may : '2026-06-01T00:00:00.000Z')),
    );
    writeFileSync(join(data, 'audit/head.json'), head);
    await expectUnbroken(data, 2 + behind);
    await using log = await openAt(data, '2026-06-01T00:00:00.000Z');
    expect((await log.append(keyEvent('next'))).sequence).toBe(3 + behind);
    await expectUnbroken(data, 3 + behind);
  });
});

describe('a clock that was set back', () => {
  it('is told of in an event and a warning, once, and the chain goes on', async () => {
    const data = temporaryDirectory();
    await appendAt(data, [may]);
    await using log = await openAt(data, '2026-05-03T13:02:11.000Z');
    expect(log.warnings()).toMatchObject([{ what: `the clock stands 1h before the last audit record (${may})` }]);
    await log.append(keyEvent('1'));
    await log.append(keyEvent('2'));
    expect(types(data)).toEqual(['key_created', 'clock_set_back', 'key_created', 'key_created']);
    expect([...readRecords(data)][1]).toMatchObject({ last_at: may, seconds: 3600, at: '2026-05-03T13:02:11.000Z' });
    expect(log.warnings()).toHaveLength(1);
    await expectUnbroken(data, 4);
  });

  it('is not told of for five minutes or less', async () => {
    const data = temporaryDirectory();
    await appendAt(data, [may, '2026-05-03T13:57:11.000Z']);
    expect(types(data)).toEqual(['key_created', 'key_created']);
  });
});

describe('processes', () => {
  it('keep one unbroken chain when eight append at once', async () => {
    const data = temporaryDirectory();
    const done = await Promise.all(Array.from({ length: 8 }, () => startModule(appender(data, '50', 4)).ended()));
    expect(done.map(({ code, stderr }) => [code, stderr])).toEqual(done.map(() => [0, '']));
    const numbers = done.flatMap(({ stdout }) => stdout.trim().split('\n').map(Number)).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 400 }, (_, index) => index + 1));
    await expectUnbroken(data, 400);
  });

  it('lose nothing that was acknowledged when they are killed', async () => {
    const data = temporaryDirectory();
    const acknowledged: number[] = [];
    for (let kill = 0; kill < 10; kill += 1) {
      const writer = startModule(appender(data, 'Infinity', 16));
      while (writer.output.stdout === '') await sleep(2);
      await sleep(Math.random() * 15);
      writer.child.kill('SIGKILL');
      const { stdout } = await writer.ended();
      acknowledged.push(...stdout.split('\n').slice(0, -1).map(Number));
    }
    const found = await verifyAudit(data);
    expect(found!.problems).toEqual([]);
    expect(found!.last.sequence).toBeGreaterThanOrEqual(Math.max(...acknowledged));
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    await appendAt(data, [new Date().toISOString()]);
    expect((await verifyAudit(data))!.problems).toEqual([]);
  });

  it('acknowledge nothing and leave nothing half-written when the space runs out', async () => {
    const data = temporaryDirectory();
    const source = appender(data, 'Infinity', 3)
      .replace('await Promise.all', 'await Promise.allSettled')
      .replace(
        'await log.close();',
        `for (let more = 0; more < 12; more += 1) await log.append(event).then((record) => writeSync(1, record.sequence + '\\n'), (error) => writeSync(1, JSON.stringify({ code: error.code, ...error.problem }) + '\\n'));`,
      );
    const { stdout, code, stderr } = await startModule(source, 'ulimit -f 8;').ended();
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const numbers = lines.filter((line) => typeof line === 'number');
    expect(lines.at(-1)).toEqual({
      code: 'audit_write_failed',
      what: 'the audit cannot be written: the file would be larger than the limit',
      where: join(data, 'audit'),
      mend: 'raise the limit (ulimit -f), then try again',
    });
    expect(numbers.length).toBeGreaterThan(3);
    await expectUnbroken(data, numbers.length);
    await appendAt(data, [new Date().toISOString()]);
    await expectUnbroken(data, numbers.length + 1);
  });
});
