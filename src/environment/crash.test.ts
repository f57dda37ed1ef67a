import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NewAuditEvent } from '../audit/event.ts';
import { memoryAudit, said, testPhase, uniqueWorkspace } from '../../test/support/phase.ts';
import { startPhaseProcess } from '../../test/support/phase-process.ts';
import { describeWith } from '../../test/support/programs.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { phaseDirectory } from './directory.ts';
import { clearLeftovers } from './leftovers.ts';
import { ownerNote, readOwner, writeOwner } from './owner.ts';
import type { PhaseEvent } from './phase.ts';
import { isRunning, noteProcess } from './process-table.ts';
import { openPhase, runPhase } from './run-phase.ts';

interface Crash {
  readonly runDirectory: string;
  readonly workingDirectory: string;
  readonly workspace: string;
  readonly slot: string;
  readonly diskDirectory: string;
  readonly temporaryDirectory: string;
  /** Process number of the command, as it sees itself from outside a namespace. */
  readonly command: number;
  said(): string;
}

/** Starts a phase in a process of its own and kills that process. */
async function crashed(script: string, isolation: 'mask' | 'off' = 'off'): Promise<Crash> {
  const root = temporaryDirectory('crash');
  const [runDirectory, workingDirectory] = [join(root, 'run'), join(root, 'work')];
  for (const path of [runDirectory, workingDirectory]) mkdirSync(path, { mode: 0o700 });
  const workspace = uniqueWorkspace();
  const hallpass = startPhaseProcess({ runDirectory, workingDirectory, workspace, script, isolation });
  await hallpass.said('ready');
  const slot = phaseDirectory({ organization: 'acme', project: 'payments', workspace }, runDirectory);
  const note = await noted(slot);
  hallpass.kill('SIGKILL');
  await once(hallpass, 'exit');
  const command = (note.command ?? note.child)!.pid;
  onTestFinished(() => {
    if (noteProcess(command) !== null) process.kill(command, 'SIGKILL');
  });
  return {
    runDirectory,
    workingDirectory,
    workspace,
    slot,
    diskDirectory: note.diskDirectory,
    temporaryDirectory: note.temporaryDirectory,
    command,
    said: () => readFileSync(join(workingDirectory, 'log'), 'utf8'),
  };
}

/** The note is written moments after the command has begun. */
async function noted(slot: string) {
  for (;;) {
    const note = await readOwner(slot);
    if (note?.child) return note;
    await sleep(10);
  }
}

/** A note as a dead Hallpass leaves it. */
async function leaveNote(directory: string): Promise<void> {
  mkdirSync(join(directory, '.hallpass'), { mode: 0o700 });
  const gone = { pid: process.pid, startTime: '1' };
  await writeOwner(directory, { ...ownerNote({ lease: '', now: new Date() }), hallpass: gone });
}

/** A command that works in steps and, when interrupted, finishes in order: as Terraform does in an apply. */
const apply = `echo start > log; trap 'echo interrupted >> log; sleep 0.3; echo saved >> log; exit 1' INT
echo ready; n=0; while [ $n -lt 200 ]; do n=$((n+1)); echo "step $n"; echo "step $n" >> log; sleep 0.05; done`;

const noNetwork: typeof fetch = () => Promise.reject(new Error('no network'));

function clearing(crash: { runDirectory: string }, graceMilliseconds = 5000) {
  const audited: NewAuditEvent[] = [];
  const events: PhaseEvent[] = [];
  const options = {
    settings: { runDirectory: crash.runDirectory, parentEnvironment: {} },
    fetch: noNetwork,
    audit: memoryAudit(audited),
    now: () => new Date(),
    report: (event: PhaseEvent) => void events.push(event),
    graceMilliseconds,
  };
  return { audited, events, clear: () => clearLeftovers(options) };
}

const expectCleared = (crash: Crash): void => {
  expect(readdirSync(crash.runDirectory)).toEqual([]);
  expect(existsSync(crash.temporaryDirectory)).toBe(false);
  expect(noteProcess(crash.command)).toBeNull();
};

/** Hallpass died before it could note its command: that alone is interrupted, its plugins are not. */
async function expectUnnotedInterrupted(isolation: 'mask' | 'off'): Promise<void> {
  const script = `: > log; sh -c 'trap "echo plugin hit >> log" INT TERM; sleep 1' & trap 'echo main >> log; wait; exit 1' INT TERM; echo ready; wait`;
  const crash = await crashed(script, isolation);
  const note = (await readOwner(crash.diskDirectory))!;
  await writeOwner(crash.diskDirectory, { ...note, child: null, init: null, command: null });
  await clearing(crash).clear();
  expectCleared(crash);
  expect(crash.said()).toBe('main\n');
}

describe('after kill -9 of Hallpass', () => {
  it('the command goes on, output and all', async () => {
    const crash = await crashed(apply);
    const before = crash.said();
    await sleep(400);
    expect(noteProcess(crash.command)).not.toBeNull();
    expect(crash.said().length).toBeGreaterThan(before.length);
    await clearing(crash).clear();
  });

  it('the next command interrupts it once, lets it finish, and removes everything', async () => {
    const crash = await crashed(apply);
    const { audited, events, clear } = clearing(crash);
    const cleared = await clear();
    expect(cleared.orphans).toBeGreaterThan(0);
    expectCleared(crash);
    expect(crash.said().match(/interrupted/g)).toHaveLength(1);
    expect(crash.said()).toMatch(/saved\n$/);
    expect(audited).toMatchObject([{ type: 'leftovers_cleared', outcome: 'ok' }]);
    expect(events).toMatchObject([{ type: 'leftovers_cleared', interrupted: true }]);
  });

  it('the command is interrupted, and not its children, when nobody noted it', () => expectUnnotedInterrupted('off'));

  it('two that clear at once interrupt it once', async () => {
    const crash = await crashed(apply);
    const [one, two] = [clearing(crash), clearing(crash)];
    await Promise.all([one.clear(), two.clear()]);
    expectCleared(crash);
    expect(crash.said().match(/interrupted/g)).toHaveLength(1);
  });

  it('what does not stop is killed after the grace', async () => {
    const crash = await crashed(`trap '' INT TERM; echo > log; echo ready; while :; do sleep 0.1; done`);
    const start = performance.now();
    await clearing(crash, 700).clear();
    expect(performance.now() - start).toBeGreaterThan(650);
    expectCleared(crash);
  });

  it('a command that has ended meanwhile leaves only directories', async () => {
    const crash = await crashed('echo > log; echo ready; sleep 0.3');
    while (noteProcess(crash.command) !== null) await sleep(20);
    const { clear } = clearing(crash);
    expect((await clear()).orphans).toBe(0);
    expectCleared(crash);
  });

  it('a background process of it is ended too', async () => {
    const crash = await crashed('echo > log; setsid sleep 302 & echo $! > pid; echo ready; sleep 0.2');
    while (noteProcess(crash.command) !== null) await sleep(20);
    const background = Number(readFileSync(join(crash.workingDirectory, 'pid'), 'utf8'));
    expect(noteProcess(background)).not.toBeNull();
    // A shell's background command does not hear SIGINT, so that the grace is waited for.
    await clearing(crash, 300).clear();
    expect(noteProcess(background)).toBeNull();
    expectCleared(crash);
  });

  it('the next phase of the workspace clears the way for itself', async () => {
    const crash = await crashed('echo > log; echo ready; sleep 0.2');
    const phase = testPhase({ workspace: crash.workspace, settings: { runDirectory: crash.runDirectory } });
    await using environment = await openPhase(phase.run, phase.io);
    expect(environment.directory).toBe(crash.slot);
  });
});

describeWith(['bwrap'], 'after kill -9 of Hallpass, under mask', () => {
  it('the command is interrupted, and not its children, when nobody noted it', () => expectUnnotedInterrupted('mask'));

  it('the command goes on, is interrupted once, and everything is removed', async () => {
    const crash = await crashed(apply, 'mask');
    const before = crash.said();
    await sleep(300);
    expect(crash.said().length).toBeGreaterThan(before.length);
    await clearing(crash).clear();
    expectCleared(crash);
    expect(crash.said().match(/interrupted/g)).toHaveLength(1);
    expect(crash.said()).toMatch(/saved\n$/);
  });

  it('what does not stop is killed with all that it has started', async () => {
    const crash = await crashed(
      `trap '' INT TERM; echo > log; setsid sleep 303 & echo ready; while :; do sleep 0.1; done`,
      'mask',
    );
    await clearing(crash, 700).clear();
    expectCleared(crash);
  });
});

describe('clearing', () => {
  it('never touches what belongs to a living Hallpass', async () => {
    const phase = testPhase();
    await using environment = await openPhase(phase.run, phase.io);
    const { runDirectory } = phase.run.settings;
    expect(await clearing({ runDirectory: runDirectory! }).clear()).toMatchObject({ orphans: 0 });
    expect(existsSync(environment.directory)).toBe(true);
  });

  it('never touches what is not named like a private directory', async () => {
    const runDirectory = temporaryDirectory('clear');
    for (const name of ['hallpass-data', 'other', 'hallpass-ABCDEFGHIJ', 'hallpass-abcdefghijk']) {
      mkdirSync(join(runDirectory, name), { mode: 0o700 });
      utimesSync(join(runDirectory, name), 0, 0);
    }
    await clearing({ runDirectory }).clear();
    expect(readdirSync(runDirectory)).toHaveLength(4);
  });

  it('leaves a half-made directory alone for a minute, then removes it', async () => {
    const runDirectory = temporaryDirectory('clear');
    const half = join(runDirectory, 'hallpass-abcdefghij.new-AbCdEf');
    mkdirSync(half, { mode: 0o700 });
    await clearing({ runDirectory }).clear();
    expect(existsSync(half)).toBe(true);
    const old = Date.now() / 1000 - 120;
    utimesSync(half, old, old);
    await clearing({ runDirectory }).clear();
    expect(existsSync(half)).toBe(false);
  });

  it('removes a directory with a damaged note after a minute', async () => {
    const runDirectory = temporaryDirectory('clear');
    const damaged = join(runDirectory, 'hallpass-abcdefghij');
    mkdirSync(join(damaged, '.hallpass'), { recursive: true, mode: 0o700 });
    writeFileSync(join(damaged, '.hallpass/owner.json'), '{"pid"');
    const old = Date.now() / 1000 - 120;
    utimesSync(damaged, old, old);
    await clearing({ runDirectory }).clear();
    expect(existsSync(damaged)).toBe(false);
  });

  it('does not take a living phase for the dead one whose directory on disk it now has', async () => {
    const phase = testPhase({ script: 'trap "echo hit" INT TERM; echo ready; sleep 0.5; echo fine' });
    const runDirectory = phase.run.settings.runDirectory!;
    const running = runPhase(phase.run, phase.io);
    await said(phase, 'ready');
    const living = (await readOwner((await phase.event('environment_opened')).directory))!;
    const stale = join(runDirectory, 'hallpass-abcdefghij');
    mkdirSync(join(stale, '.hallpass'), { recursive: true, mode: 0o700 });
    const gone = { pid: process.pid, startTime: '1' };
    await writeOwner(stale, {
      ...living,
      hallpass: gone,
      child: gone,
      directory: stale,
      temporaryDirectory: join(living.diskDirectory, 'other'),
    });
    expect(await clearing({ runDirectory }).clear()).toEqual({ directories: [stale], orphans: 0 });
    await running;
    expect(phase.stdout()).toBe('ready\nfine\n');
  });

  it("is not led by a forged note to processes that are no phase's, nor through links to files that are not its own", async () => {
    const runDirectory = temporaryDirectory('clear');
    const shared = temporaryDirectory('shared');
    const keys = join(shared, 'keys.json');
    writeFileSync(keys, 'precious');
    const victim = spawn('sleep', ['30'], { env: { PATH: process.env['PATH'], TMPDIR: shared } });
    onTestFinished(() => void victim.kill());
    await once(victim, 'spawn');
    const forged = join(runDirectory, 'hallpass-abcdefghij');
    mkdirSync(join(forged, '.hallpass'), { recursive: true, mode: 0o700 });
    const gone = { pid: process.pid, startTime: '1' };
    const note = { ...ownerNote({ lease: '', now: new Date() }), hallpass: gone, child: noteProcess(victim.pid!) };
    await writeOwner(forged, { ...note, child: null, temporaryDirectory: shared });
    for (const name of [`owner.json.${process.pid}`]) symlinkSync(keys, join(forged, '.hallpass', name));
    expect(await clearing({ runDirectory }, 100).clear()).toEqual({ directories: [forged], orphans: 0 });
    expect(noteProcess(victim.pid!)).not.toBeNull();
    // With something to interrupt, the note is written anew.
    mkdirSync(join(forged, '.hallpass'), { recursive: true, mode: 0o700 });
    await writeOwner(forged, note);
    symlinkSync(keys, join(forged, '.hallpass', `owner.json.${process.pid}`));
    expect(await clearing({ runDirectory }, 100).clear()).toMatchObject({ orphans: 1 });
    expect(readFileSync(keys, 'utf8')).toBe('precious');
  });

  it('tells of a directory that cannot be cleared, and goes on', async () => {
    const runDirectory = temporaryDirectory('clear');
    const [stuck, other] = [join(runDirectory, 'hallpass-abcdefghij'), join(runDirectory, 'hallpass-bcdefghijk')];
    for (const directory of [stuck, other]) {
      mkdirSync(directory, { mode: 0o700 });
      await leaveNote(directory);
    }
    symlinkSync('/dev/null', join(stuck, '.hallpass/clear.lock'));
    const { events, clear } = clearing({ runDirectory });
    expect(await clear()).toEqual({ directories: [other], orphans: 0 });
    expect(events).toContainEqual({
      type: 'warning',
      text: expect.stringContaining(`${stuck} could not be cleared: the lock file`),
      mend: `look into it, then remove it: rm -r ${stuck}`,
    });
  });

  it.each<[string, (own: string, elsewhere: string) => void]>([
    ['a link as its own part', (own, elsewhere) => symlinkSync(elsewhere, own)],
    [
      'a link as its note',
      (own, elsewhere) => {
        mkdirSync(own, { mode: 0o700 });
        symlinkSync(join(elsewhere, 'owner.json'), join(own, 'owner.json'));
      },
    ],
    [
      'a pipe as its note',
      (own) => {
        mkdirSync(own, { mode: 0o700 });
        execFileSync('mkfifo', ['-m', '600', join(own, 'owner.json')]);
      },
    ],
  ])('takes a directory with %s for one without a note', async (_name, make) => {
    const runDirectory = temporaryDirectory('clear');
    const elsewhere = temporaryDirectory('elsewhere');
    await leaveNote(elsewhere);
    const forged = join(runDirectory, 'hallpass-abcdefghij');
    mkdirSync(forged, { mode: 0o700 });
    make(join(forged, '.hallpass'), join(elsewhere, '.hallpass'));
    expect(await readOwner(forged)).toBeNull();
    await clearing({ runDirectory }).clear();
    expect(readdirSync(join(elsewhere, '.hallpass'))).toEqual(['owner.json']);
  });

  it('takes a process with the same number but another start for dead', () => {
    const note = noteProcess(process.pid)!;
    expect(isRunning(note)).toBe(true);
    expect(isRunning({ ...note, startTime: '1' })).toBe(false);
  });

  it('has nothing to do where there is nothing', async () => {
    const { audited, events, clear } = clearing({ runDirectory: '/no/such/directory' });
    await clear();
    expect([audited, events]).toEqual([[], []]);
  });
});

describe('a note', () => {
  it('is readable by its owner only', async () => {
    const phase = testPhase();
    await using environment = await openPhase(phase.run, phase.io);
    const path = join(environment.directory, '.hallpass/owner.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(environment.directory, '.hallpass')).mode & 0o777).toBe(0o700);
  });
});
