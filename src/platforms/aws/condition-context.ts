/** What the request brings, by lower-case key. */
export interface ConditionContext {
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** Keys that hold sets; they cannot fill a policy variable. */
  readonly multiValued: ReadonlySet<string>;
  /** Keys that AWS has and we do not know: every comparison with them is `unknown`. */
  readonly unknown: ReadonlySet<string>;
}

/**
 * Puts together what a request brings: a string is a single-valued key, a list a multi-valued one, undefined is absent.
 */
export function conditionContext(
  entries: Iterable<readonly [string, string | readonly string[] | undefined]>,
  unknownKeys: Iterable<string> = [],
): ConditionContext {
  const values = new Map<string, readonly string[]>();
  const multiValued = new Set<string>();
  for (const [key, value] of entries) {
    if (value === undefined) continue;
    if (typeof value !== 'string') multiValued.add(key.toLowerCase());
    values.set(key.toLowerCase(), typeof value === 'string' ? [value] : value);
  }
  const unknown = new Set([...unknownKeys].map((key) => key.toLowerCase()).filter((key) => !values.has(key)));
  return { values, multiValued, unknown };
}
