import { removeSlot } from './directory.ts';
import { warn, type OpenEnvironment } from './open.ts';
import type { PhaseSignals } from './phase-signals.ts';

/** Takes a phase down. One step that fails does not stop the next; throws nothing. */
export async function tearDown(environment: OpenEnvironment, signals: PhaseSignals): Promise<void> {
  environment.isClosing = true;
  await environment.output.close().catch((error: unknown) => warnOf(environment, 'output', error));
  const removed: string[] = [];
  for (const directory of [environment.directory, environment.diskDirectory]) {
    try {
      await removeSlot(directory);
      removed.push(directory);
    } catch (error) {
      warnOf(environment, directory, error);
    }
  }
  environment.run.report({ type: 'torn_down', removed });
  signals.close();
}

function warnOf(environment: OpenEnvironment, what: string, error: unknown): void {
  warn(environment, {
    what: `${what} was not removed: ${(error as Error).message}`,
    mend: `remove it: rm -rf ${what}`,
  });
}
