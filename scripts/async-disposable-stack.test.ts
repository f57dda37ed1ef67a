import { describe, expect, it } from 'vitest';
import { SmallAsyncDisposableStack } from './async-disposable-stack.ts';

const native = globalThis.AsyncDisposableStack as unknown as typeof SmallAsyncDisposableStack;

/** What Node 24's own does, ours does too. */
describe.each([
  ['own', SmallAsyncDisposableStack],
  ["the system's", native],
])('a stack of disposals (%s)', (_, Stack) => {
  it('leaves in reverse order, and waits', async () => {
    const order: string[] = [];
    {
      await using stack = new Stack();
      stack.defer(async () => {
        await Promise.resolve();
        order.push('first in');
      });
      stack.use({ [Symbol.asyncDispose]: async () => void order.push('async') });
      stack.use({ [Symbol.dispose]: () => void order.push('sync') });
      expect(stack.use(null)).toBeNull();
      stack.defer(() => order.push('last in'));
    }
    expect(order).toEqual(['last in', 'sync', 'async', 'first in']);
  });

  it('does nothing once its contents have moved on, nor a second time', async () => {
    const order: string[] = [];
    const stack = new Stack();
    stack.defer(() => order.push('done'));
    const moved = stack.move();
    await stack.disposeAsync();
    expect(order).toEqual([]);
    await moved.disposeAsync();
    await moved.disposeAsync();
    expect(order).toEqual(['done']);
  });

  it('goes on after a failure, and throws it', async () => {
    const order: string[] = [];
    const stack = new Stack();
    stack.defer(() => order.push('done'));
    stack.defer(() => {
      throw new Error('no');
    });
    await expect(stack.disposeAsync()).rejects.toThrow('no');
    expect(order).toEqual(['done']);
  });
});
