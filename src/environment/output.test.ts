import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { said, testPhase, uniqueWorkspace } from '../../test/support/phase.ts';
import { phaseProgram, startPhaseProcess, type PhaseProcessOptions } from '../../test/support/phase-process.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { Secret } from '../domain/secret.ts';
import { runPhase } from './run-phase.ts';

const secret = 'MARKED-hunter2-and-more';

function processOptions(script: string, more: Partial<PhaseProcessOptions> = {}): PhaseProcessOptions {
  const root = temporaryDirectory('output');
  const [runDirectory, workingDirectory] = [join(root, 'run'), join(root, 'work')];
  for (const path of [runDirectory, workingDirectory]) mkdirSync(path, { mode: 0o700 });
  return { runDirectory, workingDirectory, workspace: uniqueWorkspace(), script, secret, ...more };
}

/** Runs a phase below a shell, for what shells do with streams. */
function inShell(options: PhaseProcessOptions, line: string) {
  return spawnSync('sh', ['-c', line, process.execPath, phaseProgram, JSON.stringify(options)], {
    encoding: 'utf8',
    timeout: 20_000,
  });
}

describe('output', () => {
  it('comes as it is written, prompts without a newline too', async () => {
    const phase = testPhase({
      script: 'printf "Enter a value: "; sleep 0.6; echo done',
      variables: { S: new Secret(secret) },
    });
    const running = runPhase(phase.run, phase.io);
    const start = performance.now();
    await said(phase, 'Enter a value: ');
    expect(phase.stdout()).toBe('Enter a value: ');
    await running;
    expect(performance.now() - start).toBeGreaterThan(400);
  });

  it('hides a secret that comes in pieces with seconds between', async () => {
    const script = 'printf "a %s" "${S%-more}"; sleep 1.2; printf "%s b" "-more"; printf "%s" "$S" >&2';
    const phase = testPhase({ script, variables: { S: new Secret(secret) } });
    await runPhase(phase.run, phase.io);
    expect(phase.stdout()).toBe('a [redacted] b');
    expect(phase.stderr()).toBe('[redacted]');
  });

  it('is complete: a lot of it, in order, to the last byte', async () => {
    const phase = testPhase({ script: 'seq 1 300000; printf end' });
    await runPhase(phase.run, phase.io);
    const lines = phase.stdout().split('\n');
    expect(lines).toHaveLength(300_001);
    expect(lines.at(-1)).toBe('end');
    expect(lines.slice(0, -1).every((line, index) => line === String(index + 1))).toBe(true);
  });

  it('does not make the command wait for a slow reader', async () => {
    const phase = testPhase({ script: 'seq 1 200000; touch finished' });
    let taken = 0;
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _, done) => {
        taken += chunk.length;
        setTimeout(done, 100);
      },
    });
    const running = runPhase(phase.run, { ...phase.io, stdout: slow });
    const finished = join(phase.run.settings.workingDirectory, 'finished');
    await phase.event('command_started');
    await appeared(finished);
    expect(taken).toBeLessThan(1_288_895);
    await running;
    expect(taken).toBe(1_288_895);
  });

  it('is dropped when its reader goes away, and the command goes on', async () => {
    const options = processOptions(
      'for n in $(seq 1 30); do echo "line $n"; sleep 0.02; done; echo fine > finished; exit 6',
    );
    const { stderr } = inShell(options, `"$0" "$@" 2>${join(options.workingDirectory, 'status')} | head -n 2`);
    expect(stderr).toBe('');
    expect(readFileSync(join(options.workingDirectory, 'finished'), 'utf8')).toBe('fine\n');
  });

  it('keeps the order of both streams when they lead to one place', () => {
    const script = 'for n in 1 2 3 4 5 6 7 8; do echo "out $n"; echo "err $n" >&2; done';
    const { stdout } = inShell(processOptions(script), '"$0" "$@" 2>&1 | cat');
    expect(stdout).toBe([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `out ${n}\nerr ${n}\n`).join(''));
  });

  it('goes to a file that Hallpass was given', () => {
    const options = processOptions('echo "$SECRET"; echo fine');
    const file = join(options.workingDirectory, 'out');
    inShell(options, `"$0" "$@" > ${file}`);
    expect(readFileSync(file, 'utf8')).toBe('[redacted]\nfine\n');
  });

  it('passes input on to the command', () => {
    const { stdout } = inShell(processOptions('read line; echo "got $line"; cat'), 'printf "one\\ntwo\\n" | "$0" "$@"');
    expect(stdout).toBe('got one\ntwo\n');
  });

  it('passes a closed input on', () => {
    expect(inShell(processOptions('cat; echo end'), '"$0" "$@" < /dev/null').stdout).toBe('end\n');
  });

  it('does not keep Hallpass from hearing signals when its reader has stopped reading', async () => {
    const options = processOptions(
      'trap "echo hit > hit.new; mv hit.new hit; exit 3" TERM; seq 1 100000; : > started; while :; do sleep 0.05; done',
    );
    const hallpass = spawn(
      'sh',
      ['-c', 'exec "$0" "$1" "$2" | sleep 30', process.execPath, phaseProgram, JSON.stringify(options)],
      {
        stdio: 'ignore',
        detached: true,
      },
    );
    const pid = await findPhaseProcess(options.workspace);
    await appeared(join(options.workingDirectory, 'started'));
    await sleep(200);
    process.kill(pid, 'SIGTERM');
    const hit = join(options.workingDirectory, 'hit');
    await appeared(hit);
    expect(readFileSync(hit, 'utf8')).toBe('hit\n');
    process.kill(-hallpass.pid!, 'SIGKILL');
    await once(hallpass, 'exit');
  });
});

/** Fails by the test's own time limit. */
async function appeared(path: string): Promise<void> {
  while (!existsSync(path)) await sleep(20);
}

/** The Node process below a shell, by the workspace in its arguments. */
async function findPhaseProcess(workspace: string): Promise<number> {
  for (;;) {
    const { stdout } = spawnSync('pgrep', ['-f', `phase-process.ts .*${workspace}`], { encoding: 'utf8' });
    const pid = stdout
      .trim()
      .split('\n')
      .map(Number)
      .find((candidate) => candidate > 0 && readFileSync(`/proc/${candidate}/comm`, 'utf8').trim() !== 'sh');
    if (pid !== undefined) return pid;
    await sleep(20);
  }
}

describe('a phase in a process of its own', () => {
  it('passes on the exit code', async () => {
    const child = startPhaseProcess(processOptions('exit 42'), 'ignore');
    expect((await once(child, 'exit'))[0]).toBe(42);
  });

  it('hears signals from outside', async () => {
    const child = startPhaseProcess(processOptions('trap "exit 5" INT; echo ready; while :; do sleep 0.05; done'));
    await child.said('ready');
    child.kill('SIGINT');
    expect((await once(child, 'exit'))[0]).toBe(5);
  });
});
