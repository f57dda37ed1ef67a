import type { CredentialRequest, CredentialSet, PlatformIo } from '../domain/credential.ts';
import { AppError } from '../domain/errors.ts';
import type { IdentityToken } from '../domain/token.ts';
import { platformIo } from './install.ts';
import type { OpenEnvironment } from './open-environment.ts';

/** How long an exchange may take. */
export interface ExchangeLimits {
  /** From then on the user is told what is waited for. */
  readonly tellMilliseconds: number;
  /** Beyond the platform's own limits, which give the better errors: this one ends whatever does not end by itself. */
  readonly giveUpMilliseconds: number;
  /** Once somebody wants to stop, an answer on its way may still come: what it brings can be ended then. */
  readonly graceMilliseconds: number;
}

const usualLimits: ExchangeLimits = { tellMilliseconds: 3000, giveUpMilliseconds: 60_000, graceMilliseconds: 500 };

const ownLimitSlackSeconds = 5;

/**
 * Obtains one configuration's credentials, within limits. What arrives after them is ended at the platform at once.
 *
 * @param stopped when somebody wants to stop: no call begins any more, and those under way end soon after
 * @throws {AppError} `exchange_failed` when the platform has not answered in time; else what the platform throws
 */
export async function obtainSet(
  environment: OpenEnvironment,
  request: CredentialRequest,
  token: IdentityToken,
  stopped: AbortSignal,
  limits: ExchangeLimits = usualLimits,
): Promise<CredentialSet> {
  const calls = watchedCalls(environment, request, stopped);
  const timers: NodeJS.Timeout[] = [];
  const after = (milliseconds: number, act: () => void): void => void timers.push(setTimeout(act, milliseconds));
  const late = Promise.withResolvers<never>();
  const { platform, tag } = request;
  after(limits.tellMilliseconds, () =>
    environment.run.report({ type: 'exchange_waiting', platform, tag, address: calls.address() }),
  );
  // A platform that has a limit of its own says more than we can.
  const giveUp = Math.max(
    limits.giveUpMilliseconds,
    request.obtainSeconds === undefined ? 0 : (request.obtainSeconds + ownLimitSlackSeconds) * 1000,
  );
  after(giveUp, () => late.reject(tooSlow(request, giveUp, calls.address())));
  const onStop = (): void => {
    timers.splice(0).forEach((timer) => clearTimeout(timer));
    after(limits.graceMilliseconds, () => calls.end(stopped.reason));
  };
  if (stopped.aborted) onStop();
  stopped.addEventListener('abort', onStop);
  const work = request.obtain(token, calls.io);
  void tracked(environment, work);
  try {
    return await Promise.race([work, late.promise]);
  } catch (error) {
    calls.end(error);
    work.then((set) => environment.revocations.late(request, set)).catch(() => undefined);
    throw ofTag(request, error);
  } finally {
    for (const timer of timers) clearTimeout(timer);
    stopped.removeEventListener('abort', onStop);
    calls.settle();
  }
}

/** Teardown waits a moment for what is under way. */
async function tracked(environment: OpenEnvironment, work: Promise<CredentialSet>): Promise<void> {
  environment.obtaining.add(work);
  await work.catch(() => undefined);
  environment.obtaining.delete(work);
}

interface WatchedCalls {
  readonly io: PlatformIo;
  /** Origin of the address that was asked last. */
  readonly address: () => string | null;
  /** Ends the calls under way. */
  readonly end: (reason: unknown) => void;
  /** The exchange is over: what the set calls later, to be renewed, ends with the phase only. */
  readonly settle: () => void;
}

function watchedCalls(environment: OpenEnvironment, request: CredentialRequest, stopped: AbortSignal): WatchedCalls {
  const ending = new AbortController();
  const io = platformIo(environment, request, AbortSignal.any([ending.signal, environment.closing.signal]));
  let isObtaining = true;
  // Calls with a certificate authority of their own do not come by here.
  let address = request.offered === null ? null : originOf(request.offered);
  return {
    io: {
      ...io,
      fetch: async (input, init) => {
        if (isObtaining) stopped.throwIfAborted();
        address = originOf(input);
        return io.fetch(input, init);
      },
    },
    address: () => address,
    end: (reason) => ending.abort(reason),
    settle: () => (isObtaining = false),
  };
}

function originOf(input: Parameters<typeof fetch>[0]): string | null {
  try {
    // Asking whether it is a Request would load all that Node has for fetching.
    const { origin } = new URL(typeof input === 'object' && 'url' in input ? input.url : input);
    return origin === 'null' ? null : origin;
  } catch {
    return null;
  }
}

/** Platforms name variables without a tag: what failed of several configurations must be told beside them. */
function ofTag({ platform, tag }: CredentialRequest, error: unknown): unknown {
  if (tag === null || !(error instanceof AppError) || error.code !== 'exchange_failed') return error;
  const { where, ...problem } = error.problem;
  const place = `${platform}, tag ${tag}`;
  return new AppError(
    error.code,
    { ...problem, where: where === undefined ? place : `${place}: ${where}` },
    { cause: error },
  );
}

function tooSlow({ platform }: CredentialRequest, giveUp: number, address: string | null): AppError {
  return new AppError('exchange_failed', {
    what: `${platform} did not give credentials within ${giveUp / 1000} s`,
    ...(address === null ? {} : { where: address }),
    mend: 'see whether it can be reached from here, and try again',
  });
}
