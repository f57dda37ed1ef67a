import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../domain/errors.ts';
import type { Workload } from '../domain/workload.ts';
import { errnoOf } from '../files/file-failure.ts';
import { ownerIsAlive, ownPart, readOwner, writeOwner, type OwnerNote } from './owner.ts';
import { removeTree } from './remove-tree.ts';

const stemPrefix = 'hallpass-';

/** Whether a name is that of a private directory, or of one that is half made or half removed. */
export function isSlotName(name: string): boolean {
  return /^hallpass-[a-z0-9]{10}(?:-\d{1,2})?(?:\.(?:new|old)-\w+)?$/.test(name);
}

/** How directories of saved plans begin. Not as those of phases do: one is for two phases. */
export const planPrefix = 'hallpass.plan-';

/** Whether a name is that of a directory for a saved plan, which is hidden from all phases but its two. */
export function isPlanName(name: string): boolean {
  return name.startsWith(planPrefix);
}

const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

/**
 * The name of a workload's private directory. It depends on names only, so that plan and apply, another machine and
 * another user have the same paths: a saved plan keeps the planned value of every variable, paths included.
 */
export function directoryName(names: readonly string[]): string {
  const digest = createHash('sha256')
    .update(`hallpass run directory v1\n${names.join('\n')}`)
    .digest();
  return stemPrefix + [...digest.subarray(0, 10)].map((byte) => alphabet[byte % alphabet.length]).join('');
}

/** The private directory that the first phase of a workspace gets; one at the same time gets `-2` behind it. */
export function phaseDirectory(
  names: { readonly organization: string; readonly project: string; readonly workspace: string },
  base: string,
): string {
  return join(base, directoryName([names.organization, names.project, names.workspace]));
}

/** The names that a workload's private directory depends on. */
export function directoryNames(workload: Workload): readonly string[] {
  switch (workload.kind) {
    case 'workspace_run':
      return [workload.organization.name, workload.project.name, workload.workspace.name];
    case 'module_test':
      return [workload.organization.name, 'module', workload.module];
    case 'stack_deployment':
      return [workload.organization.name, workload.project.name, workload.stack.name, workload.deployment];
  }
}

export interface SlotWish {
  readonly base: string;
  /** Name without a number, such as `hallpass-k2m9x4c7pq`. */
  readonly stem: string;
  readonly note: OwnerNote;
  readonly now: () => Date;
  /** Exactly this path, as a saved plan demands. */
  readonly demanded?: string;
  /** What another user holds is passed over: for directories whose path nobody depends on. */
  readonly passOverForeign: boolean;
  /** Clears a directory whose owner is dead; what it leaves is not ours to take. */
  readonly clear: (directory: string) => Promise<void>;
}

const mostAtOnce = 99;

/**
 * Makes a private directory (0700) and takes it, in one step: it appears with its owner's note inside.
 *
 * @returns its absolute path
 * @throws {AppError} `directory_invalid` when another user holds it, or the demanded one is in use
 */
export async function takeSlot(wish: SlotWish): Promise<string> {
  const slots = slotPaths(wish);
  const made = await makeOwned(wish);
  try {
    return await takeOne(slots, made, wish);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}

async function takeOne(slots: readonly string[], made: string, wish: SlotWish): Promise<string> {
  for (const slot of slots) {
    if (await renameOnto(made, slot)) return slot;
    const state = await slotState(slot, wish.now());
    if (state === 'dead') {
      await wish.clear(slot);
      if (await renameOnto(made, slot)) return slot;
    }
    if (state === 'foreign' && !wish.passOverForeign) throw await foreign(slot);
    if (wish.demanded !== undefined) throw inUse(slot);
  }
  throw new AppError('directory_invalid', {
    what: `${mostAtOnce} phases of this workspace are running on this machine`,
    where: join(wish.base, wish.stem),
    mend: 'wait for one to end',
  });
}

function slotPaths(wish: SlotWish): string[] {
  const first = join(wish.base, wish.stem);
  const all = [first, ...Array.from({ length: mostAtOnce - 1 }, (_, index) => `${first}-${index + 2}`)];
  if (wish.demanded === undefined) return all;
  if (all.includes(wish.demanded)) return [wish.demanded];
  throw new AppError('directory_invalid', {
    what: 'the saved plan was made for a private directory that this workspace cannot have here',
    where: wish.demanded,
    mend:
      basename(wish.demanded).startsWith(wish.stem) && dirname(wish.demanded) !== wish.base
        ? `set HALLPASS_RUN_DIR=${dirname(wish.demanded)}`
        : 'apply it with the organization, project and workspace that it was planned with, or plan anew',
  });
}

/** Made under another name, with the owner's note inside. */
async function makeOwned(wish: SlotWish): Promise<string> {
  const made = await makeBeside(join(wish.base, wish.stem));
  try {
    await mkdir(join(made, ownPart), { mode: 0o700 });
    await writeOwner(made, wish.note);
    return made;
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}

/** The base may have been removed as empty, a moment ago. */
async function makeBeside(slot: string): Promise<string> {
  try {
    return await mkdtemp(`${slot}.new-`);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await mkdir(dirname(slot), { mode: 0o700 }).catch(() => undefined);
    return mkdtemp(`${slot}.new-`);
  }
}

/** Renaming onto a directory fails unless that is empty, and a private directory never is. */
async function renameOnto(made: string, slot: string): Promise<boolean> {
  try {
    await rename(made, slot);
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  const code = errnoOf(error) ?? '';
  return ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EPERM', 'EACCES'].includes(code);
}

/** Whose a directory is: `gone` not there any more, `unknown` just being made or removed. */
export type SlotState = 'alive' | 'dead' | 'foreign' | 'gone' | 'unknown';

/** A directory without a note is being made or removed; if it stays so, its maker is dead. */
const halfMadeMilliseconds = 60_000;

/** Looks at a private directory without following links. */
export async function slotState(slot: string, now: Date): Promise<SlotState> {
  const found = await lstat(slot).catch(() => null);
  if (found === null) return 'gone';
  if (!found.isDirectory() || found.uid !== process.getuid!() || (found.mode & 0o077) !== 0) return 'foreign';
  const note = await readOwner(slot);
  if (note !== null) return ownerIsAlive(note, now) ? 'alive' : 'dead';
  return now.getTime() - found.mtimeMs > halfMadeMilliseconds ? 'dead' : 'unknown';
}

async function foreign(slot: string): Promise<AppError> {
  const found = await lstat(slot).catch(() => null);
  const isLink = found?.isSymbolicLink() ?? false;
  const owner = found === null ? 'unknown' : await userName(found.uid);
  const mine = found?.uid === process.getuid!();
  return new AppError('directory_invalid', {
    what: isLink
      ? `the private directory is a symbolic link, made by user ${owner}`
      : mine
        ? 'the private directory is there already, and Hallpass did not make it like this'
        : `the private directory was made by another user, ${owner}`,
    where: slot,
    mend: mine
      ? `look into it, then remove it: rm -r ${slot}`
      : `let ${owner} remove it (rm -r ${slot}), or set HALLPASS_RUN_DIR to a directory of your own`,
  });
}

async function userName(uid: number): Promise<string> {
  const passwords = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const line = passwords.split('\n').find((entry) => entry.split(':')[2] === String(uid));
  return line === undefined ? `uid ${uid}` : `${line.split(':')[0]} (uid ${uid})`;
}

function inUse(slot: string): AppError {
  return new AppError('directory_invalid', {
    what: 'the private directory that the saved plan needs is in use by another phase',
    where: slot,
    mend: 'wait for that phase to end, then apply again',
  });
}

/** Removes a private directory: out of the way first, so that its name is free at once and never half empty. */
export async function removeSlot(slot: string): Promise<void> {
  const aside = `${slot.replace(/\.(?:new|old)-\w+$/, '')}.old-${randomBytes(6).toString('hex')}`;
  try {
    await rename(slot, aside);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  await removeTree(aside);
}

/** Makes a directory of its own for one configuration; two must not share one. */
export async function makeConfigurationDirectory(slot: string, platform: string, tag: string | null): Promise<string> {
  await mkdir(join(slot, platform), { mode: 0o700, recursive: true });
  const directory = configurationDirectory(slot, platform, tag);
  await mkdir(directory, { mode: 0o700, recursive: true });
  return directory;
}

/** `<slot>/aws/0-default`, `<slot>/aws/t-AUDIT`: a tag cannot clash with what stands beside it. */
export function configurationDirectory(slot: string, platform: string, tag: string | null): string {
  return join(slot, platform, tag === null ? '0-default' : `t-${tag}`);
}

/** Writes a secret file (0600) so that a reader sees the old or the new contents, never a part. Adds no newline. */
export async function writeSecretFile(path: string, contents: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, contents, { mode: 0o600, flag: 'wx' });
  await rename(temporary, path);
}
