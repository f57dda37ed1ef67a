import { appendFileSync, chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { keyEvent, mintedEvent, tamper, workloadOf } from '../../test/support/audit.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { openAuditLog } from '../audit/log.ts';
import { readSettings } from '../settings/settings.ts';
import { runCli } from './program.ts';

const now = new Date('2026-05-04T00:00:30.000Z');

/** Runs `hallpass audit …` in this process. */
async function audit(data: string, ...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const printed = [textOf(stdout), textOf(stderr)] as const;
  let code = 0;
  await runCli(
    ['audit', ...args],
    {
      settings: readSettings({ HOME: '/nowhere', USER: 'ann' }, { dataDirectory: data }),
      stdin: new PassThrough(),
      stdout,
      stderr,
      now: () => now,
      fetch,
      color: false,
      exit: (given) => {
        code = given;
      },
    },
    '0.1.0',
  );
  stdout.end();
  stderr.end();
  return { code, stdout: await printed[0], stderr: await printed[1] };
}

const apply = workloadOf({ phase: 'apply', workspace: 'billing', run_id: 'run-other111' });

/** Four events over midnight. */
async function story(): Promise<string> {
  const data = temporaryDirectory();
  let at = Date.parse('2026-05-03T23:58:30.000Z');
  await using log = await openAuditLog({ dataDirectory: data, now: () => new Date((at += 30_000)) });
  await log.append(keyEvent('key-1'));
  await log.append(mintedEvent({ expiresAt: Date.parse('2026-05-04T02:00:00Z') / 1000 }));
  await log.append({
    ...mintedEvent({ workload: apply }),
    type: 'exchange_refused',
    outcome: 'refused',
    known_by: 'platform',
    offered: 'arn:aws:iam::111122223333:role/apply',
    jti: 'jti-2',
    code: 'AccessDenied',
    message: 'no\u001b[2J',
    status: 403,
    request_id: null,
  });
  return data;
}

const sentences = [
  '2026-05-03 (UTC)',
  '23:59:30 ci@acme made the signing key key-1',
  '2026-05-04 (UTC)',
  '00:00:00 acme/payments-prod plan (run-8KxZk5uNq8xTg2sV, started by ci@acme) got a token for AWS, offered role arn:aws:iam::111122223333:role/payments-plan, good until 02:00',
  '00:00:30 acme/billing apply (run-other111, started by ci@acme) was refused by AWS, offered role arn:aws:iam::111122223333:role/apply: AccessDenied, "no\\u{1b}[2J"',
  '',
];

describe('hallpass audit', () => {
  it('says that there is nothing yet, for each subcommand, and makes nothing', async () => {
    const data = join(temporaryDirectory(), 'data');
    const nothing = `nothing audited yet in ${data}\n`;
    expect(await audit(data)).toEqual({ code: 0, stdout: nothing, stderr: '' });
    expect(await audit(data, 'list', '--json')).toEqual({ code: 0, stdout: '', stderr: nothing });
    expect(await audit(data, 'verify')).toEqual({ code: 0, stdout: nothing, stderr: '' });
    expect(await audit(data, 'head')).toEqual({ code: 0, stdout: '', stderr: nothing });
    expect(await audit(data, 'export')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(existsSync(data)).toBe(false);
  });

  it.each([[], ['list']])('lists sentences, newest last, with a line for each day', async (...args: string[]) => {
    expect(await audit(await story(), ...args, '--utc')).toEqual({ code: 0, stdout: sentences.join('\n'), stderr: '' });
  });

  it.each([
    [['--since', '30s'], 2],
    [['--until', '2026-05-03'], 1],
    [['--workspace', 'pay*'], 1],
    [['--workspace', 'acme/*'], 2],
    [['--phase', 'apply'], 1],
    [['--role', 'payments-plan'], 1],
    [['--actor', 'ci@*'], 3],
    [['--actor', 'nobody'], 0],
    [['--outcome', 'refused'], 1],
    [['--type', 'key_*'], 1],
    [['--limit', '2'], 2],
    [['--limit', '9'], 3],
    [['--phase', 'apply', '--outcome', 'ok'], 0],
  ] as const)('filters by %j', async (options, count) => {
    const { stdout, code } = await audit(await story(), '--utc', '--json', ...options);
    expect([code, stdout.split('\n').length - 1]).toEqual([0, count]);
  });

  it.each([
    [['--since', 'yesterday'], 'neither a time nor a duration'],
    [['--phase', 'destroy'], 'Allowed choices are plan, apply'],
    [['--outcome', 'good'], 'Allowed choices are ok, refused, failed'],
    [['--limit', '0'], 'whole number'],
    [['--limit', '1e3'], 'whole number'],
    [['--colour'], 'unknown option'],
    [['nonsense'], 'too many arguments'],
    [['trace'], 'missing required argument'],
    [['verify', '--head', 'nonsense'], '--head is neither a line'],
  ])('refuses %j as wrong usage', async (args, message) => {
    const { code, stdout, stderr } = await audit(await story(), ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('prints and exports events exactly as they are stored', async () => {
    const data = await story();
    const stored = readFileSync(join(data, 'audit/2026-05.jsonl'), 'utf8');
    const output = join(data, 'may.jsonl');
    expect((await audit(data, '--json')).stdout).toBe(stored);
    expect((await audit(data, 'export')).stdout).toBe(stored);
    expect(await audit(data, 'export', '--output', output)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect([readFileSync(output, 'utf8'), statSync(output).mode & 0o777]).toEqual([stored, 0o600]);
    expect(await audit(data, 'export', '--output', output, '--phase', 'plan')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('exists already'),
    });
    expect(readFileSync(output, 'utf8')).toBe(stored);
  });

  it('lists what it can read of a damaged audit, and says what it cannot', async () => {
    const data = await story();
    tamper(join(data, 'audit/2026-05.jsonl'), (text) => text.replace('\n', '}\n'));
    const { code, stdout, stderr } = await audit(data, '--utc');
    expect([code, stdout]).toEqual([1, sentences.slice(2).join('\n')]);
    expect(stderr).toBe('warning: 1 audit line cannot be read (2026-05.jsonl:1)\n  hint:  hallpass audit verify\n');
  });

  it('leaves out a line that is just being written', async () => {
    const data = await story();
    appendFileSync(join(data, 'audit/2026-05.jsonl'), '{"actor"');
    expect(await audit(data, '--utc')).toEqual({ code: 0, stdout: sentences.join('\n'), stderr: '' });
  });

  it('refuses files that others can read, with the command that mends it', async () => {
    const data = await story();
    const file = join(data, 'audit/2026-05.jsonl');
    chmodSync(file, 0o640);
    expect(await audit(data)).toMatchObject({ code: 1, stderr: expect.stringContaining(`hint:  chmod 600 ${file}`) });
  });
});

describe('hallpass audit verify and head', () => {
  it('say that all is well, and that nothing is anchored', async () => {
    const { code, stdout } = await audit(await story(), 'verify');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^3 records in 1 file, unbroken up to record 3 of 2026-05-04T00:00:30.000Z\ntail not anchored/,
    );
  });

  it('take a head as a line, or as a file with many', async () => {
    const data = await story();
    const head = (await audit(data, 'head')).stdout.trim();
    expect(head).toMatch(/^hallpass-audit-head 3 [0-9a-f]{64} 2026-05-04T00:00:30\.000Z$/);
    const kept = join(data, 'kept.txt');
    writeFileSync(kept, `${head}\n${head}\n`);
    for (const given of [head, `2026: ${head}`, kept]) {
      const { code, stdout } = await audit(data, 'verify', '--head', given);
      expect([code, stdout.split('\n').at(-2)]).toEqual([0, 'anchored at record 3 of 2026-05-04T00:00:30.000Z']);
    }
    const other = head.replace(/[0-9a-f]{64}/, 'ab'.repeat(32));
    expect(await audit(data, 'verify', '--head', other)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('the chain was rewritten'),
    });
  });

  it('show damage with exit code 1, as text and as JSON', async () => {
    const data = await story();
    tamper(join(data, 'audit/2026-05.jsonl'), (text) => text.replace('key-1', 'key-2'));
    const { code, stdout } = await audit(data, 'verify');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^damaged: 2026-05\.jsonl:1: the record was changed/);
    const json = await audit(data, 'verify', '--json');
    expect([json.code, JSON.parse(json.stdout)]).toEqual([
      1,
      expect.objectContaining({
        ok: false,
        records: 2,
        problems: [expect.objectContaining({ kind: 'record_changed', line: 1 })],
      }),
    ]);
  });

  it('accept damage only when told: by --yes, since nobody is at a terminal', async () => {
    const data = await story();
    tamper(join(data, 'audit/2026-05.jsonl'), (text) => text.replace('key-1', 'key-2'));
    expect(await audit(data, 'verify', '--accept-damage')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('hint:  hallpass audit verify --accept-damage --yes'),
    });
    expect(existsSync(join(data, 'audit/2026-05.2.jsonl'))).toBe(false);
    expect(await audit(data, 'verify', '--accept-damage', '--yes')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('accepted: the chain goes on with record 4, in a new file'),
    });
    const { code, stdout } = await audit(data, 'verify');
    expect(code).toBe(0);
    expect(stdout).toContain(`by ${userInfo().username}: 1 problem, since record 4 as it is now`);
  });

  it('cannot accept that an anchor is missing', async () => {
    const data = await story();
    const other = `hallpass-audit-head 9 ${'ab'.repeat(32)} 2026-05-04T00:00:30.000Z`;
    expect(await audit(data, 'verify', '--head', other, '--accept-damage', '--yes')).toMatchObject({
      code: 1,
      stderr: '',
    });
    tamper(join(data, 'audit/2026-05.jsonl'), (text) => text.replace('key-1', 'key-2'));
    const both = await audit(data, 'verify', '--head', other, '--accept-damage', '--yes', '--json');
    expect(both.code).toBe(1);
    expect(JSON.parse(both.stdout)).toMatchObject({
      ok: false,
      acceptance: { type: 'audit_damage_accepted', problem_count: 1 },
    });
  });

  it('refuse to print a head of a damaged chain', async () => {
    const data = await story();
    rmSync(join(data, 'audit/head.json'));
    expect(await audit(data, 'head')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('audit is damaged'),
    });
  });
});

describe('hallpass audit trace', () => {
  it('tells one run from start to end, found by its id, how it begins, or a jti', async () => {
    const data = await story();
    const byId = await audit(data, 'trace', 'run-8KxZk5uNq8xTg2sV', '--utc');
    expect(byId.stdout).toBe(
      [
        'run-8KxZk5uNq8xTg2sV of acme/payments-prod',
        'began 2026-05-04 00:00:00 (UTC)',
        '',
        `  +0.000s  ${sentences[3]!.slice(9)}`,
        '             sub     organization:acme:project:payments:workspace:payments-prod:run_phase:plan',
        '             aud     aws.workload.identity',
        '             jti     jti-1',
        '             kid     key-1',
        `             sha256  ${'ab'.repeat(32)}`,
        '',
        'What its roles did stands in CloudTrail, in each region that was used, up to 15 minutes late:',
        '  aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=run-8KxZk5uNq8xTg2sV-plan --start-time 2026-05-04T00:00:00Z --end-time 2026-05-04T02:15:00Z',
        '',
      ].join('\n'),
    );
    expect(await audit(data, 'trace', 'run-8KxZ', '--utc')).toEqual(byId);
    expect(await audit(data, 'trace', 'jti-1', '--utc')).toEqual(byId);
    expect(JSON.parse((await audit(data, 'trace', 'jti-2', '--json')).stdout)).toMatchObject({
      run_id: 'run-other111',
      events: [{ type: 'exchange_refused' }],
      lookups: [],
    });
  });

  it.each(['run-unknown1', 'jti-9', 'run-'])('says that it does not know %j', async (text) => {
    expect(await audit(await story(), 'trace', text)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`knows no run and no token "${text}"`),
    });
  });
});
