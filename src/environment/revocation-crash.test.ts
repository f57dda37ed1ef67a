import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { leasePlatform, startLeaseServer, type LeaseServer } from '../../test/support/lease-platform.ts';
import { leaseOf, memoryAudit, uniqueWorkspace } from '../../test/support/phase.ts';
import { startPhaseProcess, type PhaseProcessOptions } from '../../test/support/phase-process.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { leaseRecord } from '../audit/event-members.ts';
import type { NewAuditEvent } from '../audit/event.ts';
import { Secret } from '../domain/secret.ts';
import { phaseDirectory } from './directory.ts';
import { clearLeftovers, type LeftoversOptions } from './leftovers.ts';
import { readOwner } from './owner.ts';
import type { PhaseEvent } from './phase.ts';
import { findKeyDirectories, keyNameOf, keyPlaces, makeKey } from './revocation-key.ts';
import { sealNote, type RevocationFacts } from './revocation-note.ts';
import { waitingDirectory } from './revocations-left.ts';

interface Crash {
  readonly runDirectory: string;
  readonly slot: string;
  /** The notes in the phase's directory on disk. */
  readonly notes: readonly string[];
  /** The phase's key; there or not. */
  readonly key: string;
}

type Wait = (hallpass: ReturnType<typeof startPhaseProcess>) => Promise<void>;

/** Starts a phase with a lease in a process of its own, waits, and kills that process. */
async function crashed(
  server: LeaseServer,
  wait: Wait,
  standsStill?: NonNullable<PhaseProcessOptions['lease']>['standsStill'],
  script = 'echo ready; sleep 0.4; echo over',
): Promise<Crash> {
  const root = temporaryDirectory('crash');
  const [runDirectory, workingDirectory] = [join(root, 'run'), join(root, 'work')];
  for (const path of [runDirectory, workingDirectory]) mkdirSync(path, { mode: 0o700 });
  const workspace = uniqueWorkspace();
  const lease = { url: server.url, ...(standsStill === undefined ? {} : { standsStill }) };
  const hallpass = startPhaseProcess({ runDirectory, workingDirectory, workspace, script, lease });
  await wait(hallpass);
  hallpass.kill('SIGKILL');
  await once(hallpass, 'exit');
  const slot = phaseDirectory({ organization: 'acme', project: 'payments', workspace }, runDirectory);
  const note = (await readOwner(slot))!;
  const own = join(note.diskDirectory, '.hallpass');
  const [keys] = await findKeyDirectories(keyPlaces({}));
  const key = join(keys!, keyNameOf(note));
  onTestFinished(() => rmSync(key, { force: true }));
  const notes = readdirSync(own).filter((name) => name.endsWith('.revocation'));
  return { runDirectory, slot, notes: notes.map((name) => join(own, name)), key };
}

const ready: Wait = async (hallpass) => hallpass.said('ready');

function clearing(runDirectory: string, changes: Partial<LeftoversOptions> = {}) {
  const audited: NewAuditEvent[] = [];
  const events: PhaseEvent[] = [];
  const clear = () =>
    clearLeftovers({
      settings: { runDirectory, parentEnvironment: {} },
      audit: memoryAudit(audited),
      now: () => new Date(),
      fetch,
      report: (event) => void events.push(event),
      graceMilliseconds: 5000,
      platforms: [leasePlatform],
      ...changes,
    });
  const told = (): unknown[] => events.filter(({ type }) => type !== 'leftovers_cleared');
  return { audited, told, clear };
}

const revoked = { type: 'credentials_revoked', platform: 'lease', tag: null };
const failed = (reason: unknown, triedAgain: boolean) =>
  expect.objectContaining({ type: 'revocation_failed', platform: 'lease', reason, triedAgain });

function expectNothingLeft(crash: Crash): void {
  expect(readdirSync(crash.runDirectory)).toEqual([]);
  expect(crash.notes.filter((path) => existsSync(path))).toEqual([]);
  expect(existsSync(crash.key)).toBe(false);
}

/** Notes that wait are not tried again within a minute. */
function later(runDirectory: string): readonly string[] {
  const waiting = waitingDirectory(runDirectory);
  const names = existsSync(waiting) ? readdirSync(waiting) : [];
  const past = Date.now() / 1000 - 120;
  for (const name of names) utimesSync(join(waiting, name), past, past);
  return names;
}

describe('after kill -9 of Hallpass', () => {
  it('the next command ends the orphan, then its credentials, then deletes', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(
      server,
      ready,
      undefined,
      `trap 'sleep 0.3; exit 1' INT; echo ready; while :; do sleep 0.05; done`,
    );
    expect(crash.notes).toHaveLength(1);
    server.revoke.before = () => {
      expect(existsSync(crash.slot)).toBe(true);
    };
    const { audited, told, clear } = clearing(crash.runDirectory);
    expect((await clear()).orphans).toBe(1);
    expect(server.alive.size).toBe(0);
    expect(told()).toEqual([revoked]);
    expect(audited).toMatchObject([
      {
        type: 'credentials_revoked',
        platform: 'lease',
        offered: 'role',
        lease: 'lease-1',
        workload: { phase: 'plan' },
      },
      { type: 'leftovers_cleared' },
    ]);
    expectNothingLeft(crash);
  });

  it('between answer and note only the lifetime ends them, and the rest is cleared', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, (hallpass) => hallpass.said('obtained'), 'obtained');
    expect(crash.notes).toEqual([]);
    const { told, clear } = clearing(crash.runDirectory);
    await clear();
    expect([server.alive.size, told()]).toEqual([1, []]);
    expectNothingLeft(crash);
  });

  it('between note and files they are ended', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, (hallpass) => hallpass.said('noted'), 'noted');
    expect(existsSync(join(crash.slot, 'lease/0-default/lease'))).toBe(false);
    const { told, clear } = clearing(crash.runDirectory);
    await clear();
    expect([server.alive.size, told()]).toEqual([0, [revoked]]);
    expectNothingLeft(crash);
  });

  it('while they are being revoked they are revoked again', async () => {
    const server = await startLeaseServer();
    server.revoke.hangs = true;
    const crash = await crashed(server, () => server.called('revoke'));
    server.revoke.hangs = false;
    const { told, clear } = clearing(crash.runDirectory);
    await clear();
    expect([server.alive.size, told()]).toEqual([0, [revoked]]);
    expectNothingLeft(crash);
  });

  it('two that clear at once tell it once', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, ready);
    const [one, two] = [clearing(crash.runDirectory), clearing(crash.runDirectory)];
    await Promise.all([one.clear(), two.clear()]);
    expect([server.alive.size, [...one.told(), ...two.told()]]).toEqual([0, [revoked]]);
    expectNothingLeft(crash);
  });

  it('a platform that cannot be reached is tried again later, and keeps nobody from working', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, ready);
    server.revoke.status = 503;
    const first = clearing(crash.runDirectory);
    await first.clear();
    expect(first.told()).toEqual([failed('revoke: HTTP 503', true)]);
    expect(first.audited).toContainEqual(expect.objectContaining({ type: 'revocation_failed', tried_again: true }));
    expect(existsSync(crash.slot)).toBe(false);
    expect(existsSync(crash.key)).toBe(true);
    // Not with every command.
    const soon = clearing(crash.runDirectory);
    await soon.clear();
    expect(soon.told()).toEqual([]);
    expect(later(crash.runDirectory)).toHaveLength(1);
    server.revoke.status = 200;
    const second = clearing(crash.runDirectory);
    await second.clear();
    expect([server.alive.size, second.told()]).toEqual([0, [revoked]]);
    expectNothingLeft(crash);
  });

  it('two that try again at once tell it once', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, ready);
    server.revoke.status = 503;
    await clearing(crash.runDirectory).clear();
    expect(later(crash.runDirectory)).toHaveLength(1);
    server.revoke.status = 200;
    const [one, two] = [clearing(crash.runDirectory), clearing(crash.runDirectory)];
    await Promise.all([one.clear(), two.clear()]);
    expect([server.alive.size, [...one.told(), ...two.told()]]).toEqual([0, [revoked]]);
    expectNothingLeft(crash);
  });

  it('a note that waits goes when its credentials have ended by themselves, and its key with it', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, ready);
    server.revoke.status = 503;
    await clearing(crash.runDirectory).clear();
    const ahead = clearing(crash.runDirectory, { now: () => new Date(Date.now() + 7_200_000) });
    await ahead.clear();
    expect([server.calls, ahead.told()]).toEqual([['login', 'revoke'], []]);
    expectNothingLeft(crash);
  });

  it('another Hallpass that does not know the platform leaves the note to those that do', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, ready);
    const other = clearing(crash.runDirectory, { platforms: [] });
    await other.clear();
    expect(other.told()).toEqual([failed('this version of Hallpass cannot end credentials of lease', true)]);
    later(crash.runDirectory);
    await clearing(crash.runDirectory).clear();
    expect(server.alive.size).toBe(0);
    expectNothingLeft(crash);
  });

  it('a platform that says no is not asked again', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, ready);
    server.revoke.status = 403;
    const { told, clear } = clearing(crash.runDirectory);
    await clear();
    expect(told()).toEqual([failed('revoke: HTTP 403', false)]);
    expectNothingLeft(crash);
  });

  it('nobody tries any more once they have ended by themselves', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, ready);
    const ahead = clearing(crash.runDirectory, { now: () => new Date(Date.now() + 7_200_000) });
    await ahead.clear();
    expect([server.calls, ahead.told()]).toEqual([['login'], []]);
    expectNothingLeft(crash);
  });

  it('without the key, as after a restart, the note goes, and somebody hears of it', async () => {
    const server = await startLeaseServer();
    const crash = await crashed(server, ready);
    rmSync(crash.key);
    const { audited, told, clear } = clearing(crash.runDirectory);
    await clear();
    expect(told()).toEqual([failed('the key of its note is gone, as after a restart', false)]);
    expect(audited[0]).toMatchObject({ type: 'revocation_failed', lease: null, expires_at: expect.any(String) });
    expect(server.calls).toEqual(['login']);
    expectNothingLeft(crash);
  });

  it.each<[string, (path: string, other: string) => void]>([
    ['cut off', (path) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20))],
    ['empty', (path) => writeFileSync(path, '')],
    ['changed in its facts', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"role"', '"admin"'))],
    [
      'changed in its text',
      (path) =>
        writeFileSync(
          path,
          readFileSync(path, 'utf8').replace(/"sealed":"(.)/, (_, first) => `"sealed":"${first === 'A' ? 'B' : 'A'}`),
        ),
    ],
    [
      'a link to a file elsewhere',
      (path, other) => {
        rmSync(path);
        symlinkSync(other, path);
      },
    ],
    ['open to others', (path) => chmodSync(path, 0o644)],
    ['as long as the disk', (path) => truncateSync(path, 1e12)],
    [
      'a pipe that nobody writes to',
      (path) => {
        rmSync(path);
        execFileSync('mkfifo', ['-m', '600', path]);
      },
    ],
  ])('a note that is %s harms nobody', async (_name, damage) => {
    const server = await startLeaseServer();
    const crash = await crashed(server, ready);
    const elsewhere = join(temporaryDirectory('elsewhere'), 'precious');
    writeFileSync(elsewhere, 'precious', { mode: 0o600 });
    damage(crash.notes[0]!, elsewhere);
    const { told, clear } = clearing(crash.runDirectory);
    await clear();
    expect(told()).toEqual([expect.objectContaining({ type: 'revocation_failed', reason: 'its note is damaged' })]);
    expect(server.calls).toEqual(['login']);
    expect(readFileSync(elsewhere, 'utf8')).toBe('precious');
    expectNothingLeft(crash);
  });

  it('a note of another phase, carried here, is not believed', async () => {
    const [server, victim] = [await startLeaseServer(), await startLeaseServer()];
    const crash = await crashed(server, ready);
    const [keys] = await findKeyDirectories(keyPlaces({}));
    const name = 'ab'.repeat(16);
    const key = await makeKey(keys!, name);
    onTestFinished(() => rmSync(join(keys!, name), { force: true }));
    const facts: RevocationFacts = {
      version: 1,
      platform: 'lease',
      tag: null,
      offered: null,
      expiresAt: null,
      createdAt: new Date().toISOString(),
      key: name,
      by: leaseRecord(leaseOf('x')),
    };
    const text = sealNote(facts, new Secret(JSON.stringify({ url: victim.url, token: 'x' })), key);
    writeFileSync(crash.notes[0]!.replace(/[0-9a-f]{16}\./, `${'0'.repeat(16)}.`), text, { mode: 0o600 });
    const { told, clear } = clearing(crash.runDirectory);
    await clear();
    expect(told()).toHaveLength(2);
    expect(told()).toContainEqual(expect.objectContaining({ reason: 'its note is damaged' }));
    expect([server.alive.size, victim.calls]).toEqual([0, []]);
    expect(existsSync(join(keys!, name))).toBe(true);
  });
});
