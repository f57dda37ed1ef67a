/** The longest lease of a server whose own settings nobody changed: 32 days. It is also the default. */
export const serverMaxTtlSeconds = 2_764_800;

/** What decides over a lease, in seconds; 0 stands for what is not set. */
export interface LeaseTerms {
  /** What a renewal asks for. */
  readonly increment?: number;
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  /** Age of the token in whole seconds: the server counts from second to second. */
  readonly ageSeconds: number;
}

/** What the server gives, in whole seconds. */
export interface Lease {
  readonly seconds: number;
  /** What the server adds to its answer when it gives less than was asked. */
  readonly warnings: readonly string[];
}

/** How long the server lets a token live from now on; null when its longest life is over. */
export function leaseOf(terms: LeaseTerms): Lease | null {
  const most = Math.min(serverMaxTtlSeconds, ...[terms.maxTtlSeconds, terms.explicitMaxTtlSeconds].filter(Boolean));
  const { periodSeconds: period, explicitMaxTtlSeconds: explicit, ageSeconds: age } = terms;
  const wanted = period || terms.increment || terms.ttlSeconds || serverMaxTtlSeconds;
  const capped = period > most;
  const ttl = capped ? most : wanted;
  const left = period > 0 ? (explicit || Infinity) - age : most - age;
  if (left <= 0) return null;
  const warnings = [
    capped ? capWarning('period', period, most) : null,
    ttl > left ? capWarning('TTL', ttl, left) : null,
  ].filter((warning) => warning !== null);
  return { seconds: Math.min(ttl, left), warnings };
}

function capWarning(what: string, asked: number, given: number): string {
  return `${what} of "${shortDuration(asked)}" exceeded the effective max_ttl of "${shortDuration(given)}"; ${what} value is capped accordingly`;
}

/** Whole seconds as the server prints a duration: `1h0m0s`. */
export function goDuration(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  if (hours > 0) return `${hours}h${minutes}m${rest}s`;
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`;
}

/** The same without zeros at its end, as warnings have it: `1h`. */
function shortDuration(seconds: number): string {
  return goDuration(seconds)
    .replace(/(?<=[hm])0s$/, '')
    .replace(/(?<=h)0m$/, '');
}
