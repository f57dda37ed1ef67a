import type { CredentialRequest, CredentialSet } from '../domain/credential.ts';
import { revealed } from '../domain/secret.ts';
import type { IdentityToken } from '../domain/token.ts';
import { tellRefusal } from './explain.ts';
import { obtainSet } from './obtain.ts';
import { install, installTogether } from './install.ts';
import { openEnvironment } from './open.ts';
import { warn, type OpenEnvironment } from './open-environment.ts';
import type { PhaseEnvironment, PhaseIo, PhaseOutcome, PhaseRun } from './phase.ts';
import { PhaseInterrupted, watchSignals, type PhaseSignals } from './phase-signals.ts';
import { startRenewal } from './renewal.ts';
import { orStopped } from './stoppable.ts';
import { runCommand } from './run-command.ts';
import { tearDown } from './teardown.ts';
import { findCommand } from './find-command.ts';
import { privateDirectoryFailure } from './private-directory-failure.ts';

/**
 * Runs one command as one phase of a workload: private directory, tokens, credentials, command, teardown.
 *
 * @returns what became of the command; an exit code of 126 or 127 when it cannot run, for which no token is made, and
 *   128 and the signal's number when somebody stopped it
 * @throws {AppError} when a setting is wrong, a token is not given, or the private directory cannot be made
 * @see docs/architecture.md, one phase from start to end
 */
export async function runPhase(run: PhaseRun, io: PhaseIo): Promise<PhaseOutcome> {
  const missing = await cannotRun(run);
  if (missing !== null) return missing;
  try {
    await using environment = await openPhase(run, io);
    return await environment.run(run.command);
  } catch (error) {
    if (error instanceof PhaseInterrupted) return stopped(error);
    throw error;
  }
}

/**
 * Opens the environment of a phase with all its credentials in place, for callers that run several commands in it.
 *
 * @throws {PhaseInterrupted} when somebody stops it meanwhile; everything has been taken down then, as on any error
 */
export async function openPhase(run: PhaseRun, io: PhaseIo): Promise<PhaseEnvironment> {
  let environment: OpenEnvironment | null = null;
  const signals = watchSignals(io.signals, run.report, () => environment?.output.abandon());
  try {
    environment = await openEnvironment(run, io);
    await obtainAll(environment, signals);
    return phaseEnvironment(environment, signals);
  } catch (error) {
    await (environment === null ? signals.close() : tearDown(environment, signals));
    throw privateDirectoryFailure(error, environment?.directory ?? run.settings.runDirectory ?? '/dev/shm, /tmp');
  }
}

/** Looks for the program before anything is made for it. */
async function cannotRun(run: PhaseRun): Promise<PhaseOutcome | null> {
  const { settings, variables, command, report } = run;
  const path = variables.get('PATH') ?? settings.parentEnvironment['PATH'];
  const found = await findCommand(command, {
    path: path === undefined ? undefined : revealed(path),
    workingDirectory: settings.workingDirectory,
  });
  if (found.path !== null) return null;
  const { what, where, mend } = found.problem;
  report({ type: 'warning', text: where === undefined ? what : `${what}: ${where}`, ...(mend ? { mend } : {}) });
  return { exitCode: found.exitCode, signal: null, refusals: [], directory: '' };
}

async function obtainAll(environment: OpenEnvironment, signals: PhaseSignals): Promise<void> {
  const { requests } = environment.run;
  signals.stopped.throwIfAborted();
  await orStopped(
    signals.stopped,
    everySettled(
      requests.map(async (request) => {
        const token = await mint(environment, request); // audited, then released
        await openEndpoint(environment, request);
        const set = await obtain(environment, request, token, signals);
        await install(environment, request, token, set);
      }),
    ),
  );
  await installTogether(environment);
  environment.renewal = startRenewal(environment, (request) => mint(environment, request));
}

async function obtain(
  environment: OpenEnvironment,
  request: CredentialRequest,
  token: IdentityToken,
  signals: PhaseSignals,
): Promise<CredentialSet> {
  try {
    return await obtainSet(environment, request, token, signals.stopped);
  } catch (error) {
    await tellRefusal(environment, error, token);
    throw error;
  }
}

/** Environment variables are read for the default configuration only, so no other has an address to fetch from. */
async function openEndpoint(environment: OpenEnvironment, request: CredentialRequest): Promise<void> {
  const { run } = environment;
  if (run.tokenEndpoint !== true || request.fetchesTokens !== true || request.tag !== null) return;
  // Loaded only now: nobody else needs an HTTP server.
  const { openTokenEndpoint } = await import('./token-endpoint.ts');
  const lifetimeSeconds = run.tokenLifetimeSeconds ?? fetchedTokenSeconds;
  const endpoint = await openTokenEndpoint({
    request,
    lease: run.lease,
    audit: run.audit,
    mint: () => mint(environment, request, lifetimeSeconds),
    warn: (problem) => warn(environment, problem),
  });
  if (environment.isClosing) return endpoint.close();
  environment.tokenEndpoints.set(request, endpoint);
  environment.secrets.add(endpoint.bearer.reveal());
}

const lenientMilliseconds = 10 * 60 * 1000;

/** Such a token is used at once, and the next one is a call away. */
const fetchedTokenSeconds = 600;

async function mint(
  environment: OpenEnvironment,
  request: CredentialRequest,
  lifetimeSeconds = request.rereadsToken ? environment.run.tokenLifetimeSeconds : null,
): Promise<IdentityToken> {
  const { tokens, lease, report } = environment.run;
  const { platform, tag, offered, audience } = request;
  const token = await tokens.mint({
    lease,
    audience,
    purpose: { platform, tag, offered },
    ...(lifetimeSeconds === null ? {} : { lifetimeSeconds }),
  });
  environment.secrets.forgetEnded(environment.io.now());
  // A platform whose clock is behind takes it a little longer.
  environment.secrets.add(token.compact.reveal(), new Date(token.expiresAt.getTime() + lenientMilliseconds));
  const { compact: _, ...shown } = token;
  report({ type: 'token_minted', token: shown, request });
  return token;
}

function phaseEnvironment(environment: OpenEnvironment, signals: PhaseSignals): PhaseEnvironment {
  return {
    directory: environment.directory,
    run: async (command) => {
      try {
        return await runCommand(environment, signals, command);
      } catch (error) {
        throw privateDirectoryFailure(error, environment.directory);
      }
    },
    [Symbol.asyncDispose]: () => tearDown(environment, signals),
  };
}

/** Waits for all, then throws the first error: what arrives late must still be installed, to be taken down. */
async function everySettled(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

function stopped(error: PhaseInterrupted): PhaseOutcome {
  return { exitCode: error.exitCode, signal: error.signal, refusals: [], directory: '' };
}
