/** A thing to be done when the stack is left. */
type Disposal = () => unknown;

/**
 * What Node 22 lacks of `AsyncDisposableStack`: `use`, `defer`, `move` and leaving. The build puts it in place of the global
 * one; where the system has its own, that is taken.
 *
 * @see ECMAScript proposal "Explicit Resource Management"
 */
class SmallAsyncDisposableStack {
  #disposals: Disposal[] = [];

  use<T extends AsyncDisposable | Disposable | null | undefined>(value: T): T {
    if (value === null || value === undefined) return value;
    const dispose = Symbol.asyncDispose in value ? value[Symbol.asyncDispose] : value[Symbol.dispose];
    this.#disposals.push(() => dispose.call(value));
    return value;
  }

  defer(disposal: Disposal): void {
    this.#disposals.push(disposal);
  }

  /** Hands everything over to a new stack; this one then does nothing. */
  move(): SmallAsyncDisposableStack {
    const moved = new SmallAsyncDisposableStack();
    [moved.#disposals, this.#disposals] = [this.#disposals, []];
    return moved;
  }

  /** Last in, first out; one that fails does not stop the next. Then throws the first error. */
  async disposeAsync(): Promise<void> {
    const errors: unknown[] = [];
    for (let disposal = this.#disposals.pop(); disposal !== undefined; disposal = this.#disposals.pop()) {
      try {
        await disposal();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync();
  }
}

const own = (globalThis as { AsyncDisposableStack?: unknown }).AsyncDisposableStack;

export const AsyncDisposableStack = (own ?? SmallAsyncDisposableStack) as typeof SmallAsyncDisposableStack;
export { SmallAsyncDisposableStack };
