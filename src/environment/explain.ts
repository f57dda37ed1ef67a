import { setTimeout as sleep } from 'node:timers/promises';
import { exchangeRefused } from '../audit/event-members.ts';
import { ExchangeRefused, type Refusal } from '../domain/credential.ts';
import type { IdentityToken } from '../domain/token.ts';
import { platformIo } from './install.ts';
import { warn, type Installed, type OpenEnvironment } from './open-environment.ts';
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
  await Promise.all(refusals.map((refusal) => record(environment, refusal, tokenOf(environment, refusal))));
  return refusals;
}

/** Tells and records the refusal behind an error, if there is one: before a command, nobody tries the exchange again. */
export async function tellRefusal(environment: OpenEnvironment, error: unknown, token: IdentityToken): Promise<void> {
  if (!(error instanceof ExchangeRefused)) return;
  environment.run.report({ type: 'refused', refusal: error.refusal });
  await record(environment, error.refusal, token);
}

function tokenOf({ installed }: OpenEnvironment, { platform, tag }: Refusal): IdentityToken | undefined {
  return installed.find((one) => one.platform === platform && one.tag === tag)?.token;
}

async function tryOnce(environment: OpenEnvironment, installed: Installed, stop: AbortSignal): Promise<Refusal | null> {
  try {
    const { request, token } = installed;
    return (await request.explain?.(token, platformIo(environment, request, stop))) ?? null;
  } catch {
    return null;
  }
}

async function record(environment: OpenEnvironment, refusal: Refusal, token: IdentityToken | undefined): Promise<void> {
  const { lease, audit } = environment.run;
  try {
    await audit.append(exchangeRefused(refusal, lease, token));
  } catch (error) {
    warn(environment, { what: `the refusal was not recorded: ${(error as Error).message}` });
  }
}
