import { stat } from 'node:fs/promises';

/** Whether a path leads to something, links followed; false too where we may not look. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
