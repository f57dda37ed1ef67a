import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { leasePlatform, leaseRequest, startLeaseServer, type LeaseTimes } from '../../test/support/lease-platform.ts';
import { testPhase, type TestPhase, type TestPhaseOptions } from '../../test/support/phase.ts';
import type { CredentialRequest, CredentialSet } from '../domain/credential.ts';
import { readOwner } from './owner.ts';
import { openPhase, runPhase } from './run-phase.ts';

const phaseWith = (request: CredentialRequest, options: TestPhaseOptions = {}): TestPhase =>
  testPhase({
    ...options,
    requests: [request],
    io: { fetch, ...options.io },
    run: { platforms: [leasePlatform], ...options.run },
  });

const go = (phase: TestPhase) => runPhase(phase.run, phase.io);
const warnings = (phase: TestPhase) => phase.events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
const renewals = (calls: readonly string[]) => calls.filter((call) => call === 'renew').length;
const quick: LeaseTimes = { lifetimeSeconds: 60, renewAfterSeconds: 0.05 };

function withoutRenewal(set: CredentialSet): CredentialSet {
  const kept = Object.entries(set).filter(([name]) => name !== 'renew' && name !== 'renewAt');
  return Object.fromEntries(kept) as unknown as CredentialSet;
}

describe('a lease', () => {
  it('is renewed when it says so, again and again, although tokens are not short', async () => {
    const server = await startLeaseServer();
    const phase = phaseWith(leaseRequest(server.url, null, quick), {
      script:
        'before=$(cat "$HOME/../lease/0-default/lease"); sleep 2; test "$before" = "$(cat "$HOME/../lease/0-default/lease")"',
    });
    expect(await go(phase)).toMatchObject({ exitCode: 0 });
    expect(renewals(server.calls)).toBeGreaterThanOrEqual(2);
    // The last one may have been cut off by the end of the phase.
    const told = phase.events.filter(({ type }) => type === 'credentials_renewed').length;
    expect([0, 1]).toContain(renewals(server.calls) - told);
    // The same token all the time: revoked once.
    expect(server.calls.filter((call) => call === 'revoke')).toHaveLength(1);
    expect(phase.minted).toHaveLength(1);
  });

  it('whose moment has passed while the machine slept is renewed at once', async () => {
    const server = await startLeaseServer();
    const phase = phaseWith(leaseRequest(server.url, null, { lifetimeSeconds: 3600, renewAfterSeconds: -600 }));
    const environment = await openPhase(phase.run, phase.io);
    await phase.event('credentials_renewed');
    await environment[Symbol.asyncDispose]();
    expect(renewals(server.calls)).toBeGreaterThanOrEqual(1);
  });

  it.each<[string, Partial<CredentialSet>]>([
    ['no moment', { renew: () => Promise.reject(new Error('never')) }],
    ['no way', { renewAt: new Date(0) }],
  ])('with %s to be renewed is left alone', async (_what, changes) => {
    const server = await startLeaseServer();
    const phase = phaseWith(leaseRequest(server.url, null, {}, changes), { script: 'sleep 0.3' });
    await go(phase);
    expect([warnings(phase), server.calls]).toEqual([[], ['login', 'revoke']]);
  });

  it('is no longer renewed once a renewed one says no more', async () => {
    const server = await startLeaseServer();
    const base = leaseRequest(server.url, null, quick);
    const request: CredentialRequest = {
      ...base,
      obtain: async (token, io) => {
        const first = await base.obtain(token, io);
        const last = withoutRenewal(first);
        return {
          ...first,
          renew: async () => ({ ...last, files: [], warnings: [{ what: 'the end shows', where: 'r' }] }),
        };
      },
    };
    const phase = phaseWith(request, { script: 'sleep 0.8' });
    await go(phase);
    expect(phase.events.filter(({ type }) => type === 'credentials_renewed')).toHaveLength(1);
    expect(warnings(phase)).toEqual(['the end shows (r)']);
  });

  it('has its warnings told once each, however often they come', async () => {
    const server = await startLeaseServer();
    const told = [
      { what: 'asked without TLS', mend: 'use https' },
      { what: 'ends soon', where: 'soon' },
    ];
    const base = leaseRequest(server.url, null, quick, { warnings: told });
    const request: CredentialRequest = {
      ...base,
      obtain: async (token, io) => {
        const first = await base.obtain(token, io);
        return { ...first, renew: async (fresh) => ({ ...(await first.renew!(fresh)), warnings: told }) };
      },
    };
    const phase = phaseWith(request, { script: 'sleep 0.8' });
    await go(phase);
    expect(renewals(server.calls)).toBeGreaterThanOrEqual(1);
    expect(warnings(phase)).toEqual(['asked without TLS', 'ends soon']);
    expect(phase.events).toContainEqual({ type: 'warning', text: 'asked without TLS', mend: 'use https' });
  });

  it('that cannot be renewed is tried again until it works', async () => {
    const server = await startLeaseServer();
    server.renew.status = 503;
    server.renew.before = () => {
      if (renewals(server.calls) === 3) server.renew.status = 200;
    };
    const phase = phaseWith(leaseRequest(server.url, null, { lifetimeSeconds: 2, renewAfterSeconds: 0.05 }), {
      script: 'sleep 1.2',
    });
    await go(phase);
    expect(phase.events.map(({ type }) => type)).toContain('credentials_renewed');
    expect(warnings(phase)).toEqual(['the credentials for lease could not be renewed: renew: HTTP 503']);
  });

  it('that has ended without renewal is told, and tried no more', async () => {
    const server = await startLeaseServer();
    server.renew.status = 503;
    const phase = phaseWith(leaseRequest(server.url, 'PROD', { lifetimeSeconds: 0.4, renewAfterSeconds: 0.05 }), {
      script: 'sleep 1.2',
    });
    const counts: number[] = [];
    const timer = setTimeout(() => counts.push(renewals(server.calls)), 800);
    await go(phase);
    clearTimeout(timer);
    expect(warnings(phase)).toEqual([
      'the credentials for lease, tag PROD could not be renewed: renew: HTTP 503',
      'the credentials for lease, tag PROD have expired without renewal',
    ]);
    expect(renewals(server.calls)).toBeGreaterThan(1);
    expect(renewals(server.calls)).toBe(counts[0]);
  });

  it('is not said to have a lasting token, since it needs none', async () => {
    const server = await startLeaseServer();
    const phase = phaseWith(leaseRequest(server.url, null, { renewAfterSeconds: 600 }), {
      run: { tokenLifetimeSeconds: 600 },
    });
    await go(phase);
    expect(warnings(phase)).toEqual([]);
  });

  it('goes on being renewed while an interrupted command finishes its work', async () => {
    const server = await startLeaseServer();
    const phase = phaseWith(leaseRequest(server.url, null, { lifetimeSeconds: 60, renewAfterSeconds: 0.4 }), {
      script: `trap 'sleep 0.8; echo saved; exit 1' INT; echo ready; while :; do sleep 0.02; done`,
    });
    const running = go(phase);
    while (!phase.stdout().includes('ready')) await new Promise((resolve) => setTimeout(resolve, 5));
    phase.press('SIGINT');
    const before = renewals(server.calls);
    await running;
    expect(renewals(server.calls)).toBeGreaterThan(before);
    expect(phase.stdout()).toContain('saved');
    expect(warnings(phase)).toEqual([]);
  });

  it('whose renewal hangs does not hold up the teardown', async () => {
    const server = await startLeaseServer();
    server.renew.hangs = true;
    const phase = phaseWith(leaseRequest(server.url, null, quick));
    const environment = await openPhase(phase.run, phase.io);
    await server.called('renew');
    await environment[Symbol.asyncDispose]();
    expect([server.alive.size, warnings(phase)]).toEqual([0, []]);
  });

  it('that comes with a new token is noted before it is used', async () => {
    const server = await startLeaseServer();
    const base = leaseRequest(server.url, null, quick);
    const seen: number[] = [];
    const request: CredentialRequest = {
      ...base,
      obtain: async (token, io) => {
        const first = await base.obtain(token, io);
        return {
          ...first,
          renew: async () => {
            const next = await base.obtain(token, io);
            const last = withoutRenewal(next);
            const { diskDirectory } = (await readOwner(join(io.directory, '../..')))!;
            let looks = 0;
            const file = {
              name: 'lease',
              get contents() {
                looks += 1;
                // The first look is for the redaction list, the second one for the file.
                if (looks === 2)
                  seen.push(
                    readdirSync(join(diskDirectory, '.hallpass')).filter((name) => name.endsWith('.revocation')).length,
                  );
                return next.files[0]!.contents;
              },
            };
            return { ...last, files: [file] };
          },
        };
      },
    };
    const phase = phaseWith(request, { script: 'sleep 0.4' });
    await go(phase);
    expect(seen).toEqual([2]);
    expect(server.alive.size).toBe(0);
  });
});
