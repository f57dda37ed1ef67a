/** Likeliest first; `{iss}`, `{aud}`, `{sub}` and what else the platform names are filled in. */
type Causes = readonly [string, string, string];

/** What is most likely behind one kind of a platform's refusal. */
export interface CauseRow {
  /** An answer of this kind as the platform writes it, `CODE: MESSAGE` or the code alone; stands in the docs. */
  readonly answer: string;
  /** Both must fit; an absent one fits everything. */
  readonly code?: RegExp;
  readonly message?: RegExp;
  readonly causes: Causes;
}

/** A platform's refusals and their causes: the refusal page of the docs, and what Hallpass says after a refused exchange. */
export interface CauseTable {
  /** The first that fits counts, so special ones stand first. */
  readonly rows: readonly CauseRow[];
  /** For an answer that fits no row. */
  readonly otherwise: Causes;
}

/**
 * The three likeliest causes of a refusal, each a sentence that names what to look at. Pure.
 *
 * @param first causes that stand before those of the table
 */
export function causesOf(
  { rows, otherwise }: CauseTable,
  refusal: { readonly code: string; readonly message: string },
  values: Readonly<Record<string, string>>,
  first: readonly string[] = [],
): readonly string[] {
  const row = rows.find(
    ({ code, message }) => (code?.test(refusal.code) ?? true) && (message?.test(refusal.message) ?? true),
  );
  return [...first, ...(row?.causes ?? otherwise)]
    .slice(0, 3)
    .map((cause) => cause.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole));
}
