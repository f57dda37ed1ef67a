import { describe } from 'vitest';
import type { PlatformExamples } from './conformance-examples.ts';
import { describeSets } from './conformance-sets.ts';
import { describeVariables } from './conformance-variables.ts';
import type { Platform } from './platform.ts';

export { canary, exampleIo, exampleToken, type PlatformExamples } from './conformance-examples.ts';

/** What every platform promises. Run it for each one of the registry. */
export function describePlatform(platform: Platform, examples: PlatformExamples): void {
  describe(`platform ${platform.id}`, () => {
    describeVariables(platform, examples);
    describeSets(platform, examples);
  });
}
