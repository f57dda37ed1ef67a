/** Whether a claim is there; null is as good as absent. */
export function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** A claim's value as text, lists with commas; null when it is absent. */
export function claimText(value: unknown): string | null {
  if (!isPresent(value)) return null;
  if (Array.isArray(value)) return value.map((item) => claimText(item) ?? 'null').join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
