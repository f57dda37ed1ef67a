/** A moment in UTC to the second, such as `2026-05-03T14:02:11Z`; fractions are cut off. */
export function isoSeconds(at: Date): string {
  return at.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
