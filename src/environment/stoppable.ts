/** A `fetch` whose calls end with a signal, beside the caller's own one; after it none begins. */
export function stoppableFetch(fetcher: typeof fetch, stop: AbortSignal): typeof fetch {
  return async (input, init) => {
    stop.throwIfAborted();
    const signals = init?.signal ? [stop, init.signal] : [stop];
    return fetcher(input, { ...init, signal: AbortSignal.any(signals) });
  };
}

/** Waits for work, or throws the signal's reason when that comes first; the work may go on then. */
export async function orStopped<T>(stop: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onStop = (): void => reject(stop.reason as Error);
  if (stop.aborted) onStop();
  stop.addEventListener('abort', onStop);
  // Whoever stops waiting does not hear of its end.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, promise]);
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}
