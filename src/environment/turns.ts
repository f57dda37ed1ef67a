import { performance } from 'node:perf_hooks';

/** How often something may happen. */
export interface TurnLimits {
  /** So many at once, after a pause. */
  readonly atOnce: number;
  readonly perSecond: number;
  readonly mostWaiting: number;
}

/** Gives turns at a steady rate, in the order of asking; whoever finds too many waiting gets none. */
export class Turns {
  readonly #limits: TurnLimits;
  readonly #milliseconds: () => number;
  /** Moment of that clock from which the next turn is free. */
  #nextAt = Number.NEGATIVE_INFINITY;
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  /** @param milliseconds a clock that only goes forward */
  constructor(limits: TurnLimits, milliseconds = () => performance.now()) {
    this.#limits = limits;
    this.#milliseconds = milliseconds;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Waits for a turn. */
  async take(): Promise<'turn' | 'full' | 'closed'> {
    if (this.#isClosed) return 'closed';
    const { atOnce, perSecond, mostWaiting } = this.#limits;
    const interval = 1000 / perSecond;
    const now = this.#milliseconds();
    // A turn that nobody has taken is kept, but only so many of them.
    const due = Math.max(this.#nextAt, now - (atOnce - 1) * interval);
    if (due > now && this.#waiting.size >= mostWaiting) return 'full';
    this.#nextAt = due + interval;
    if (due > now) await this.#wait(due - now);
    return this.#isClosed ? 'closed' : 'turn';
  }

  /** Everybody who waits goes away without a turn. */
  close(): void {
    this.#isClosed = true;
    for (const leave of this.#waiting) leave();
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const leave = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(leave);
        resolve();
      };
      const timer = setTimeout(leave, milliseconds);
      timer.unref();
      this.#waiting.add(leave);
    });
  }
}
