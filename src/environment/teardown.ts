import { rmdir } from 'node:fs/promises';
import { removeSlot } from './directory.ts';
import { warn, type OpenEnvironment } from './open.ts';
import type { PhaseSignals } from './phase-signals.ts';

/**
 * Takes a phase down: credentials are deleted first, then the rest of the output is passed on. One step that fails does
 * not stop the next; throws nothing. Signals are still caught until the end, so that none cuts it short.
 */
export async function tearDown(environment: OpenEnvironment, signals: PhaseSignals): Promise<void> {
  const { directory, diskDirectory, run, output, bases } = environment;
  environment.isClosing = true;
  await environment.renewal?.stop();
  await Promise.allSettled(environment.installing);
  const removed: string[] = [];
  for (const slot of [directory, diskDirectory]) {
    try {
      await removeSlot(slot);
      removed.push(slot);
    } catch (error) {
      warn(environment, { what: `${slot} was not removed: ${(error as Error).message}`, mend: `rm -rf ${slot}*` });
    }
  }
  // The parent of the TMPDIRs goes with the last of them; another phase in it, or root's /dev/shm, keeps it.
  const diskBase = bases.at(-1);
  if (diskBase !== undefined) await rmdir(diskBase).catch(() => undefined);
  await output.close().catch((error: unknown) => {
    warn(environment, { what: `the end of the output was lost: ${(error as Error).message}` });
  });
  signals.close();
  run.report({ type: 'torn_down', removed });
}
