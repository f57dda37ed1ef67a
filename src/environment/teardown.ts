import { rmdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeSlot } from './directory.ts';
import { warn, type OpenEnvironment } from './open-environment.ts';
import type { PhaseSignals } from './phase-signals.ts';

/** How long an exchange that is under way may take to hear that it is over. What comes later is ended then. */
const settleMilliseconds = 1000;

/**
 * Takes a phase down: credentials are ended at their platforms and deleted first, then the rest of the output is passed on. One step that fails does
 * not stop the next; throws nothing. Signals are still caught until the end, so that none cuts it short.
 */
export async function tearDown(environment: OpenEnvironment, signals: PhaseSignals): Promise<void> {
  const { directory, diskDirectory, run, output, bases } = environment;
  environment.isClosing = true;
  await Promise.all([...environment.tokenEndpoints.values()].map((endpoint) => endpoint.close()));
  await settled(environment.obtaining);
  environment.closing.abort(new Error('the phase is over'));
  await environment.renewal?.stop();
  await Promise.allSettled(environment.installing);
  await environment.revocations.revokeAll();
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

async function settled(work: ReadonlySet<Promise<unknown>>): Promise<void> {
  if (work.size === 0) return;
  const enough = new AbortController();
  const time = sleep(settleMilliseconds, undefined, { signal: enough.signal }).catch(() => undefined);
  await Promise.race([Promise.allSettled(work), time]);
  enough.abort();
}
