import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { awsDefault, testPhase } from '../../test/support/phase.ts';
import { waitUntil } from './renewal.ts';
import { openPhase, runPhase } from './run-phase.ts';

/** Prints the token's SHA-256 for every new token that it sees in its file. */
const watching = `last=; i=0; while [ $i -lt 26 ]; do i=$((i+1)); now=$(sha256sum < "$AWS_WEB_IDENTITY_TOKEN_FILE"); test "$now" = "$last" || echo new; last=$now; sleep 0.05; done`;

describe('a short token', () => {
  it('is renewed in its file at 80 % of its lifetime, again and again', async () => {
    const phase = testPhase({ tfc: awsDefault, script: watching, run: { tokenLifetimeSeconds: 0.4 } });
    expect(await runPhase(phase.run, phase.io)).toMatchObject({ exitCode: 0 });
    const seen = phase.stdout().match(/new/g)!.length;
    expect(seen).toBeGreaterThanOrEqual(3);
    expect(phase.minted.length).toBeGreaterThanOrEqual(seen);
    expect(phase.minted.every(({ lifetimeSeconds }) => lifetimeSeconds === 0.4)).toBe(true);
    expect(phase.events.filter(({ type }) => type === 'credentials_renewed').length).toBeGreaterThanOrEqual(2);
    expect(readdirSync(phase.run.settings.runDirectory!)).toEqual([]);
  });

  it('is hidden in output once it is renewed, as the first was', async () => {
    const script = 'echo ready; sleep 0.6; cat "$AWS_WEB_IDENTITY_TOKEN_FILE"';
    const phase = testPhase({ tfc: awsDefault, script, run: { tokenLifetimeSeconds: 0.4 } });
    await runPhase(phase.run, phase.io);
    expect(phase.minted.length).toBeGreaterThan(1);
    expect(phase.stdout()).toBe('ready\n[redacted]');
  });

  it('is tried again when renewal fails, with one warning', async () => {
    let calls = 0;
    const phase = testPhase({
      tfc: awsDefault,
      script: watching,
      run: { tokenLifetimeSeconds: 0.4 },
      mint: async () => {
        calls += 1;
        if (calls === 2 || calls === 3) throw new Error('the issuer sleeps');
      },
    });
    await runPhase(phase.run, phase.io);
    expect(phase.stdout().match(/new/g)!.length).toBeGreaterThanOrEqual(2);
    const warnings = phase.events.filter((event) => event.type === 'warning');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ text: 'the token for aws could not be renewed: the issuer sleeps' });
  });

  it('that has expired without renewal is said once, and still tried', async () => {
    let calls = 0;
    const phase = testPhase({
      tfc: awsDefault,
      script: 'sleep 0.9',
      run: { tokenLifetimeSeconds: 0.4 },
      mint: async () => {
        calls += 1;
        if (calls > 1) throw new Error('the issuer sleeps');
      },
    });
    await runPhase(phase.run, phase.io);
    expect(phase.events.filter((event) => event.type === 'warning').map(({ text }) => text)).toEqual([
      'the token for aws could not be renewed: the issuer sleeps',
      'the token for aws has expired without renewal (token_lifetime 0s)',
    ]);
    expect(calls).toBeGreaterThan(3);
  });

  it('is not given where it would be read only once, with a warning', async () => {
    const phase = testPhase({ tfc: { TFC_WORKLOAD_IDENTITY_AUDIENCE: 'a' }, run: { tokenLifetimeSeconds: 0.4 } });
    await runPhase(phase.run, phase.io);
    expect(phase.minted).toHaveLength(1);
    expect(phase.minted[0]).not.toHaveProperty('lifetimeSeconds');
    expect(phase.events).toContainEqual({
      type: 'warning',
      text: 'the token for manual is not short-lived: manual reads it once, so it has to last for the phase',
    });
  });

  it('is no longer renewed when the phase has ended', async () => {
    const phase = testPhase({ tfc: awsDefault, run: { tokenLifetimeSeconds: 0.4 } });
    const environment = await openPhase(phase.run, phase.io);
    await environment[Symbol.asyncDispose]();
    const after = phase.minted.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(phase.minted).toHaveLength(after);
  });
});

describe('a long token', () => {
  it('is left as it is', async () => {
    const phase = testPhase({ tfc: awsDefault, script: 'sleep 0.3' });
    await runPhase(phase.run, phase.io);
    expect(phase.minted).toHaveLength(1);
    expect(phase.minted[0]).not.toHaveProperty('lifetimeSeconds');
  });
});

describe('waiting for a moment', () => {
  const never = new AbortController().signal;

  it('ends when the wall clock has jumped past it: the machine has slept', async () => {
    let ahead = 0;
    const now = (): Date => new Date(Date.now() + ahead);
    const waiting = waitUntil(Date.now() + 3_600_000, now, never, 20);
    ahead = 3_700_000;
    await waiting;
    expect(now().getTime()).toBeGreaterThan(Date.now() + 3_600_000);
  });

  it('ends in time although the wall clock was set back', async () => {
    let ahead = 0;
    const start = performance.now();
    const waiting = waitUntil(Date.now() + 200, () => new Date(Date.now() + ahead), never, 20);
    ahead = -3_600_000;
    await waiting;
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    const waiting = waitUntil(Date.now() + 3_600_000, () => new Date(), stop.signal);
    stop.abort();
    await waiting;
    expect(stop.signal.aborted).toBe(true);
  });
});
