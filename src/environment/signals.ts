/** The signals that end a phase; the terminal's closing counts as a request to stop. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Where signals come from: the process, or a test. */
export interface SignalSource {
  /** Calls the listener for each signal until the returned function is called. */
  listen(listener: (signal: StopSignal) => void): () => void;
}

const stopSignals: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The signals of this process. While somebody listens they do not end it. */
export function processSignals(source: NodeJS.EventEmitter): SignalSource {
  return {
    listen(listener) {
      const handlers = stopSignals.map((signal) => [signal, () => listener(signal)] as const);
      for (const [signal, handler] of handlers) source.on(signal, handler);
      return () => {
        for (const [signal, handler] of handlers) source.off(signal, handler);
      };
    },
  };
}

/** A terminal and npm pass on the same key press, milliseconds apart: that is one wish, not two. */
const samePressMilliseconds = 500;

/**
 * Tells key presses from their echoes: gives a signal back when it is a new wish, null when it repeats the last one.
 * Two interrupts make Terraform exit without saving its state, so an echo must not count.
 *
 * @param milliseconds a clock that only goes forward
 */
export function pressCounter(milliseconds: () => number): (signal: StopSignal) => StopSignal | null {
  let last = Number.NEGATIVE_INFINITY;
  return (signal) => {
    const at = milliseconds();
    if (at - last < samePressMilliseconds) return null;
    last = at;
    return signal;
  };
}

/** What the child gets: Terraform stops in order on INT and TERM, and dies of HUP. */
export function forwarded(signal: StopSignal): 'SIGINT' | 'SIGTERM' {
  return signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM';
}
