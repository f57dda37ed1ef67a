/**
 * Finds many byte strings at once, in one pass (Aho and Corasick, 1975). States are numbers, 0 is the beginning; a
 * state stands for the longest tail of what was read that begins one of the strings.
 *
 * Children of a state are a linked list, since most states have one: a token has thousands of states, and a table of
 * 256 entries for each would cost megabytes.
 */
export class SecretMatcher {
  readonly #byte: Uint8Array;
  readonly #child: Int32Array;
  readonly #sibling: Int32Array;
  readonly #fail: Int32Array;
  readonly #depth: Int32Array;
  /** Length of the longest string that ends in this state; 0: none. */
  readonly #longest: Int32Array;
  readonly #fromStart = new Int32Array(256);
  #size = 1;

  constructor(strings: readonly Uint8Array[]) {
    const most = 1 + strings.reduce((sum, string) => sum + string.length, 0);
    this.#byte = new Uint8Array(most);
    this.#child = new Int32Array(most);
    this.#sibling = new Int32Array(most);
    this.#fail = new Int32Array(most);
    this.#depth = new Int32Array(most);
    this.#longest = new Int32Array(most);
    for (const string of strings) this.#insert(string);
    this.#link();
  }

  /** How many of the last bytes this state stands for. */
  depth(state: number): number {
    return this.#depth[state]!;
  }

  /**
   * Reads bytes from a state and gives the next one.
   *
   * @param found called with start and end of the longest string that ends at each place; the start may be negative,
   *   in bytes that were read before
   */
  scan(state: number, bytes: Uint8Array, from: number, found: (start: number, end: number) => void): number {
    let current = state;
    for (let index = from; index < bytes.length; index += 1) {
      const byte = bytes[index]!;
      current = current === 0 ? this.#fromStart[byte]! : this.#step(current, byte);
      const length = this.#longest[current]!;
      if (length > 0) found(index + 1 - length, index + 1);
    }
    return current;
  }

  #step(state: number, byte: number): number {
    for (let current = state; current !== 0; current = this.#fail[current]!) {
      const next = this.#childOf(current, byte);
      if (next !== 0) return next;
    }
    return this.#fromStart[byte]!;
  }

  #childOf(state: number, byte: number): number {
    let child = this.#child[state]!;
    while (child !== 0 && this.#byte[child] !== byte) child = this.#sibling[child]!;
    return child;
  }

  #insert(string: Uint8Array): void {
    let state = 0;
    for (const byte of string) {
      const next = state === 0 ? this.#fromStart[byte]! : this.#childOf(state, byte);
      state = next === 0 ? this.#add(state, byte) : next;
    }
    if (state !== 0) this.#longest[state] = string.length;
  }

  #add(parent: number, byte: number): number {
    const state = this.#size;
    this.#size += 1;
    this.#byte[state] = byte;
    this.#depth[state] = this.#depth[parent]! + 1;
    this.#sibling[state] = this.#child[parent]!;
    this.#child[parent] = state;
    if (parent === 0) this.#fromStart[byte] = state;
    return state;
  }

  /** Breadth first: where to go on when the next byte does not fit, and what ends here as a tail of something longer. */
  #link(): void {
    const queue: number[] = [];
    for (let child = this.#child[0]!; child !== 0; child = this.#sibling[child]!) queue.push(child);
    for (let index = 0; index < queue.length; index += 1) {
      const state = queue[index]!;
      if (this.#longest[state] === 0) this.#longest[state] = this.#longest[this.#fail[state]!]!;
      for (let child = this.#child[state]!; child !== 0; child = this.#sibling[child]!) {
        this.#fail[child] = this.#step(this.#fail[state]!, this.#byte[child]!);
        queue.push(child);
      }
    }
  }
}
