import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { awsDefault, said, testPhase, uniqueWorkspace, type TestPhase } from '../../test/support/phase.ts';
import { ExchangeRefused, type CredentialRequest, type Refusal } from '../domain/credential.ts';
import { AppError } from '../domain/errors.ts';
import { Secret } from '../domain/secret.ts';
import { noteProcess } from './process-table.ts';
import type { PhaseEvent } from './phase.ts';
import { PhaseInterrupted } from './phase-signals.ts';
import { openPhase, runPhase } from './run-phase.ts';

const go = (phase: TestPhase) => runPhase(phase.run, phase.io);

/** The private directories of a phase, which must be gone. */
function privatePlaces(phase: TestPhase): string[] {
  const opened = phase.events.find((event) => event.type === 'environment_opened');
  if (opened?.type !== 'environment_opened') return [];
  return [opened.directory, join(opened.temporaryDirectory, '..')];
}

function expectNothingLeft(phase: TestPhase): void {
  expect(privatePlaces(phase).filter((path) => existsSync(path))).toEqual([]);
  expect(readdirSync(phase.run.settings.runDirectory!)).toEqual([]);
}

const request = (changes: Partial<CredentialRequest> = {}): CredentialRequest => ({
  platform: 'manual',
  tag: null,
  audience: 'a',
  offered: null,
  rereadsToken: false,
  obtain: async (token) => ({ environment: { T: token.compact }, files: [], input: null, expiresAt: null }),
  ...changes,
});

const failing = (message: string, milliseconds: number): CredentialRequest =>
  request({
    obtain: async () => {
      await sleep(milliseconds);
      throw new AppError('exchange_refused', { what: message });
    },
  });

const refusal: Refusal = {
  platform: 'manual',
  tag: null,
  role: 'r',
  code: 'AccessDenied',
  message: 'Not authorized',
  status: 403,
  requestId: 'req-1',
  causes: [],
  reasons: [],
};

const explaining = (explain: NonNullable<CredentialRequest['explain']>, script: string, run = {}) =>
  testPhase({ requests: [request({ explain })], script, run: { explain: true, ...run } });

describe('an exchange that is refused before the command', () => {
  it('is told, recorded with the token, and stops the phase', async () => {
    const obtain = async (): Promise<never> => {
      throw new ExchangeRefused({ ...refusal, causes: ['compare the role'] }, 'https://vault.example.com');
    };
    const phase = testPhase({ requests: [request({ obtain })], script: 'echo never' });
    await expect(go(phase)).rejects.toMatchObject({
      code: 'exchange_refused',
      problem: { where: 'https://vault.example.com', mend: 'compare the role' },
    });
    expect(phase.events).toContainEqual({ type: 'refused', refusal: { ...refusal, causes: ['compare the role'] } });
    expect(phase.audited.at(-1)).toMatchObject({
      type: 'exchange_refused',
      known_by: 'platform',
      code: 'AccessDenied',
    });
    expect(phase.audited.at(-1)).toHaveProperty('jti', expect.any(String));
    expect(phase.stdout()).toBe('');
    expectNothingLeft(phase);
  });
});

describe('a phase', () => {
  it('runs its command with credentials in place, and leaves nothing', async () => {
    const phase = testPhase({
      tfc: awsDefault,
      script:
        'cat "$AWS_WEB_IDENTITY_TOKEN_FILE" | wc -c; stat -c %a "$AWS_WEB_IDENTITY_TOKEN_FILE" "$HOME" "$HOME/.."; pwd; echo fine >&2',
    });
    const outcome = await go(phase);
    expect(outcome).toMatchObject({ exitCode: 0, signal: null, refusals: [] });
    expect(phase.stdout()).toBe(`${phase.tokens[0]!.length}\n600\n700\n700\n${phase.run.settings.workingDirectory}\n`);
    expect(phase.stderr()).toBe('fine\n');
    expectNothingLeft(phase);
  });

  it('tells its story in order', async () => {
    const phase = testPhase({ tfc: awsDefault });
    await go(phase);
    expect(phase.events.map(({ type }) => type)).toEqual([
      'environment_opened',
      'token_minted',
      'credentials_ready',
      'command_started',
      'command_ended',
      'torn_down',
    ]);
    expect(phase.audited.map((event) => [event.type, event.outcome])).toEqual([
      ['phase_started', 'ok'],
      ['phase_ended', 'ok'],
    ]);
    expect(JSON.stringify([phase.events, phase.audited])).not.toContain(phase.tokens[0]);
  });

  it('asks for a token of each configuration, for its own audience', async () => {
    const phase = testPhase({
      tfc: { ...awsDefault, TFC_WORKLOAD_IDENTITY_AUDIENCE_X: 'other', TFC_WORKLOAD_IDENTITY_AUDIENCE: 'one' },
      script: 'test "$TFC_WORKLOAD_IDENTITY_TOKEN" != "$TFC_WORKLOAD_IDENTITY_TOKEN_X"',
    });
    expect((await go(phase)).exitCode).toBe(0);
    expect(phase.minted.map(({ audience }) => audience).sort()).toEqual(['aws.workload.identity', 'one', 'other']);
  });

  it('gives each tag a directory of its own, and no variables to the platform', async () => {
    const phase = testPhase({
      tfc: {
        TFC_AWS_PROVIDER_AUTH: 'true',
        TFC_AWS_RUN_ROLE_ARN: 'arn:aws:iam::111122223333:role/d',
        TFC_AWS_PROVIDER_AUTH_AUDIT: 'true',
        TFC_AWS_RUN_ROLE_ARN_AUDIT: 'arn:aws:iam::111122223333:role/audit',
      },
      script:
        'cd "$HOME/.." && find aws -type f | sort; echo "${AWS_ROLE_ARN-none}"; grep -c profile "$AWS_CONFIG_FILE"; stat -c %a "$AWS_CONFIG_FILE"',
    });
    await go(phase);
    expect(phase.stdout().split('\n')).toEqual([
      'aws/0-default/config',
      'aws/0-default/token',
      'aws/config',
      'aws/t-AUDIT/config',
      'aws/t-AUDIT/token',
      'none',
      '2',
      '600',
      '',
    ]);
  });

  it('has the same paths each time', async () => {
    const workspace = uniqueWorkspace();
    const first = testPhase({ workspace });
    const second = testPhase({ workspace, settings: { runDirectory: first.run.settings.runDirectory } });
    expect((await go(first)).directory).toBe((await go(second)).directory);
  });

  it.each([
    ['exit 0', 0, null],
    ['exit 2', 2, null],
    ['exit 255', 255, null],
    ['kill -TERM $$', 143, 'SIGTERM'],
    ['kill -KILL $$', 137, 'SIGKILL'],
  ])('passes on how %j ended', async (script, exitCode, signal) => {
    const phase = testPhase({ script });
    expect(await go(phase)).toMatchObject({ exitCode, signal });
    expect(phase.audited.at(-1)).toMatchObject({ type: 'phase_ended', exit_code: exitCode, signal });
  });

  it.each([
    ['a program that is not there', ['no-such-program'], 127],
    ['a file that is not executable', ['./plain'], 126],
  ])('makes no token for %s', async (_, command, exitCode) => {
    const phase = testPhase({ command, tfc: awsDefault });
    writeFileSync(join(phase.run.settings.workingDirectory, 'plain'), 'x');
    expect(await go(phase)).toMatchObject({ exitCode, directory: '' });
    expect(phase.minted).toEqual([]);
    expect(phase.events.map(({ type }) => type)).toEqual(['warning']);
  });

  it('says 127 for a script whose interpreter is missing', async () => {
    const phase = testPhase({ command: ['./script'] });
    writeFileSync(join(phase.run.settings.workingDirectory, 'script'), '#!/no/such/interpreter\n', { mode: 0o755 });
    expect(await go(phase)).toMatchObject({ exitCode: 127 });
    expectNothingLeft(phase);
  });

  it('looks for the program in the PATH that the command will have', async () => {
    const phase = testPhase({ command: ['only-here'], variables: { PATH: '' } });
    const bin = join(phase.run.settings.workingDirectory, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'only-here'), '#!/bin/sh\nexit 9\n', { mode: 0o755 });
    (phase.run.variables as Map<string, string>).set('PATH', bin);
    expect(await go(phase)).toMatchObject({ exitCode: 9 });
  });

  it('runs several commands in one environment', async () => {
    const phase = testPhase({ tfc: awsDefault });
    await using environment = await openPhase(phase.run, phase.io);
    const one = await environment.run({ file: 'sh', args: ['-c', 'echo one > "$HOME/x"; exit 4'] });
    const two = await environment.run({ file: 'sh', args: ['-c', 'cat "$HOME/x"'] });
    expect([one.exitCode, two.exitCode, phase.stdout()]).toEqual([4, 0, 'one\n']);
    expect(phase.minted).toHaveLength(1);
  });

  it('keeps what the command links and locks from stopping the teardown', async () => {
    const phase = testPhase({
      script:
        'mkdir -p "$HOME/a/b" "$TMPDIR/c"; touch "$HOME/a/b/f"; chmod 500 "$HOME/a/b" "$HOME/a"; ln -s "$PWD" "$HOME/l"; touch "$PWD/stays"; chmod 0 "$TMPDIR/c"',
    });
    await go(phase);
    expectNothingLeft(phase);
    expect(existsSync(join(phase.run.settings.workingDirectory, 'stays'))).toBe(true);
  });

  it("shows the caller's plugin folders in the private HOME", async () => {
    const phase = testPhase({ script: 'cat "$HOME/.terraform.d/plugins/p"; touch "$HOME/.terraform.d/written"' });
    const home = phase.run.settings.homeDirectory;
    mkdirSync(join(home, '.terraform.d/plugins'), { recursive: true });
    writeFileSync(join(home, '.terraform.d/plugins/p'), 'plugin');
    await go(phase);
    expect(phase.stdout()).toBe('plugin');
    expect(existsSync(join(home, '.terraform.d/written'))).toBe(true);
  });

  it("finds what a version manager's shim leads to, although HOME is another", async () => {
    const phase = testPhase({ command: ['tool', 'x'], variables: {} });
    const home = phase.run.settings.homeDirectory;
    mkdirSync(join(home, '.asdf/shims'), { recursive: true });
    mkdirSync(join(home, '.asdf/installs'), { recursive: true });
    writeFileSync(join(home, '.asdf/installs/tool'), '#!/bin/sh\necho "the tool $1"\n', { mode: 0o755 });
    writeFileSync(
      join(home, '.asdf/shims/tool'),
      '#!/bin/sh\nexec "${ASDF_DATA_DIR:-$HOME/.asdf}/installs/tool" "$@"\n',
      { mode: 0o755 },
    );
    (phase.run.settings.parentEnvironment as Record<string, string>)['PATH'] = `${home}/.asdf/shims:/usr/bin:/bin`;
    expect(await go(phase)).toMatchObject({ exitCode: 0 });
    expect(phase.stdout()).toBe('the tool x\n');
  });

  it('has a TMPDIR of at most 60 bytes, whatever the caller has', async () => {
    const phase = testPhase({ script: 'printf %s "$TMPDIR"; touch "$TMPDIR/socket"' });
    (phase.run.settings.parentEnvironment as Record<string, string>)['TMPDIR'] = `/tmp/${'x'.repeat(95)}`;
    expect(await go(phase)).toMatchObject({ exitCode: 0 });
    expect(phase.stdout().length).toBeLessThanOrEqual(60);
    expectNothingLeft(phase);
  });

  it('ends what the command has left running', async () => {
    const phase = testPhase({ script: 'sleep 300 & echo $!' });
    await go(phase);
    expect(noteProcess(Number(phase.stdout()))).toBeNull();
  });

  it('refuses a value that no process can be given before any token', async () => {
    const phase = testPhase({ tfc: awsDefault, variables: { BIG: 'x'.repeat(200_000) } });
    await expect(go(phase)).rejects.toThrow(/^BIG has 200000 bytes/);
    expect(phase.minted).toEqual([]);
    expectNothingLeft(phase);
  });

  it('says which value is too short to be hidden, and not the value', async () => {
    const phase = testPhase({ script: 'echo nevertheless', variables: { PIN: new Secret('e') } });
    await go(phase);
    expect(phase.stdout()).toBe('nevertheless\n');
    expect(phase.events).toContainEqual({
      type: 'warning',
      text: 'the value of PIN is too short to be hidden in output (under 8 characters)',
      mend: 'use a longer value, or keep it out of the output',
    });
  });
});

describe('a phase that cannot get its credentials', () => {
  it('fails with the first error in order, after all have settled, and leaves nothing', async () => {
    let isSettled = false;
    const slow = request({
      tag: 'slow',
      obtain: async () => {
        await sleep(150);
        isSettled = true;
        return { environment: {}, files: [{ name: 'token', contents: 'x' }], input: null, expiresAt: null };
      },
    });
    const phase = testPhase({ requests: [failing('first', 60), failing('second', 0), slow] });
    await expect(go(phase)).rejects.toThrow('first');
    expect(isSettled).toBe(true);
    expect(phase.events.some(({ type }) => type === 'command_started')).toBe(false);
    expectNothingLeft(phase);
  });

  it('fails when a token is not given', async () => {
    const phase = testPhase({
      tfc: awsDefault,
      mint: async () => {
        throw new AppError('audit_write_failed', { what: 'the disk is full' });
      },
    });
    await expect(go(phase)).rejects.toThrow('the disk is full');
    expectNothingLeft(phase);
  });

  it('fails when the start cannot be recorded', async () => {
    const phase = testPhase({ script: 'touch ran' });
    const audit = {
      append: async () => {
        throw new AppError('audit_write_failed', { what: 'the disk is full' });
      },
    } as never;
    await expect(runPhase({ ...phase.run, audit }, phase.io)).rejects.toThrow('the disk is full');
    expect(existsSync(join(phase.run.settings.workingDirectory, 'ran'))).toBe(false);
    expectNothingLeft(phase);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('ends with the code of %s when somebody stops it during the exchange', async (signal, exitCode) => {
    let wasAborted = false;
    const hanging = request({
      obtain: async (_, io) => {
        await io.fetch('http://never').catch(() => (wasAborted = true));
        throw new Error('aborted');
      },
    });
    const phase = testPhase({
      requests: [hanging],
      io: {
        fetch: (_, init) =>
          new Promise((__, reject) =>
            init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason as Error)),
          ),
      },
    });
    const running = go(phase);
    await phase.event('token_minted');
    phase.press(signal);
    expect(await running).toEqual({ exitCode, signal, refusals: [], directory: '' });
    expect(wasAborted).toBe(true);
    expectNothingLeft(phase);
  });

  it('makes no token when somebody stopped it before', async () => {
    const phase = testPhase({ tfc: awsDefault });
    const report = (event: PhaseEvent): void => {
      phase.events.push(event);
      if (event.type === 'environment_opened') phase.press('SIGINT');
    };
    expect(await runPhase({ ...phase.run, report }, phase.io)).toMatchObject({ exitCode: 130 });
    expect(phase.minted).toEqual([]);
    expectNothingLeft(phase);
  });

  it('does not wait for an exchange that hangs, nor installs what comes late', async () => {
    const late = Promise.withResolvers<void>();
    const phase = testPhase({
      requests: [
        request({
          obtain: async () => {
            await late.promise;
            return { environment: {}, files: [{ name: 'token', contents: 'late' }], input: null, expiresAt: null };
          },
        }),
      ],
    });
    const opening = openPhase(phase.run, phase.io);
    await phase.event('token_minted');
    phase.press('SIGINT');
    await expect(opening).rejects.toThrow(PhaseInterrupted);
    late.resolve();
    await sleep(50);
    expectNothingLeft(phase);
  });
});

describe('signals while the command runs', () => {
  const counting =
    'n=0; trap "n=\\$((n+1)); echo got \\$n" INT; trap "echo term; exit 5" TERM; echo ready; while [ $n -lt 2 ]; do sleep 0.05; done; exit 7';

  it('reach it once for one key press, and again for a second', async () => {
    const phase = testPhase({ script: counting });
    const running = go(phase);
    await said(phase, 'ready');
    phase.press('SIGINT');
    phase.press('SIGINT');
    await said(phase, 'got 1');
    await sleep(550);
    expect(phase.stdout()).toBe('ready\ngot 1\n');
    phase.press('SIGINT');
    expect(await running).toMatchObject({ exitCode: 7 });
    expect(phase.events.filter(({ type }) => type === 'signal_forwarded')).toHaveLength(2);
    expectNothingLeft(phase);
  });

  it('reach it as TERM when the terminal closes', async () => {
    const phase = testPhase({ script: counting });
    const running = go(phase);
    await said(phase, 'ready');
    phase.press('SIGHUP');
    expect(await running).toMatchObject({ exitCode: 5 });
  });

  it('do not reach what the command has started', async () => {
    const script =
      'sh -c "trap \'echo plugin hit\' INT; echo ready; sleep 0.4; echo plugin ends" & trap "echo main" INT; wait; wait';
    const phase = testPhase({ script });
    const running = go(phase);
    await said(phase, 'ready');
    phase.press('SIGINT');
    await running;
    expect(phase.stdout()).toBe('ready\nmain\nplugin ends\n');
  });

  it('keep a second command from starting', async () => {
    const phase = testPhase();
    await using environment = await openPhase(phase.run, phase.io);
    const first = environment.run({
      file: 'sh',
      args: ['-c', 'trap "exit 0" INT; echo ready; while :; do sleep 0.05; done'],
    });
    await said(phase, 'ready');
    phase.press('SIGINT');
    expect((await first).exitCode).toBe(0);
    await expect(environment.run({ file: 'sh', args: ['-c', ':'] })).rejects.toThrow(PhaseInterrupted);
  });
});

describe('why a command failed', () => {
  it('is asked once of each platform, and recorded', async () => {
    let asked = 0;
    const phase = explaining(async () => ((asked += 1), refusal), 'exit 1');
    expect((await go(phase)).refusals).toEqual([refusal]);
    expect(asked).toBe(1);
    expect(phase.audited.map(({ type }) => type)).toEqual(['phase_started', 'phase_ended', 'exchange_refused']);
    expect(phase.events.map(({ type }) => type).slice(-2)).toEqual(['refused', 'torn_down']);
  });

  it.each([
    ['the command succeeded', 'exit 0', {}],
    ['it was switched off', 'exit 1', { explain: false }],
    ['this exit code is fine', 'exit 2', { explain: (code: number) => code !== 2 }],
  ])('is not asked when %s', async (_, script, run) => {
    let asked = 0;
    const phase = explaining(async () => ((asked += 1), refusal), script, run);
    expect((await go(phase)).refusals).toEqual([]);
    expect(asked).toBe(0);
  });

  it('is not asked when somebody stopped it', async () => {
    let asked = 0;
    const phase = explaining(
      async () => ((asked += 1), refusal),
      'trap "exit 1" INT; echo ready; while :; do sleep 0.05; done',
    );
    const running = go(phase);
    await said(phase, 'ready');
    phase.press('SIGINT');
    await running;
    expect(asked).toBe(0);
  });

  it('is left open by a platform that accepts, breaks, or does not answer in 3 s', async () => {
    const phase = testPhase({
      requests: [
        request({ tag: 'accepts', explain: async () => null }),
        request({ tag: 'breaks', explain: async () => Promise.reject(new Error('unreachable')) }),
        request({ tag: 'hangs', explain: () => new Promise(() => undefined) }),
      ],
      script: 'exit 1',
      run: { explain: true },
    });
    const start = performance.now();
    expect((await go(phase)).refusals).toEqual([]);
    expect(performance.now() - start).toBeLessThan(4500);
  });
});

describe('the private directory', () => {
  it('is another one for a second phase at the same time', async () => {
    const workspace = uniqueWorkspace();
    const one = testPhase({ workspace });
    const two = testPhase({ workspace, settings: { runDirectory: one.run.settings.runDirectory } });
    await using first = await openPhase(one.run, one.io);
    await using second = await openPhase(two.run, two.io);
    expect(second.directory).toBe(`${first.directory}-2`);
  });

  it('is given to exactly one of eight that ask at once', async () => {
    const workspace = uniqueWorkspace();
    const first = testPhase({ workspace });
    const { runDirectory } = first.run.settings;
    const all = [first, ...Array.from({ length: 7 }, () => testPhase({ workspace, settings: { runDirectory } }))];
    const open = await Promise.all(all.map((phase) => openPhase(phase.run, phase.io)));
    expect(new Set(open.map(({ directory }) => directory)).size).toBe(8);
    await Promise.all(open.map((environment) => environment[Symbol.asyncDispose]()));
    expect(readdirSync(runDirectory!)).toEqual([]);
  });

  it('is the one that a saved plan demands', async () => {
    const workspace = uniqueWorkspace();
    const one = testPhase({ workspace });
    const { directory } = await go(one);
    const { runDirectory } = one.run.settings;
    const two = testPhase({ workspace, settings: { runDirectory }, run: { directoryHint: `${directory}-3` } });
    expect((await go(two)).directory).toBe(`${directory}-3`);
  });

  it('is not replaced by another when the demanded one is in use', async () => {
    const workspace = uniqueWorkspace();
    const one = testPhase({ workspace });
    await using first = await openPhase(one.run, one.io);
    const { runDirectory } = one.run.settings;
    const two = testPhase({ workspace, settings: { runDirectory }, run: { directoryHint: first.directory } });
    await expect(go(two)).rejects.toThrow(/in use by another phase/);
  });

  it.each([
    ['elsewhere', '/etc/hallpass-aaaaaaaaaa'],
    ['with another name', '/tmp/other'],
    ['that climbs', '/tmp/../etc/passwd'],
  ])('refuses a demanded directory %s', async (_, directoryHint) => {
    const phase = testPhase({ run: { directoryHint } });
    await expect(go(phase)).rejects.toThrow(/that this workspace cannot have here/);
    expectNothingLeft(phase);
  });

  it('is refused when a symbolic link has its name', async () => {
    const workspace = uniqueWorkspace();
    const one = testPhase({ workspace });
    const { directory } = await go(one);
    symlinkSync('/tmp', directory);
    await expect(go(one)).rejects.toThrow(/symbolic link/);
    rmSync(directory);
  });

  it('is refused when the base can be written to by others', async () => {
    const phase = testPhase();
    const open = join(phase.run.settings.workingDirectory, 'open');
    mkdirSync(open, { mode: 0o777 });
    // The umask may have taken it away.
    chmodSync(open, 0o777);
    const run = { ...phase.run, settings: { ...phase.run.settings, runDirectory: open } };
    await expect(runPhase(run, phase.io)).rejects.toThrow(/may be written to by others/);
  });

  it('is not left half made, and not called a fault of Hallpass, when the disk is full', async () => {
    const phase = testPhase();
    const id = {
      toJSON: () => {
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      },
    };
    const run = { ...phase.run, lease: { ...phase.run.lease, id: id as unknown as string } };
    await expect(runPhase(run, phase.io)).rejects.toMatchObject({
      code: 'directory_invalid',
      problem: {
        what: 'the private directory of the phase cannot be written: the disk is full',
        mend: expect.stringContaining('HALLPASS_RUN_DIR'),
      },
    });
    expect(phase.tokens).toEqual([]);
    expectNothingLeft(phase);
  });

  it('is refused at once where none can be made', async () => {
    const phase = testPhase();
    const run = { ...phase.run, settings: { ...phase.run.settings, runDirectory: '/proc/hallpass/run' } };
    await expect(runPhase(run, phase.io)).rejects.toMatchObject({ code: 'directory_invalid' });
  });

  it('has files that nobody else can read, and no newline at their end', async () => {
    const phase = testPhase({ tfc: awsDefault });
    await using environment = await openPhase(phase.run, phase.io);
    const token = join(environment.directory, 'aws/0-default/token');
    expect(readFileSync(token, 'utf8')).toBe(phase.tokens[0]);
    expect(statSync(token).mode & 0o777).toBe(0o600);
    expect(statSync(environment.directory).mode & 0o777).toBe(0o700);
  });
});
