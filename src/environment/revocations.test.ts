import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { leasePlatform, leaseRequest, startLeaseServer, type LeaseServer } from '../../test/support/lease-platform.ts';
import { testPhase, testToken, type TestPhase, type TestPhaseOptions } from '../../test/support/phase.ts';
import { describeWith } from '../../test/support/programs.ts';
import type { CredentialRequest, PlatformIo } from '../domain/credential.ts';
import type { Problem } from '../domain/errors.ts';
import { findKeyDirectories, keyNameOf, keyPlaces } from './revocation-key.ts';
import { ownerNote, readOwner } from './owner.ts';
import type { PhaseEvent } from './phase.ts';
import { Revocations } from './revocations.ts';
import { openPhase, runPhase } from './run-phase.ts';
import { waitingDirectory } from './revocations-left.ts';

const phaseWith = (requests: readonly CredentialRequest[], options: TestPhaseOptions = {}): TestPhase =>
  testPhase({
    ...options,
    requests,
    io: { fetch, ...options.io },
    run: { platforms: [leasePlatform], ...options.run },
  });

const go = (phase: TestPhase) => runPhase(phase.run, phase.io);

const now = (): Date => new Date();

const gaveUp = (tag: string) => ({
  type: 'revocation_failed',
  platform: 'lease',
  tag,
  reason: 'the platform did not answer in time',
  expiresAt: expect.any(Date),
  triedAgain: false,
});

const failing: CredentialRequest = {
  platform: 'other',
  tag: null,
  audience: 'a',
  offered: null,
  rereadsToken: false,
  obtain: () => Promise.reject(new Error('no')),
};

function expectAllRevoked(phase: TestPhase, server: LeaseServer, count: number): void {
  expect(server.alive.size).toBe(0);
  expect(server.calls.filter((call) => call === 'revoke')).toHaveLength(count);
  expect(phase.events.filter(({ type }) => type === 'credentials_revoked')).toHaveLength(count);
  expect(phase.audited.filter(({ type }) => type === 'credentials_revoked')).toHaveLength(count);
  expect(readdirSync(phase.run.settings.runDirectory!)).toEqual([]);
}

/** Key files of the phases of this test process; others' stay out of sight. */
async function keysOf(directory: string): Promise<string[]> {
  const name = keyNameOf((await readOwner(directory))!);
  return (await findKeyDirectories(keyPlaces({}))).map((keys) => join(keys, name)).filter((path) => existsSync(path));
}

describe('credentials that can be revoked', () => {
  it.each([
    ['success', 'exit 0', 0],
    ['failure', 'exit 3', 3],
    ['a command that is killed', 'kill -KILL $$', 137],
  ])('are revoked after %s', async (_name, script, exitCode) => {
    const server = await startLeaseServer();
    const phase = phaseWith([leaseRequest(server.url)], { script });
    expect(await go(phase)).toMatchObject({ exitCode });
    expectAllRevoked(phase, server, 1);
    expect(phase.audited.at(-1)).toMatchObject({
      type: 'credentials_revoked',
      platform: 'lease',
      tag: null,
      offered: 'role',
      lease: 'lease-1',
      workload: { run_id: 'run-8KxZk5uNq8xTg2sV' },
    });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('are revoked after %s, once the command has ended', async (signal) => {
    const server = await startLeaseServer();
    const phase = phaseWith([leaseRequest(server.url)], {
      script: `trap 'sleep 0.2; echo done; exit 5' INT TERM; echo ready; while :; do sleep 0.05; done`,
    });
    server.revoke.before = () => expect(phase.stdout()).toContain('done');
    const running = go(phase);
    await phase.event('command_started');
    while (!phase.stdout().includes('ready')) await new Promise((resolve) => setTimeout(resolve, 10));
    phase.press(signal);
    expect(await running).toMatchObject({ exitCode: 5 });
    expectAllRevoked(phase, server, 1);
  });

  it('are revoked before their files are deleted, and all at the same time', async () => {
    const server = await startLeaseServer();
    const all = Promise.withResolvers<void>();
    const phase = phaseWith([null, 'ONE', 'TWO'].map((tag) => leaseRequest(server.url, tag)));
    const seen: boolean[] = [];
    server.revoke.before = async () => {
      const { directory } = await phase.event('environment_opened');
      seen.push(existsSync(join(directory, 'lease/0-default/lease')));
      if (seen.length === 3) all.resolve();
      await all.promise;
    };
    await go(phase);
    expect(seen).toEqual([true, true, true]);
    expectAllRevoked(phase, server, 3);
  });

  it('are revoked when another platform fails, early or late', async () => {
    const server = await startLeaseServer();
    server.login.before = () => new Promise((resolve) => setTimeout(resolve, 150));
    for (const requests of [
      [failing, leaseRequest(server.url)],
      [leaseRequest(server.url), failing],
    ]) {
      const phase = phaseWith(requests);
      await expect(go(phase)).rejects.toThrow('no');
      expect(server.alive.size).toBe(0);
      expect(phase.events.filter(({ type }) => type === 'credentials_revoked')).toHaveLength(1);
    }
  });

  it('are revoked when somebody stops while another platform hangs', async () => {
    const [server, hanging] = [await startLeaseServer(), await startLeaseServer()];
    hanging.login.hangs = true;
    const phase = phaseWith([leaseRequest(server.url), leaseRequest(hanging.url, 'SLOW')]);
    const running = go(phase);
    await phase.event('credentials_ready');
    phase.press('SIGINT');
    expect(await running).toMatchObject({ exitCode: 130, signal: 'SIGINT' });
    expectAllRevoked(phase, server, 1);
  });

  it('that arrive moments after somebody has stopped are revoked too, and never installed', async () => {
    const server = await startLeaseServer();
    const phase = phaseWith([leaseRequest(server.url)]);
    server.login.before = () => {
      phase.press('SIGINT');
      return new Promise((resolve) => setTimeout(resolve, 100));
    };
    expect(await go(phase)).toMatchObject({ exitCode: 130 });
    expectAllRevoked(phase, server, 1);
    expect(phase.events.map(({ type }) => type)).not.toContain('credentials_ready');
  });

  it('that arrive after teardown, from a platform that does not listen, are revoked when they come', async () => {
    const server = await startLeaseServer();
    server.login.before = () => new Promise((resolve) => setTimeout(resolve, 1500));
    // Its calls know nothing of the phase's end.
    const deaf = leaseRequest(server.url);
    const phase = phaseWith([{ ...deaf, obtain: (token, io) => deaf.obtain(token, { ...io, fetch }) }]);
    const running = go(phase);
    await server.called('login');
    phase.press('SIGTERM');
    expect(await running).toMatchObject({ exitCode: 143 });
    await phase.event('credentials_revoked');
    expect(server.alive.size).toBe(0);
  });

  it('are revoked when they could not be written', async () => {
    const server = await startLeaseServer();
    const phase = phaseWith([leaseRequest(server.url, null, {}, { files: [{ name: 'no/such', contents: 'x' }] })]);
    await expect(go(phase)).rejects.toThrow('ENOENT');
    expectAllRevoked(phase, server, 1);
  });

  it('are revoked, the old ones and the new, when renewal has replaced them', async () => {
    const server = await startLeaseServer();
    let renewals = 0;
    const base = leaseRequest(server.url);
    const replacing: CredentialRequest = {
      ...base,
      obtain: async (token, io) => {
        const first = await base.obtain(token, io);
        return {
          ...first,
          renewAt: new Date(Date.now() + 100),
          renew: async () => {
            renewals += 1;
            return base.obtain(token, io);
          },
        };
      },
    };
    const phase = phaseWith([replacing], { script: 'sleep 0.6' });
    await go(phase);
    expect(renewals).toBe(1);
    expectAllRevoked(phase, server, 2);
  });

  it('one that fails does not stop the next, and says when the credentials end', async () => {
    const [server, broken] = [await startLeaseServer(), await startLeaseServer()];
    broken.revoke.status = 403;
    const phase = phaseWith([leaseRequest(broken.url, 'BAD'), leaseRequest(server.url)]);
    expect(await go(phase)).toMatchObject({ exitCode: 0 });
    expectAllRevoked(phase, server, 1);
    expect(await phase.event('revocation_failed')).toMatchObject({
      platform: 'lease',
      tag: 'BAD',
      reason: 'revoke: HTTP 403',
      expiresAt: expect.any(Date),
      triedAgain: false,
    });
    expect(phase.audited).toContainEqual(
      expect.objectContaining({ type: 'revocation_failed', outcome: 'failed', tag: 'BAD', tried_again: false }),
    );
  });

  it('never show in events or audit', async () => {
    const server = await startLeaseServer();
    server.revoke.status = 403;
    const phase = phaseWith([leaseRequest(server.url)]);
    await go(phase);
    const [token] = server.alive;
    expect(JSON.stringify([phase.events, phase.audited])).not.toContain(token);
  });

  it('are given up together after a time, when platforms hang or cannot be noted', async () => {
    const [server, hanging] = [await startLeaseServer(), await startLeaseServer()];
    hanging.revoke.hangs = true;
    const { run } = phaseWith([]);
    const events: PhaseEvent[] = [];
    const warnings: Problem[] = [];
    const revocations = new Revocations({
      lease: run.lease,
      world: { platforms: [leasePlatform], fetch, now, audit: run.audit, report: (event) => void events.push(event) },
      note: ownerNote({ lease: '', now: now() }),
      keyPlaces: ['/no/such/place', '/etc'],
      warn: (problem) => void warnings.push(problem),
    });
    for (const request of [leaseRequest(hanging.url, 'A'), leaseRequest(server.url), leaseRequest(hanging.url, 'B')]) {
      await revocations.note(request, await request.obtain(testToken(60), { ...({} as PlatformIo), fetch, now }));
    }
    await revocations.revokeAll(200);
    expect(server.alive.size).toBe(0);
    expect(events).toEqual([{ type: 'credentials_revoked', platform: 'lease', tag: null }, gaveUp('A'), gaveUp('B')]);
    // Where there is no RAM for a key, nothing is noted, and the user hears of it.
    expect(warnings[0]?.what).toMatch(/^after kill -9 of Hallpass .* end by their own lifetime only/);
  });
});

describe('the note about them', () => {
  it('is there, encrypted and private, before anything of them is written; note and key go with the phase', async () => {
    const server = await startLeaseServer();
    const phase = phaseWith([leaseRequest(server.url)]);
    const environment = await openPhase(phase.run, phase.io);
    const own = join((await readOwner(environment.directory))!.diskDirectory, '.hallpass');
    const notes = readdirSync(own).filter((name) => name.endsWith('.revocation'));
    expect(notes).toHaveLength(1);
    const path = join(own, notes[0]!);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const installed = join(environment.directory, 'lease/0-default/lease');
    expect(statSync(path).mtimeMs).toBeLessThanOrEqual(statSync(installed).mtimeMs);
    const [token] = server.alive;
    const text = readFileSync(path, 'utf8');
    expect(text).not.toContain(token);
    expect(text).not.toContain(Buffer.from(token!).toString('base64').slice(4, 20));
    const keys = await keysOf(environment.directory);
    expect(keys).toHaveLength(1);
    expect(statSync(keys[0]!).mode & 0o777).toBe(0o600);
    expect(text).not.toContain(readFileSync(keys[0]!, 'utf8'));
    await environment[Symbol.asyncDispose]();
    expect(existsSync(own)).toBe(false);
    expect(existsSync(keys[0]!)).toBe(false);
  });

  it('is not kept for credentials that cannot be revoked', async () => {
    const phase = testPhase({ tfc: { TFC_WORKLOAD_IDENTITY_AUDIENCE: 'a' } });
    await using environment = await openPhase(phase.run, phase.io);
    expect(await keysOf(environment.directory)).toEqual([]);
  });

  it('waits for a following command, with its key, when the platform cannot be reached now', async () => {
    const server = await startLeaseServer();
    server.revoke.status = 503;
    const phase = phaseWith([leaseRequest(server.url)]);
    const environment = await openPhase(phase.run, phase.io);
    const keys = await keysOf(environment.directory);
    await environment[Symbol.asyncDispose]();
    expect(await phase.event('revocation_failed')).toMatchObject({ triedAgain: true });
    const waiting = waitingDirectory(phase.run.settings.runDirectory!);
    expect(readdirSync(waiting)).toHaveLength(1);
    expect(statSync(waiting).mode & 0o777).toBe(0o700);
    expect(existsSync(keys[0]!)).toBe(true);
    rmSync(keys[0]!);
  });
});

describeWith(['bwrap'], 'under mask', () => {
  it('the command sees neither notes, nor keys, nor what waits', async () => {
    const server = await startLeaseServer();
    const phase = phaseWith([leaseRequest(server.url)], {
      settings: { isolation: 'mask' },
      script:
        'ls -A "$OWN" "$KEYS" "$WAITING"; cat "$OWN"/* "$KEYS"/* "$WAITING"/* 2>/dev/null; ls -A "$TMPDIR/../.hallpass"; touch "$KEYS/x" "$WAITING/x"',
    });
    const waiting = waitingDirectory(phase.run.settings.runDirectory!);
    mkdirSync(waiting, { mode: 0o700 });
    writeFileSync(join(waiting, 'note'), 'WAITING');
    await using environment = await openPhase(phase.run, phase.io);
    const { diskDirectory } = (await readOwner(environment.directory))!;
    const [keys] = await findKeyDirectories(keyPlaces({}));
    const { file, args } = phase.run.command;
    const places = [`OWN=${diskDirectory}/.hallpass`, `KEYS=${keys}`, `WAITING=${waiting}`];
    expect(await environment.run({ file: 'env', args: [...places, file, ...args] })).toMatchObject({ exitCode: 0 });
    expect(
      phase
        .stdout()
        .split('\n')
        .filter((line) => line !== '' && !line.endsWith(':')),
    ).toEqual([]);
    expect(readdirSync(waiting)).toEqual(['note']);
    expect(existsSync(join(keys!, 'x'))).toBe(false);
  });

  it('the key is hidden too where it lies beside the private directories', async () => {
    const server = await startLeaseServer();
    const phase = phaseWith([leaseRequest(server.url)], {
      settings: { isolation: 'mask', runDirectory: null },
      script:
        'ls -A "$HOME/.." | grep -c lease; find /dev/shm -name "*hallpass-keys*" -type f; ls -A /dev/shm/hallpass-keys-* | wc -l',
    });
    expect(await go(phase)).toMatchObject({ exitCode: 0 });
    expect(phase.stdout()).toBe('1\n0\n');
    expect(server.alive.size).toBe(0);
  });
});
