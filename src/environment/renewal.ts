import { performance } from 'node:perf_hooks';
import { addSetSecrets, warnOfSet, writeFiles } from './install.ts';
import { warn, type Installed, type OpenEnvironment, type Renewal } from './open-environment.ts';
import { formatDuration } from '../domain/duration.ts';
import type { CredentialRequest } from '../domain/credential.ts';
import type { IdentityToken } from '../domain/token.ts';
import { orStopped } from './stoppable.ts';

/** A token is renewed when this part of its lifetime is over. */
const renewAt = 0.8;
/** How often the wall clock is looked at: a suspended machine's timers stand still, its tokens do not. */
const lookMilliseconds = 15_000;
const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 30_000;
/** A lease that cannot be made longer than this is not asked for over and over. */
const leastMilliseconds = 250;
/** One try. What comes after it is not used. */
const tryMilliseconds = 60_000;

type Mint = (request: CredentialRequest) => Promise<IdentityToken>;

/** Starts to renew every configuration that can be; says of the others that their tokens live as long as the phase. */
export function startRenewal(environment: OpenEnvironment, mint: Mint): Renewal | null {
  if (environment.run.tokenLifetimeSeconds !== null) warnOfLasting(environment);
  const renewed = environment.installed.filter((one) => dueAt(environment, one) !== null);
  if (renewed.length === 0) return null;
  const stop = new AbortController();
  const loops = renewed.map((one) => keepFresh(environment, one, mint, stop.signal));
  return {
    stop: async () => {
      stop.abort(new Error('the phase is over'));
      await Promise.allSettled(loops);
    },
  };
}

function warnOfLasting(environment: OpenEnvironment): void {
  for (const one of environment.installed) {
    // Kept alive without the token, or given a new one whenever it asks.
    const needsNoToken = one.set.renewAt !== undefined || environment.tokenEndpoints.has(one.request);
    if (needsNoToken || dueAt(environment, one) !== null) continue;
    warn(environment, {
      what: `the token for ${nameOf(one)} is not short-lived: ${one.platform} reads it once, so it has to last for the phase`,
    });
  }
}

async function keepFresh(environment: OpenEnvironment, one: Installed, mint: Mint, stop: AbortSignal): Promise<void> {
  for (;;) {
    const due = dueAt(environment, one);
    if (due === null) return;
    await waitUntil(due, environment.io.now, stop);
    if (stop.aborted || !(await renewWithRetries(environment, one, mint, stop))) return;
    await waitUntil(environment.io.now().getTime() + leastMilliseconds, environment.io.now, stop);
  }
}

/** Milliseconds of the wall clock; null when this set is not renewed. */
function dueAt(environment: OpenEnvironment, { set, token, request }: Installed): number | null {
  if (set.renew === undefined) return null;
  if (set.renewAt !== undefined) return set.renewAt.getTime();
  const { tokenLifetimeSeconds } = environment.run;
  if (tokenLifetimeSeconds === null || !request.rereadsToken) return null;
  return token.expiresAt.getTime() - tokenLifetimeSeconds * 1000 * (1 - renewAt);
}

/** What is being renewed, in words, and until when the present one is good. */
interface Present {
  readonly what: string;
  readonly expiresAt: Date | null;
  readonly note: string;
  /** Once it has ended, nothing brings it back. */
  readonly endsForGood: boolean;
  readonly lifetimeMilliseconds: number;
}

function presentOf(environment: OpenEnvironment, one: Installed): Present {
  const { set, token } = one;
  if (set.renewAt === undefined) {
    const lifetime = environment.run.tokenLifetimeSeconds!;
    const note = ` (token_lifetime ${formatDuration(lifetime)})`;
    const what = `the token for ${nameOf(one)}`;
    const expiresAt = token.expiresAt;
    return { what, expiresAt, note, endsForGood: false, lifetimeMilliseconds: lifetime * 1000 };
  }
  const left = set.expiresAt === null ? Infinity : set.expiresAt.getTime() - set.renewAt.getTime();
  return {
    what: `the credentials for ${nameOf(one)}`,
    expiresAt: set.expiresAt,
    note: '',
    endsForGood: true,
    lifetimeMilliseconds: left,
  };
}

/** Tries until it is done; says whether it was. */
async function renewWithRetries(
  environment: OpenEnvironment,
  one: Installed,
  mint: Mint,
  stop: AbortSignal,
): Promise<boolean> {
  const { now } = environment.io;
  const { what, expiresAt, note, endsForGood, lifetimeMilliseconds } = presentOf(environment, one);
  let isExpiredTold = false;
  for (
    let pause = Math.min(firstPauseMilliseconds, lifetimeMilliseconds / 20);
    !stop.aborted;
    pause = Math.min(pause * 2, longestPauseMilliseconds)
  ) {
    try {
      await renewOnce(environment, one, mint, stop);
      return !stop.aborted;
    } catch (error) {
      if (stop.aborted) return false;
      const until =
        expiresAt === null
          ? ''
          : `; the present ${endsForGood ? 'ones are' : 'one is'} good until ${expiresAt.toISOString()}`;
      warn(environment, {
        what: `${what} could not be renewed: ${(error as Error).message}`,
        mend: `it is tried again${until}`,
      });
    }
    if (expiresAt !== null && now() >= expiresAt) {
      if (!isExpiredTold)
        warn(environment, { what: `${what} ${endsForGood ? 'have' : 'has'} expired without renewal${note}` });
      isExpiredTold = true;
      if (endsForGood) return false;
    }
    const next = now().getTime() + Math.max(pause, 1);
    await waitUntil(endsForGood && expiresAt !== null ? Math.min(next, expiresAt.getTime()) : next, now, stop);
  }
  return false;
}

async function renewOnce(environment: OpenEnvironment, one: Installed, mint: Mint, stop: AbortSignal): Promise<void> {
  let fresh: IdentityToken | null = null;
  const work = one.set.renew!(async () => (fresh = await mint(one.request)));
  const set = await withinTime(environment, one.request, work, stop);
  addSetSecrets(environment, one.request, set);
  await environment.revocations.note(one.request, set);
  await writeFiles(one.directory, set);
  one.set = {
    ...set,
    files: [...set.files, ...one.set.files.filter((file) => !set.files.some((other) => other.name === file.name))],
  };
  if (fresh !== null) one.token = fresh;
  environment.run.report({
    type: 'credentials_renewed',
    platform: one.platform,
    tag: one.tag,
    expiresAt: set.expiresAt,
  });
  warnOfSet(environment, set);
}

/** The phase may end meanwhile: then nothing is written any more, and what arrives is ended. */
async function withinTime<T extends Parameters<OpenEnvironment['revocations']['late']>[1]>(
  environment: OpenEnvironment,
  request: CredentialRequest,
  work: Promise<T>,
  stop: AbortSignal,
): Promise<T> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(new Error('there was no answer in time')), tryMilliseconds);
  timer.unref();
  try {
    return await orStopped(AbortSignal.any([stop, over.signal]), work);
  } catch (error) {
    work.then((set) => environment.revocations.late(request, set)).catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for a moment of the wall clock, looking at it now and then: it may jump while the machine sleeps. */
export async function waitUntil(
  moment: number,
  now: () => Date,
  stop: AbortSignal,
  everyMilliseconds = lookMilliseconds,
): Promise<void> {
  const monotonicEnd = performance.now() + (moment - now().getTime());
  while (!stop.aborted && performance.now() < monotonicEnd && now().getTime() < moment) {
    const left = Math.min(monotonicEnd - performance.now(), moment - now().getTime());
    await idle(Math.min(Math.max(left, 1), everyMilliseconds), stop);
  }
}

/** Does not keep the process alive: that is the command's part. */
function idle(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    timer.unref();
    stop.addEventListener('abort', done);
  });
}

function nameOf({ platform, tag }: Installed): string {
  return tag === null ? platform : `${platform}, tag ${tag}`;
}
