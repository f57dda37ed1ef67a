import { z } from 'zod';

/** Where a stand-in listens. */
export const port = z.int().min(0).max(65_535).default(0).describe('port on 127.0.0.1; 0 picks a free one');

/** Whole seconds from `least` to `most`. */
export const seconds = (least: number, most: number) => z.int().min(least).max(most);

/** How often the keys of an issuer are read again, for platforms that do not publish their own times. */
export const keyRefetchSeconds = seconds(0, 3600)
  .default(10)
  .describe('on an unknown key id keys are read again, but not within this time of the last reading');

/**
 * A document as the platform's own tools write it: a mapping, its text, or the path of a file with it.
 *
 * @param fault what is said to anything else: `must be …`
 */
export const nativeDocument = (fault: string) => z.union([z.string().min(1), z.record(z.string(), z.json())], fault);

/** How long actions take, by their names. */
export const latencyMilliseconds = (action: z.ZodType<string, string>) =>
  z
    .partialRecord(action, z.int().min(0).max(60_000))
    .default({})
    .describe('how long an action takes, by its name: makes an apply long enough to test renewal');
