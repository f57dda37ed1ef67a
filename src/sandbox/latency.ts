import { setTimeout as sleep } from 'node:timers/promises';
import { SettingsError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';

/** How long an action takes, in milliseconds, by its name. */
type Latencies = Readonly<Record<string, number | undefined>>;

/**
 * A misspelt action would be a latency that never comes.
 *
 * @param part key of the platform's part of the configuration file
 * @throws {SettingsError} `settings_invalid`
 */
export function refuseUnknownActions(part: string, latencies: Latencies, known: readonly string[]): void {
  const unknown = Object.keys(latencies).find((action) => !known.includes(action));
  if (unknown === undefined) return;
  const close = nearest(unknown, known);
  throw new SettingsError({
    what: `${unknown} is not an action of the stand-in`,
    where: `${part}.latency_milliseconds`,
    mend: close ? `did you mean ${close}?` : `it has ${known.join(', ')}`,
  });
}

/** Waits as long as an action is to take. */
export async function delay(latencies: Latencies, action: string): Promise<void> {
  const milliseconds = Object.hasOwn(latencies, action) ? latencies[action] : undefined;
  if (milliseconds !== undefined) await sleep(milliseconds);
}
