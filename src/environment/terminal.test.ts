import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { uniqueWorkspace } from '../../test/support/phase.ts';
import { phaseProgram, type PhaseProcessOptions } from '../../test/support/phase-process.ts';
import { describeWith, requireProgram } from '../../test/support/programs.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';

interface Terminal {
  readonly options: PhaseProcessOptions;
  readonly work: string;
  /** What the command wrote into the file `log`. */
  log(): string;
}

function terminal(script: string, more: Partial<PhaseProcessOptions> = {}): Terminal {
  const root = temporaryDirectory('tty');
  const [runDirectory, workingDirectory] = [join(root, 'run'), join(root, 'work')];
  for (const path of [runDirectory, workingDirectory]) mkdirSync(path, { mode: 0o700 });
  const options = {
    runDirectory,
    workingDirectory,
    workspace: uniqueWorkspace(),
    script,
    secret: 'MARKED-hunter2',
    ...more,
  };
  return { options, work: workingDirectory, log: () => readFileSync(join(workingDirectory, 'log'), 'utf8') };
}

/** Types at a real terminal; `steps` is Tcl, `$line` the command line that runs the phase. */
function type({ options, work }: Terminal, steps: string, line?: readonly string[]) {
  const words = line ?? [process.execPath, phaseProgram, JSON.stringify(options)];
  const script = `set timeout 15\nset line [list ${words.map(tclWord).join(' ')}]\nspawn -noecho {*}$line\n${steps}\nexpect eof\nset code [lindex [wait] 3]\nputs "code=$code"`;
  writeFileSync(join(work, 'steps.exp'), script);
  const { stdout } = spawnSync(requireProgram('expect'), ['-f', join(work, 'steps.exp')], {
    encoding: 'utf8',
    timeout: 40_000,
    cwd: work,
    env: { PATH: process.env['PATH'], TERM: 'xterm' },
  });
  return stdout.replaceAll('\r\n', '\n');
}

function tclWord(word: string): string {
  return `"${word.replace(/[\\"$[\]]/g, (character) => `\\${character}`)}"`;
}

/** Counts interrupts into `log`, and ends after the second or after a second without one. */
const counting = `: > log; n=0; trap 'n=$((n+1)); echo "hit $n" >> log' INT; trap 'echo term >> log; exit 9' TERM
echo ready; i=0; while [ $i -lt 22 ]; do i=$((i+1)); sleep 0.05; done; exit 7`;

describeWith(['expect'], 'at a terminal', () => {
  it('the command has the terminal itself, and its prompts work', () => {
    const place = terminal(
      'test -t 0 && test -t 1 && test -t 2 && echo all; printf "Enter a value: "; read answer; echo "got $answer"; exit 4',
    );
    const seen = type(place, 'expect "Enter a value: "\nsend "yes\\r"\nexpect "got yes"');
    expect(seen).toContain('all');
    expect(seen).toContain('got yes');
    expect(seen).toContain('code=4');
  });

  it('output is as the command wrote it, unless redaction was asked for', () => {
    const script = 'test -t 1 && echo tty || echo file; echo "$SECRET"';
    expect(type(terminal(script), '')).toContain('tty\nMARKED-hunter2');
    expect(type(terminal(script, { redact: true }), '')).toContain('file\n[redacted]');
  });

  it('prompts work when redaction was asked for', () => {
    const place = terminal('printf "Enter a value: "; read answer; echo "got $answer"', { redact: true });
    expect(type(place, 'expect "Enter a value: "\nsend "yes\\r"\nexpect "got yes"')).toContain('got yes');
  });

  it('one Ctrl-C is one interrupt', () => {
    const place = terminal(counting);
    expect(type(place, 'expect ready\nsend "\\003"')).toContain('code=7');
    expect(place.log()).toBe('hit 1\n');
  });

  it('two fast ones are one, two slow ones two', () => {
    const fast = terminal(counting);
    type(fast, 'expect ready\nsend "\\003"\nsleep 0.1\nsend "\\003"');
    expect(fast.log()).toBe('hit 1\n');
    const slow = terminal(counting);
    type(slow, 'expect ready\nsend "\\003"\nsleep 0.7\nsend "\\003"');
    expect(slow.log()).toBe('hit 1\nhit 2\n');
  });

  it('one Ctrl-C is one interrupt under npm too, which passes it on once more', () => {
    const place = terminal(counting);
    writeFileSync(join(place.work, 'options.json'), JSON.stringify(place.options));
    const run = `${process.execPath} ${phaseProgram} "$(cat options.json)"`;
    writeFileSync(join(place.work, 'package.json'), JSON.stringify({ name: 'x', scripts: { phase: run } }));
    const seen = type(place, 'expect ready\nsend "\\003"\nsleep 1', ['npm', 'run', '--silent', 'phase']);
    expect(seen).toContain('ready');
    expect(place.log()).toBe('hit 1\n');
  });

  it('closing it asks the command to stop, in order', async () => {
    const place = terminal(counting);
    type(place, 'expect ready\nclose');
    for (let tries = 0; tries < 100 && !place.log().includes('term'); tries += 1) await sleep(20);
    expect(place.log()).toBe('term\n');
  });
});

describeWith(['expect', 'bwrap'], 'at a terminal, under mask', () => {
  it('prompts and Ctrl-C work as without', () => {
    const place = terminal(`test -t 1 && printf "Enter a value: "; read answer; ${counting}`, { isolation: 'mask' });
    expect(type(place, 'expect "Enter a value: "\nsend "yes\\r"\nexpect ready\nsend "\\003"')).toContain('code=7');
    expect(place.log()).toBe('hit 1\n');
  });
});
