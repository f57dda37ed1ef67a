import type { Place } from '../../platforms/json-document.ts';

/** A text with its place in the document. */
export interface Placed extends Place {
  readonly value: string;
}

/** A rule before its values are checked. */
export interface WrittenRule {
  readonly path: Placed;
  readonly settings: readonly { readonly name: Placed; readonly values: readonly Placed[] | null }[];
}
