import { chmodSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { damages, threeMonths } from '../../test/support/audit-damage.ts';
import { appendAt, auditFiles, keyEvent, tamper } from '../../test/support/audit.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { acceptDamage } from './accept-damage.ts';
import { openAuditLog } from './log.ts';
import { problemText } from './problem.ts';
import { verifyAudit } from './verify.ts';

const later = '2026-06-10T10:00:00.000Z';
const accept = (dataDirectory: string) =>
  acceptDamage({ dataDirectory, actor: { name: 'ann', source: 'operating_system' }, now: () => new Date(later) });

const contents = (data: string) =>
  new Map(
    auditFiles(data)
      .filter((file) => !file.endsWith('head.json'))
      .map((file) => [file, readFileSync(file, 'latin1')]),
  );

describe('acceptDamage', () => {
  it.each(damages)('goes on after %s, and overwrites nothing', async (_name, damage, expected) => {
    const { data, path } = await threeMonths();
    damage(path);
    const before = contents(data);

    expect(await accept(data)).toMatchObject({
      type: 'audit_damage_accepted',
      actor: { name: 'ann' },
      problem_count: expected.length,
      problems: expected,
    });
    expect(contents(data)).toEqual(new Map([...contents(data), ...before]));

    await appendAt(data, [later, '2026-07-01T00:00:00.000Z']);
    const found = (await verifyAudit(data))!;
    expect(found.problems).toEqual([]);
    expect(found.acceptances).toHaveLength(1);
    // What was only wrong with head.json is told by the record alone: head.json is a new one.
    expect(found.accepted.map(problemText)).toEqual(expected.filter((text) => !text.startsWith('head.json')));
    expect(await accept(data)).toBeNull();
  });

  it('keeps a copy of the head that it replaces', async () => {
    const { data, path } = await threeMonths();
    rmSync(path('2026-06.jsonl'));
    const head = readFileSync(path('head.json'), 'utf8');
    await accept(data);
    const [kept] = readdirSync(path('set-aside'));
    expect(readFileSync(path(`set-aside/${kept}`), 'utf8')).toBe(head);
    tamper(path(`set-aside/${kept}`), (text) => text.replace('8', '7'));
    expect((await verifyAudit(data))!.problems.map(problemText)).toEqual([
      `set-aside/${kept}: it was changed since damage was accepted on ${later}`,
    ]);
  });

  it('begins a part of its own within the same month', async () => {
    const { data, path } = await threeMonths();
    tamper(path('2026-06.jsonl'), (text) => text.replace('key-7', 'key-X'));
    await accept(data);
    await appendAt(data, [later]);
    expect(readdirSync(path('')).filter((name) => name.endsWith('.jsonl'))).toContain('2026-06.2.jsonl');
    tamper(path('2026-06.2.jsonl'), (text) => text.replace('key-0', 'key-X'));
    await accept(data);
    await appendAt(data, [later]);
    expect(await verifyAudit(data)).toMatchObject({
      problems: [],
      files: ['2026-04.jsonl', '2026-05.jsonl', '2026-06.jsonl', '2026-06.2.jsonl', '2026-06.3.jsonl'],
    });
  });

  it('pins what was accepted: a further change, or a file that goes missing, is damage again', async () => {
    const { data, path } = await threeMonths();
    tamper(path('2026-05.jsonl'), (text) => text.replace('key-3', 'key-X'));
    await accept(data);
    tamper(path('2026-05.jsonl'), (text) => text.replace('key-X', 'key-Y'));
    rmSync(path('2026-04.jsonl'));
    expect((await verifyAudit(data))!.problems.map(problemText).sort()).toEqual(
      [
        `2026-04.jsonl: it went missing since damage was accepted on ${later}`,
        '2026-05.jsonl:1: records 1 to 2, which belong before this one, are missing',
        '2026-05.jsonl:2: the record was changed after it was written: its hash does not fit (record 4)',
        `2026-05.jsonl: it was changed since damage was accepted on ${later}`,
      ].sort(),
    );
    expect(await accept(data)).toMatchObject({ problem_count: 4, missing: ['2026-04.jsonl'] });
    expect((await verifyAudit(data))!.problems).toEqual([]);
  });

  it('finds whatever is done to the record of it', async () => {
    const { data, path } = await threeMonths();
    tamper(path('2026-05.jsonl'), (text) => text.replace('key-3', 'key-X'));
    await accept(data);
    tamper(path('2026-06.2.jsonl'), (text) => text.replace('"ann"', '"bob"'));
    expect((await verifyAudit(data))!.problems).toMatchObject([
      { kind: 'record_changed', file: '2026-05.jsonl' },
      { kind: 'record_changed', file: '2026-06.2.jsonl' },
      { kind: 'chain_shortened' },
    ]);
  });

  it('lets a log that was open before go on', async () => {
    const { data, path } = await threeMonths();
    await using log = await openAuditLog({ dataDirectory: data, now: () => new Date(later) });
    tamper(path('2026-06.jsonl'), (text) => text.slice(0, -9));
    await expect(log.append(keyEvent('k'))).rejects.toMatchObject({ code: 'audit_damaged' });
    await accept(data);
    expect(await log.append(keyEvent('k'))).toMatchObject({ sequence: 10 });
    expect((await verifyAudit(data))!.problems).toEqual([]);
  });

  it('accepts no file that others can read', async () => {
    const { data, path } = await threeMonths();
    tamper(path('2026-05.jsonl'), (text) => text.replace('key-3', 'key-X'));
    chmodSync(path('2026-04.jsonl'), 0o644);
    await expect(accept(data)).rejects.toMatchObject({
      code: 'data_directory_insecure',
      problem: { mend: `chmod 600 ${path('2026-04.jsonl')}` },
    });
  });

  it('has nothing to do where nothing is damaged, or nothing is there', async () => {
    const { data } = await threeMonths();
    expect(await accept(data)).toBeNull();
    const empty = join(temporaryDirectory(), 'data');
    expect(await accept(empty)).toBeNull();
  });
});
