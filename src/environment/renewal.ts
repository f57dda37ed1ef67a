import { performance } from 'node:perf_hooks';
import { addSetSecrets, warn, writeFiles, type Installed, type OpenEnvironment, type Renewal } from './open.ts';
import { formatDuration } from '../domain/duration.ts';
import type { CredentialRequest } from '../domain/credential.ts';
import type { IdentityToken } from '../domain/token.ts';

/** A token is renewed when this part of its lifetime is over. */
const renewAt = 0.8;
/** How often the wall clock is looked at: a suspended machine's timers stand still, its tokens do not. */
const lookMilliseconds = 15_000;
const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 30_000;

/** Starts to renew every configuration that can be; says of the others that their tokens live as long as the phase. */
export function startRenewal(
  environment: OpenEnvironment,
  mint: (request: CredentialRequest) => Promise<IdentityToken>,
): Renewal | null {
  const { tokenLifetimeSeconds } = environment.run;
  if (tokenLifetimeSeconds === null) return null;
  const [renewed, lasting] = partition(
    environment.installed,
    (one) => one.request.rereadsToken && one.set.renew !== undefined,
  );
  for (const one of lasting) {
    warn(environment, {
      what: `the token for ${nameOf(one)} is not short-lived: ${one.platform} reads it once, so it has to last for the phase`,
    });
  }
  const stop = new AbortController();
  const loops = renewed.map((one) => keepFresh(environment, one, mint, stop.signal));
  return {
    stop: async () => {
      stop.abort();
      await Promise.allSettled(loops);
    },
  };
}

async function keepFresh(
  environment: OpenEnvironment,
  one: Installed,
  mint: (request: CredentialRequest) => Promise<IdentityToken>,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    await waitUntil(dueAt(environment, one), environment.io.now, stop);
    if (stop.aborted) return;
    await renewWithRetries(environment, one, mint, stop);
  }
}

/** Milliseconds of the wall clock. */
function dueAt(environment: OpenEnvironment, { token }: Installed): number {
  const lifetime = environment.run.tokenLifetimeSeconds! * 1000;
  return token.expiresAt.getTime() - lifetime * (1 - renewAt);
}

async function renewWithRetries(
  environment: OpenEnvironment,
  one: Installed,
  mint: (request: CredentialRequest) => Promise<IdentityToken>,
  stop: AbortSignal,
): Promise<void> {
  const { now } = environment.io;
  const expiry = one.token.expiresAt;
  const short = (environment.run.tokenLifetimeSeconds! * 1000) / 20;
  let isExpiredTold = false;
  for (
    let pause = Math.min(firstPauseMilliseconds, short);
    !stop.aborted;
    pause = Math.min(pause * 2, longestPauseMilliseconds)
  ) {
    try {
      await renewOnce(environment, one, mint, stop);
      return;
    } catch (error) {
      warn(environment, {
        what: `the token for ${nameOf(one)} could not be renewed: ${(error as Error).message}`,
        mend: `it is tried again; the present one is good until ${expiry.toISOString()}`,
      });
    }
    if (now() >= expiry && !isExpiredTold) {
      isExpiredTold = true;
      const lifetime = formatDuration(environment.run.tokenLifetimeSeconds!);
      warn(environment, {
        what: `the token for ${nameOf(one)} has expired without renewal (token_lifetime ${lifetime})`,
      });
    }
    await waitUntil(now().getTime() + pause, now, stop);
  }
}

async function renewOnce(
  environment: OpenEnvironment,
  one: Installed,
  mint: (request: CredentialRequest) => Promise<IdentityToken>,
  stop: AbortSignal,
): Promise<void> {
  let fresh: IdentityToken | null = null;
  const set = await one.set.renew!(async () => (fresh = await mint(one.request)));
  // The phase may have ended meanwhile: nothing is written into a directory that is being removed.
  if (stop.aborted) return;
  addSetSecrets(environment, one.request, set);
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

function partition<T>(all: readonly T[], belongs: (one: T) => boolean): [T[], T[]] {
  return [all.filter(belongs), all.filter((one) => !belongs(one))];
}
