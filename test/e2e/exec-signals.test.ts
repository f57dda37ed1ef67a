import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { run, startHallpass, type ChildResult } from '../support/hallpass.ts';
import { Place } from '../support/place.ts';
import { describeWith, requireProgram } from '../support/programs.ts';

/** Two resources, one after the other; each notes that its provisioner began and takes its time. */
const slow = (seconds: number): string => `
resource "terraform_data" "first" {
  provisioner "local-exec" { command = "touch first.begun; sleep ${seconds}; touch first.done" }
}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "touch second.begun; sleep ${seconds}; touch second.done" }
}
`;

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<ChildResult>;
}

function start(place: Place, args: readonly string[]): Running {
  const child = startHallpass(args, { cwd: place.work, env: place.env });
  const output = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const ended = once(child, 'exit').then(([code, signal]) => ({
    ...output,
    code: (code as number | null) ?? (signal === 'SIGKILL' ? 137 : 130),
  }));
  return { child, ended };
}

const apply = ['exec', '--', 'terraform', 'apply', '-auto-approve', '-no-color'];

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`it did not come to pass: ${what}`);
    await sleep(50);
  }
}

/** Addresses of the resources in the state. */
function stateOf(place: Place): string[] {
  const state = JSON.parse(readFileSync(place.file('terraform.tfstate'), 'utf8')) as {
    resources: { type: string; name: string }[];
  };
  return state.resources.map((resource) => `${resource.type}.${resource.name}`).sort();
}

/** Terraform writes its state in place: a reader in the middle of that sees none of it, or the beginning. */
function hasWholeState(place: Place): boolean {
  try {
    return stateOf(place).length >= 0;
  } catch {
    return false;
  }
}

describeWith(['terraform'], 'exec when somebody stops it', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'passes %s on once: Terraform ends in order, with what was made in the state, and nothing is left',
    async (signal) => {
      const place = await new Place({ configuration: slow(2) }).allowed();
      const { child, ended } = start(place, apply);
      await until(() => existsSync(place.file('first.begun')), 'the first provisioner begins');
      child.kill(signal);
      const result = await ended;
      expect(result.code).toBe(1);
      expect(result.stdout).toContain('Interrupt received');
      expect(stateOf(place)).toContain('terraform_data.first');
      expect(existsSync(place.file('second.begun'))).toBe(false);
      expect(place.leftovers()).toEqual([]);
    },
  );

  it('passes a second SIGINT on when it comes later, but not an echo of the first', async () => {
    const place = await new Place().allowed();
    place.write(
      'count.sh',
      'n=0\ntrap "n=\\$((n+1)); echo interrupt \\$n" INT\necho ready > ready\nwhile [ $n -lt 2 ]; do sleep 0.1; done\nexit 7\n',
    );
    const { child, ended } = start(place, ['exec', '--phase', 'plan', '--', 'sh', 'count.sh']);
    await until(() => existsSync(place.file('ready')), 'the command is ready');
    child.kill('SIGINT');
    await sleep(20);
    child.kill('SIGINT'); // an echo, as npm makes one
    await sleep(1500);
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    const result = await ended;
    expect(result.stdout).toBe('interrupt 1\ninterrupt 2\n');
    expect(result.code).toBe(7);
    expect(place.leftovers()).toEqual([]);
  });

  it('stopped while the platform is asked why ends at once with the code of the command, and leaves nothing', async () => {
    const server = await silentServer();
    try {
      const place = new Place({
        settings: {
          variables: {
            TFC_WORKLOAD_IDENTITY_AUDIENCE: 'somebody',
            TFC_AWS_PROVIDER_AUTH: 'true',
            TFC_AWS_RUN_ROLE_ARN: 'arn:aws:iam::111122223333:role/r',
            AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
          },
        },
      });
      await place.succeeds(['allow', '--yes']);
      const { child, ended } = start(place, ['exec', '--phase', 'plan', '--', 'sh', '-c', 'touch begun; exit 1']);
      // The command fails at once, and the platform is asked why; it never answers.
      await until(() => existsSync(place.file('begun')), 'the command begins');
      await sleep(300);
      const stoppedAt = Date.now();
      child.kill('SIGINT');
      const result = await ended;
      expect(result.code).toBe(1);
      expect(Date.now() - stoppedAt).toBeLessThan(2000);
      expect(place.leftovers()).toEqual([]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('kill -9 in the middle of an apply: Terraform goes on to its end, the state holds all, the next command clears up', async () => {
    const place = await new Place({ configuration: slow(2) }).allowed();
    const { child, ended } = start(place, apply);
    await until(() => existsSync(place.file('first.begun')), 'the first provisioner begins');
    child.kill('SIGKILL');
    await ended;
    await until(() => existsSync(place.file('second.done')), 'the orphan ends its work');
    await until(() => hasWholeState(place) && stateOf(place).length === 2, 'the state holds both');
    await sleep(300);
    expect(place.leftovers()).not.toEqual([]);
    const next = await place.exec(['plan', '-detailed-exitcode', '-no-color']);
    expect(next.stderr).toContain('cleared what an earlier phase left');
    expect(next.stdout).toContain('No changes.');
    expect(next.code).toBe(0);
    expect(place.leftovers()).toEqual([]);
    expect((await place.hallpass(['audit', 'verify'])).code).toBe(0);
  });

  it('kill -9, and the next command at once: it asks the orphan to stop, waits, and the state holds what was made', async () => {
    const place = await new Place({ configuration: slow(3) }).allowed();
    const { child, ended } = start(place, apply);
    await until(() => existsSync(place.file('first.begun')), 'the first provisioner begins');
    child.kill('SIGKILL');
    await ended;
    const next = await place.exec(['state', 'list']);
    expect(next.stderr).toContain('cleared what an earlier phase left');
    expect(stateOf(place)).toContain('terraform_data.first');
    expect(existsSync(place.file('second.begun'))).toBe(false);
    expect(place.leftovers()).toEqual([]);
  });
});

describeWith(['terraform', 'expect'], 'exec at a terminal, when somebody presses Ctrl-C', () => {
  it('stops the apply once, although the terminal tells every process', async () => {
    const place = await new Place({ configuration: slow(2) }).allowed();
    const program = new URL('../../bin/hallpass', import.meta.url).pathname;
    const script = [
      'set timeout 60',
      `spawn ${program} ${apply.join(' ')}`,
      'expect "Provisioning with"',
      'sleep 0.5',
      String.raw`send "\003"`,
      'expect eof',
      'exit [lindex [wait] 3]',
    ].join('\n');
    const result = await run(requireProgram('expect'), ['-c', script], { cwd: place.work, env: place.env });
    expect(result.stdout).toContain('Interrupt received');
    expect(result.stdout).not.toContain('Two interrupts');
    expect(result.code).toBe(1);
    expect(stateOf(place)).toContain('terraform_data.first');
    expect(place.leftovers()).toEqual([]);
  });
});

/** A server that takes connections and never answers. */
async function silentServer(): Promise<Server> {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
