import { performance } from 'node:perf_hooks';
import { AppError } from '../domain/errors.ts';
import type { PhaseEvent } from './phase.ts';
import { signalExitCode, type RunningProgram } from './process.ts';
import { forwarded, pressCounter, type SignalSource, type StopSignal } from './signals.ts';

/** Somebody stopped the phase before its command ran. What was made has been taken down. */
export class PhaseInterrupted extends AppError {
  readonly signal: StopSignal;
  /** 128 and the signal's number, as a shell says it. */
  readonly exitCode: number;

  constructor(signal: StopSignal) {
    super('interrupted', { what: `interrupted by ${signal}; the command was not started` });
    this.signal = signal;
    this.exitCode = signalExitCode(signal);
  }
}

/** What signals do in a phase: before a command they end it, with the command they are passed on, after it they wait. */
export interface PhaseSignals {
  /** Ends all waiting once somebody wants to stop; its reason is a {@link PhaseInterrupted}. */
  readonly stopped: AbortSignal;
  /** Whether this phase's commands have been asked to stop. */
  readonly wasForwarded: () => boolean;
  /** @throws {PhaseInterrupted} when somebody has asked to stop before: no further command starts then */
  readonly starting: () => void;
  /** Passes signals on to a program, one that came while it was being started too, until the returned function is called. */
  readonly forwardTo: (program: Pick<RunningProgram, 'signal'>) => () => void;
  readonly close: () => void;
}

/**
 * Listens to signals for one phase.
 *
 * @param onLate called when somebody presses after the command has ended: stop waiting for slow readers
 */
export function watchSignals(
  source: SignalSource,
  report: (event: PhaseEvent) => void,
  onLate: () => void,
): PhaseSignals {
  const stopping = new AbortController();
  const press = pressCounter(() => performance.now());
  let program: Pick<RunningProgram, 'signal'> | null = null;
  let hasEnded = false;
  let hasForwarded = false;
  const forward = (signal: StopSignal): void => {
    hasForwarded = true;
    program?.signal(forwarded(signal));
    report({ type: 'signal_forwarded', signal: forwarded(signal) });
  };
  const close = source.listen((signal) => {
    if (press(signal) === null) return;
    if (!stopping.signal.aborted) stopping.abort(new PhaseInterrupted(signal));
    if (program !== null) forward(signal);
    else if (hasEnded) onLate();
  });
  return {
    stopped: stopping.signal,
    wasForwarded: () => hasForwarded,
    starting: () => {
      stopping.signal.throwIfAborted();
      hasEnded = false;
    },
    forwardTo: (running) => {
      program = running;
      if (stopping.signal.aborted) forward((stopping.signal.reason as PhaseInterrupted).signal);
      return () => {
        program = null;
        hasEnded = true;
      };
    },
    close,
  };
}
