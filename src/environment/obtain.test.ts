import { describe, expect, it } from 'vitest';
import { leasePlatform, leaseRequest, startLeaseServer } from '../../test/support/lease-platform.ts';
import { testPhase, testToken, type TestPhase } from '../../test/support/phase.ts';
import type { CredentialRequest } from '../domain/credential.ts';
import { AppError, type Problem } from '../domain/errors.ts';
import { obtainSet } from './obtain.ts';
import { openEnvironment } from './open.ts';
import type { OpenEnvironment } from './open-environment.ts';
import { runPhase } from './run-phase.ts';
import { tearDown } from './teardown.ts';
import { watchSignals } from './phase-signals.ts';

const short = { tellMilliseconds: 20, giveUpMilliseconds: 200, graceMilliseconds: 20 };
const never = new AbortController().signal;

interface Opened extends AsyncDisposable {
  readonly phase: TestPhase;
  readonly environment: OpenEnvironment;
}

/** An open environment without credentials; leaving the scope takes it down. */
async function opened(): Promise<Opened> {
  const phase = testPhase({ io: { fetch }, run: { platforms: [leasePlatform] } });
  const environment = await openEnvironment(phase.run, phase.io);
  const signals = watchSignals(phase.io.signals, phase.run.report, () => undefined);
  return { phase, environment, [Symbol.asyncDispose]: () => tearDown(environment, signals) };
}

/** Calls as long as it may, and counts. */
function stubborn(url: string, counted: { calls: number }): CredentialRequest {
  const obtain: CredentialRequest['obtain'] = async (_token, io) => {
    for (;;) {
      counted.calls += 1;
      await io.fetch(`${url}/login`, { method: 'POST', headers: { authorization: 'x' } });
      if (io.signal?.aborted) throw io.signal.reason;
    }
  };
  return { ...leaseRequest(url), obtain };
}

describe('an exchange', () => {
  it('that is quick is not spoken of', async () => {
    const server = await startLeaseServer();
    await using open = await opened();
    await obtainSet(open.environment, leaseRequest(server.url), testToken(60), never);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(open.phase.events.map(({ type }) => type)).toEqual(['environment_opened']);
  });

  it('that takes long is told with the address, then given up with one error', async () => {
    const server = await startLeaseServer();
    server.login.hangs = true;
    await using open = await opened();
    const request = leaseRequest(server.url, 'PROD');
    await expect(obtainSet(open.environment, request, testToken(60), never, short)).rejects.toMatchObject({
      code: 'exchange_failed',
      problem: { what: 'lease did not give credentials within 0.2 s', where: `lease, tag PROD: ${server.url}` },
    });
    expect(open.phase.events.slice(1)).toEqual([
      { type: 'exchange_waiting', platform: 'lease', tag: 'PROD', address: server.url },
    ]);
    expect(open.environment.obtaining.size).toBe(0);
  });

  it.each([
    ['https://vault.example.com/v1/auth', 'https://vault.example.com'],
    ['arn:aws:iam::111122223333:role/x', null],
    ['role', null],
  ])('that has called nobody yet is told with what it is offered: %s', async (offered, address) => {
    await using open = await opened();
    const request = { ...leaseRequest('http://localhost'), offered, obtain: () => new Promise<never>(() => undefined) };
    await expect(obtainSet(open.environment, request, testToken(60), never, short)).rejects.toMatchObject({
      code: 'exchange_failed',
    });
    expect(open.phase.events).toContainEqual(expect.objectContaining({ type: 'exchange_waiting', address }));
  });

  it('that fails names the tag, which the platform does not', async () => {
    await using open = await opened();
    const fail = (problem: Problem): Promise<unknown> =>
      obtainSet(
        open.environment,
        {
          ...leaseRequest('http://127.0.0.1', 'PROD'),
          obtain: async () => Promise.reject(new AppError('exchange_failed', problem)),
        },
        testToken(60),
        never,
        short,
      );
    await expect(fail({ what: 'no answer', where: 'TFC_LEASE_ADDR', mend: 'look' })).rejects.toMatchObject({
      problem: { what: 'no answer', where: 'lease, tag PROD: TFC_LEASE_ADDR', mend: 'look' },
    });
    await expect(fail({ what: 'no answer' })).rejects.toMatchObject({ problem: { where: 'lease, tag PROD' } });
  });

  it('that answers after it was given up has its credentials revoked', async () => {
    const server = await startLeaseServer();
    const answer = Promise.withResolvers<void>();
    server.login.before = () => answer.promise;
    await using open = await opened();
    const deaf = leaseRequest(server.url);
    const request: CredentialRequest = { ...deaf, obtain: (token, io) => deaf.obtain(token, { ...io, fetch }) };
    await expect(obtainSet(open.environment, request, testToken(60), never, short)).rejects.toMatchObject({
      code: 'exchange_failed',
    });
    answer.resolve();
    while (open.environment.obtaining.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await open[Symbol.asyncDispose]();
    expect([server.alive.size, server.calls]).toEqual([0, ['login', 'revoke']]);
  });

  it('passes on what the platform says', async () => {
    const server = await startLeaseServer();
    server.login.status = 429;
    await using open = await opened();
    await expect(obtainSet(open.environment, leaseRequest(server.url), testToken(60), never)).rejects.toMatchObject({
      message: 'login: HTTP 429',
    });
  });

  it('begins no call once somebody has stopped', async () => {
    const server = await startLeaseServer();
    const counted = { calls: 0 };
    const stop = new AbortController();
    server.login.before = () => void (counted.calls === 2 && stop.abort(new Error('stopped')));
    await using open = await opened();
    const work = obtainSet(open.environment, stubborn(server.url, counted), testToken(60), stop.signal);
    await expect(work).rejects.toThrow('stopped');
    expect(server.calls).toHaveLength(2);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('that hangs ends with %s, and nothing is left', async (signal) => {
    const server = await startLeaseServer();
    server.login.hangs = true;
    const phase = testPhase({
      requests: [leaseRequest(server.url)],
      io: { fetch },
      run: { platforms: [leasePlatform] },
    });
    const running = runPhase(phase.run, phase.io);
    await server.called('login');
    phase.press(signal);
    expect(await running).toMatchObject({ signal, directory: '' });
    expect(phase.events.map(({ type }) => type)).not.toContain('command_started');
    expect(phase.events.at(-1)).toMatchObject({ type: 'torn_down' });
  });
});
