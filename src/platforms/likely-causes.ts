/** What is most likely behind one kind of a platform's refusal. */
export interface CauseRow {
  /** An answer of this kind as the platform writes it, `CODE: MESSAGE`; absent for what fits everything else. For the docs. */
  readonly answer?: string;
  readonly code: RegExp;
  readonly message?: RegExp;
  /** Likeliest first; `{iss}`, `{aud}`, `{sub}` and what else the platform names are filled in. */
  readonly causes: readonly [string, string, string];
}

/**
 * The three likeliest causes of a refusal, each a sentence that names what to look at. Pure.
 *
 * @param rows   the first that fits counts, so special ones stand first and the last one fits everything
 * @param first  causes that stand before those of the row
 */
export function causesOf(
  rows: readonly CauseRow[],
  refusal: { readonly code: string; readonly message: string },
  values: Readonly<Record<string, string>>,
  first: readonly string[] = [],
): readonly string[] {
  const row = rows.find(({ code, message }) => code.test(refusal.code) && (message?.test(refusal.message) ?? true));
  return [...first, ...(row?.causes ?? [])]
    .slice(0, 3)
    .map((cause) => cause.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole));
}
