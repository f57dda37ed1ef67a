import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { openPrivateDirectory, readPrivateFileIfThere, writePrivateFile } from '../files/private-file.ts';
import { parsePlanMark, planMarkText, type PlanMark } from './saved-plan.ts';

/** A plan that is older than this is stale for Terraform long before. */
const keptMilliseconds = 90 * 24 * 60 * 60 * 1000;
const sha256 = /^[0-9a-f]{64}$/;

/**
 * Notes in the data directory what a saved plan must keep, under the plan's hash: for plans that can carry no mark, and
 * for marks that got lost on the way. Forgets what is older than 90 days.
 */
export async function recordPlan(
  dataDirectory: string,
  plan: { sha256: string; mark: PlanMark; at: Date },
): Promise<void> {
  const directory = plansDirectory(dataDirectory);
  await openPrivateDirectory(directory, 'the list of saved plans');
  await forgetOld(directory, plan.at);
  await writePrivateFile(join(directory, `${plan.sha256}.json`), planMarkText(plan.mark));
}

/** What was noted for a plan with this hash; null when nothing was, or when the note cannot be used. */
export async function findPlanRecord(dataDirectory: string, hash: string): Promise<PlanMark | null> {
  if (!sha256.test(hash)) return null;
  const text = await readPrivateFileIfThere(join(plansDirectory(dataDirectory), `${hash}.json`), 'the saved plan note');
  // A damaged note is as good as none: the plan then gets a new run id.
  return text === null ? null : parsePlanMark(text);
}

function plansDirectory(dataDirectory: string): string {
  return join(dataDirectory, 'plans');
}

async function forgetOld(directory: string, now: Date): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && now.getTime() - found.mtimeMs > keptMilliseconds) await unlink(path).catch(() => undefined);
  }
}
