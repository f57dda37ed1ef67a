import { setTimeout as sleep } from 'node:timers/promises';
import { exchangeRefused } from '../audit/event-members.ts';
import type { Refusal } from '../domain/credential.ts';
import { platformIo, warn, type Installed, type OpenEnvironment } from './open.ts';
import type { PhaseSignals } from './phase-signals.ts';

/** For all configurations together: whoever waits wants the error, not the explanation. */
const explainMilliseconds = 3000;

/**
 * Tries each configuration's exchange once after a failure, to say why the platform refuses: the command's own message
 * seldom does. Nothing is said of platforms that accept, or that cannot be reached in time.
 */
export async function explainFailure(
  environment: OpenEnvironment,
  signals: PhaseSignals,
  exitCode: number,
): Promise<readonly Refusal[]> {
  const { explain, report } = environment.run;
  const wanted = exitCode !== 0 && (typeof explain === 'function' ? explain(exitCode) : explain);
  if (!wanted || environment.installed.length === 0) return [];
  const over = new AbortController();
  const stop = AbortSignal.any([signals.stopped, over.signal]);
  const tries = environment.installed.map((installed) => tryOnce(environment, installed, stop));
  const timer = sleep(explainMilliseconds, null, { signal: stop }).catch(() => null);
  const answers = await Promise.all(tries.map((answer) => Promise.race([answer, timer])));
  over.abort();
  const refusals = answers.filter((answer) => answer !== null);
  for (const refusal of refusals) report({ type: 'refused', refusal });
  await Promise.all(refusals.map((refusal) => record(environment, refusal)));
  return refusals;
}

async function tryOnce(environment: OpenEnvironment, installed: Installed, stop: AbortSignal): Promise<Refusal | null> {
  try {
    const { request, token } = installed;
    return (await request.explain?.(token, platformIo(environment, request, stop))) ?? null;
  } catch {
    return null;
  }
}

async function record(environment: OpenEnvironment, refusal: Refusal): Promise<void> {
  const { lease, audit } = environment.run;
  const token = environment.installed.find(
    ({ platform, tag }) => platform === refusal.platform && tag === refusal.tag,
  )?.token;
  try {
    await audit.append(exchangeRefused(refusal, lease, token));
  } catch (error) {
    warn(environment, { what: `the refusal was not recorded: ${(error as Error).message}` });
  }
}
