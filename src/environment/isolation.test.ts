import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  awsDefault,
  said,
  testPhase,
  uniqueWorkspace,
  type TestPhase,
  type TestPhaseOptions,
} from '../../test/support/phase.ts';
import { describeWith } from '../../test/support/programs.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { isWithin, maskArguments, pathsIn, planMask } from './isolation.ts';
import type { EnvironmentSettings } from './phase.ts';
import { processesOfPhase } from './process-table.ts';
import { openPhase, runPhase } from './run-phase.ts';

function places() {
  const root = temporaryDirectory('mask');
  const make = (name: string): string => {
    const path = join(root, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  };
  const settings = {
    parentEnvironment: {},
    homeDirectory: make('home'),
    workingDirectory: make('work'),
    dataDirectory: make('data'),
    keyEncryptionKeyFile: join(make('conf/hallpass'), 'kek'),
  } as EnvironmentSettings;
  writeFileSync(settings.keyEncryptionKeyFile, 'key');
  const slot = make('run/hallpass-abcdefghij');
  return { root, make, settings, slot, bases: [join(root, 'run')] };
}

describe('what a mask hides', () => {
  it('is the data directory, the directory of the key, and the base with all other phases', async () => {
    const { root, settings, slot, bases } = places();
    const plan = await planMask({ settings, own: [slot], bases, needed: [], secret: [] });
    expect(plan).toEqual({
      directories: [join(root, 'data'), join(root, 'conf/hallpass'), join(root, 'run')],
      files: [],
      shown: [slot],
      kept: [],
      fleeting: [],
      secret: [],
    });
  });

  it('is only the key itself where the command needs something beside it', async () => {
    const { root, make, settings, slot, bases } = places();
    const plan = await planMask({ settings, own: [slot], bases, needed: [make('conf/hallpass/bin')], secret: [] });
    expect(plan.directories).not.toContain(join(root, 'conf/hallpass'));
    expect(plan.files).toEqual([settings.keyEncryptionKeyFile]);
  });

  it('is the base, but for a directory in it that the command needs', async () => {
    const { make, settings, slot, bases } = places();
    const [other, plans] = [make('run/hallpass-zzzzzzzzzz-2'), make('run/hallpass.plan-AbCdEf')];
    const needed = [join(plans, 'plan'), join(make('run/modules'), 'a/b'), other];
    const plan = await planMask({ settings, own: [slot], bases, needed, secret: [] });
    expect(plan.directories).toContain(bases[0]);
    expect(plan).toMatchObject({ kept: [plans, make('run/modules')], fleeting: [] });
  });

  it.each(['run', 'run/file', 'run/not-there-yet'])(
    'are the single other phases and plans where the command needs %s',
    async (name) => {
      const { root, make, settings, slot, bases } = places();
      const others = [make('run/hallpass-zzzzzzzzzz-2'), make('run/hallpass.plan-AbCdEf')];
      make('run/somebody-else');
      writeFileSync(join(root, 'run/file'), '');
      const plan = await planMask({ settings, own: [slot], bases, needed: [join(root, name)], secret: [] });
      expect(plan.directories).toEqual(expect.arrayContaining(others));
      expect(plan).toMatchObject({ fleeting: others, kept: [] });
      expect(plan.directories).not.toContain(bases[0]);
    },
  );

  it('are the usual places too when the settings name others', async () => {
    const { make, settings, slot } = places();
    const usual = make('home/.config/hallpass');
    const plan = await planMask({ settings, own: [slot], bases: [], needed: [], secret: [] });
    expect(plan.directories).toContain(usual);
  });

  it('is nothing that is not there', async () => {
    const { root, settings, slot } = places();
    const missing = { ...settings, dataDirectory: join(root, 'no-data'), keyEncryptionKeyFile: join(root, 'no/kek') };
    const plan = await planMask({ settings: missing, own: [slot], bases: [], needed: [], secret: [] });
    expect(plan).toMatchObject({ directories: [], files: [] });
  });

  it('is where links lead to', async () => {
    const { root, settings, slot } = places();
    symlinkSync(join(root, 'data'), join(root, 'link'));
    const linked = { ...settings, dataDirectory: join(root, 'link') };
    const plan = await planMask({ settings: linked, own: [slot], bases: [], needed: [], secret: [] });
    expect(plan.directories).toContain(join(root, 'data'));
  });

  it('covers a directory within another only once', async () => {
    const { make, settings, slot, root } = places();
    const inner = { ...settings, keyEncryptionKeyFile: join(make('data/conf'), 'kek') };
    writeFileSync(inner.keyEncryptionKeyFile, 'k');
    const plan = await planMask({ settings: inner, own: [slot], bases: [], needed: [], secret: [] });
    expect(plan.directories).toEqual([join(root, 'data')]);
  });

  it.each(['/', '/tmp', '/etc', '/home'])('is never %s as a whole', async (base) => {
    const { settings, slot } = places();
    const plan = await planMask({ settings, own: [slot], bases: [base], needed: [], secret: [] });
    expect(plan.directories).not.toContain(base);
  });
});

describe('the arguments of a mask', () => {
  it('hide first, show the own directory again, and hide what is ours in it', () => {
    const words = maskArguments(
      {
        directories: ['/run/base', '/data'],
        files: ['/k/kek'],
        shown: ['/run/base/slot'],
        kept: ['/run/base/p'],
        fleeting: [],
        secret: [],
      },
      '/work',
    );
    expect(words.join(' ')).toContain(
      '--perms 0700 --tmpfs /run/base --perms 0700 --tmpfs /data --ro-bind /dev/null /k/kek --bind /run/base/p /run/base/p --bind /run/base/slot /run/base/slot --perms 0700 --tmpfs /run/base/slot/.hallpass --chdir /work',
    );
    expect(words).not.toContain('--die-with-parent');
  });

  it('do not look for a file in a directory that is hidden already', () => {
    const words = maskArguments(
      { directories: ['/data'], files: ['/data/kek'], shown: [], kept: [], fleeting: [], secret: [] },
      '/',
    );
    expect(words).not.toContain('/data/kek');
  });
});

describe('paths', () => {
  it.each([
    ['/a/b', '/a', true],
    ['/a', '/a', true],
    ['/ab', '/a', false],
    ['/', '/a', false],
    ['/a', '/', true],
  ])('%s is within %s: %s', (path, directory, expected) => {
    expect(isWithin(path, directory)).toBe(expected);
  });

  it('are found in variables and arguments', () => {
    expect(pathsIn(['/usr/bin:/bin', '-chdir=/x', '-var-file=/y/z.tfvars', 'relative/x', '', '/'])).toEqual([
      '/usr/bin',
      '/bin',
      '/x',
      '/y/z.tfvars',
    ]);
  });
});

describe('isolation that cannot be had', () => {
  const nowhere = { parentEnvironment: { PATH: '/nowhere' } };

  it('is an error when it was asked for, before any token', async () => {
    const phase = testPhase({ tfc: awsDefault, settings: { isolation: 'mask' } });
    const inside = {
      ...phase.run,
      settings: { ...phase.run.settings, dataDirectory: phase.run.settings.workingDirectory },
    };
    // Without bubblewrap that is the reason, and no worse one.
    await expect(runPhase(inside, phase.io)).rejects.toThrow(
      /working directory lies in the data directory|bubblewrap \(bwrap\) is not installed/,
    );
    expect(phase.minted).toEqual([]);
  });

  it('is a warning when it was not asked for', async () => {
    const phase = testPhase({ settings: { isolation: 'auto' } });
    const settings = { ...phase.run.settings, dataDirectory: phase.run.settings.workingDirectory };
    expect(await runPhase({ ...phase.run, settings }, phase.io)).toMatchObject({ exitCode: 0 });
    const warnings = phase.events.filter(({ type }) => type === 'warning');
    expect(warnings).toHaveLength(1);
    expect(phase.events).toContainEqual(expect.objectContaining({ type: 'environment_opened', isolation: 'off' }));
  });

  it('is not missed when it was switched off', async () => {
    const phase = testPhase({ command: ['/bin/sh', '-c', ':'], settings: { ...nowhere, isolation: 'off' } });
    await runPhase(phase.run, phase.io);
    expect(phase.events.filter(({ type }) => type === 'warning')).toEqual([]);
  });
});

const masked = (options: TestPhaseOptions): TestPhase => {
  const phase = testPhase({ ...options, settings: { isolation: 'mask', ...options.settings } });
  const { dataDirectory, keyEncryptionKeyFile } = phase.run.settings;
  writeFileSync(join(dataDirectory, 'keys.json'), 'MARKED-PRIVATE-KEY');
  writeFileSync(keyEncryptionKeyFile, 'MARKED-KEK');
  return phase;
};
const go = (phase: TestPhase) => runPhase(phase.run, phase.io);

describeWith(['bwrap'], 'mask', () => {
  it('lets nothing marked be found: not in /proc, not in the data directory, not beside the key', async () => {
    process.env['MARKED_PARENT_VARIABLE'] = 'MARKED-PARENT';
    const phase = masked({
      script:
        'cat /proc/*/environ "$@" "$DATA"/* "$KEK" 2>/dev/null | tr "\\0" "\\n" | grep -c MARKED; ls -A "$DATA"; ls /proc | grep -c "^[0-9]"',
      variables: {},
    });
    const { dataDirectory, keyEncryptionKeyFile } = phase.run.settings;
    const variables = new Map([
      ['DATA', dataDirectory],
      ['KEK', keyEncryptionKeyFile],
    ]);
    await runPhase({ ...phase.run, variables }, phase.io);
    delete process.env['MARKED_PARENT_VARIABLE'];
    const [marked, processes] = phase.stdout().trim().split('\n');
    expect(marked).toBe('0');
    expect(Number(processes)).toBeLessThan(8);
  });

  it('cannot be taken off by the command, root or not', async () => {
    const phase = masked({
      script:
        'umount "$DATA" 2>/dev/null; unshare -Urm sh -c "umount $DATA" 2>/dev/null; cat "$DATA"/* 2>/dev/null; echo end',
    });
    await runPhase({ ...phase.run, variables: new Map([['DATA', phase.run.settings.dataDirectory]]) }, phase.io);
    expect(phase.stdout()).toBe('end\n');
  });

  it('shows the phase its own credentials, and works in the working directory', async () => {
    const phase = masked({
      tfc: awsDefault,
      script:
        'wc -c < "$AWS_WEB_IDENTITY_TOKEN_FILE"; pwd; touch made "$HOME/x" "$TMPDIR/y"; ls -A "$HOME/../.hallpass" "$TMPDIR/../.hallpass"',
    });
    expect(await go(phase)).toMatchObject({ exitCode: 0 });
    expect(phase.stdout().split('\n').slice(0, 2)).toEqual([
      String(phase.tokens[0]!.length),
      phase.run.settings.workingDirectory,
    ]);
    expect(phase.stdout()).not.toContain('owner.json');
    expect(existsSync(join(phase.run.settings.workingDirectory, 'made'))).toBe(true);
  });

  it('hides a data directory within the working directory', async () => {
    const phase = masked({ script: 'cat data/keys; ls' });
    const data = join(phase.run.settings.workingDirectory, 'data');
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(join(data, 'keys'), 'MARKED');
    await runPhase({ ...phase.run, settings: { ...phase.run.settings, dataDirectory: data } }, phase.io);
    expect(phase.stdout()).toBe('data\n');
  });

  it('hides other phases, those that begin later too', async () => {
    const workspace = uniqueWorkspace();
    const one = masked({ workspace, script: 'until [ -e go ]; do sleep 0.02; done; ls "$HOME/../.."' });
    const running = go(one);
    await one.event('command_started');
    const two = masked({
      workspace,
      tfc: awsDefault,
      settings: { runDirectory: one.run.settings.runDirectory, isolation: 'mask' },
    });
    await using other = await openPhase(two.run, two.io);
    writeFileSync(join(one.run.settings.workingDirectory, 'go'), '');
    const { directory } = await running;
    expect(one.stdout().trim()).toBe(directory.split('/').at(-1));
    expect(other.directory).toBe(`${directory}-2`);
  });

  it.each([
    ['exit 3', 3, null],
    ['kill -TERM $$', 143, 'SIGTERM'],
    ['kill -KILL $$', 137, 'SIGKILL'],
    ['exit 130', 130, 'SIGINT'],
  ])('passes on how %j ended', async (script, exitCode, signal) => {
    expect(await go(masked({ script }))).toMatchObject({ exitCode, signal });
  });

  it('hides phases that begin later, whatever paths a hallpass.yaml names', async () => {
    const phase = masked({ script: 'echo ready; sleep 0.4; ls "$BASE"', variables: {} });
    const base = phase.run.settings.runDirectory!;
    const variables = new Map([
      ['BASE', base],
      ['LURE', join(base, 'not-there')],
    ]);
    const running = runPhase({ ...phase.run, variables }, phase.io);
    await said(phase, 'ready');
    mkdirSync(join(base, 'hallpass-zzzzzzzzzz'), { mode: 0o700 });
    await running;
    const { directory } = await phase.event('environment_opened');
    expect(phase.stdout()).toBe(`ready\n${basename(directory)}\n`);
  });

  it('passes signals to the command itself', async () => {
    const phase = masked({
      script: 'sh -c "trap \'echo plugin hit\' INT; sleep 0.3" & trap "echo main; wait; exit 6" INT; echo ready; wait',
    });
    const running = go(phase);
    await said(phase, 'ready');
    phase.press('SIGINT');
    expect(await running).toMatchObject({ exitCode: 6 });
    expect(phase.stdout()).toBe('ready\nmain\n');
  });

  it('ends what the command has left running, without waiting for it', async () => {
    const phase = masked({ script: 'setsid sleep 301 & echo left' });
    const start = performance.now();
    await go(phase);
    expect(performance.now() - start).toBeLessThan(3000);
    const opened = await phase.event('environment_opened');
    expect(processesOfPhase(null, opened.temporaryDirectory)).toEqual([]);
  });

  it('tells bubblewrap nothing that others could read', async () => {
    const phase = masked({ script: 'echo ready; sleep 1', variables: { DB_PASSWORD: 'MARKED-PASSWORD' } });
    const running = go(phase);
    await said(phase, 'ready');
    const found = spawnSync(
      'sh',
      [
        '-c',
        'for p in $(pgrep bwrap); do cat /proc/$p/cmdline /proc/$p/environ 2>/dev/null; done | grep -c MARKED-PASSWORD',
      ],
      { encoding: 'utf8' },
    );
    expect(found.stdout.trim()).toBe('0');
    phase.press('SIGTERM');
    await running;
  });

  it('says 126 when bubblewrap cannot run it after all', async () => {
    const phase = masked({ command: ['./script'] });
    writeFileSync(join(phase.run.settings.workingDirectory, 'script'), '#!/no/such/interpreter\n', { mode: 0o755 });
    expect(await go(phase)).toMatchObject({ exitCode: 126 });
  });
});
