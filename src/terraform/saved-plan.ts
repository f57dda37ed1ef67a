import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chown, lstat, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../domain/errors.ts';
import { isId, randomId } from '../domain/ids.ts';
import { parseJsonObject, type JsonObject } from '../domain/json.ts';
import { errnoOf } from '../files/file-failure.ts';
import { readZipComment, withZipComment } from './zip-comment.ts';

/**
 * What a saved plan must keep until it is applied: the run that it belongs to, and the directory whose paths are among
 * the planned values of its variables.
 */
export interface PlanMark {
  readonly runId: string;
  /** The phase's private directory, absolute: with another base the planned paths would lead nowhere. */
  readonly directory: string;
}

/** A saved plan as it lies on disk. */
export interface SavedPlan {
  /** The mark that it carries, or null. */
  readonly mark: PlanMark | null;
  /** SHA-256, lower-case hex, of the plan as Terraform wrote it: without our mark, so that marking does not change it. */
  readonly sha256: string;
  /** Whether it can carry a mark; OpenTofu's encrypted plans cannot. */
  readonly isZip: boolean;
}

/** What stands in the archive comment beside the mark: that it is ours, and in which form. */
const label = { hallpass_plan: 1 } as const;
const ours = /"hallpass_plan"/;

/**
 * Writes a mark as JSON.
 *
 * @param before members that stand before it
 */
export function planMarkText(mark: PlanMark, before: JsonObject = {}): string {
  return JSON.stringify({ ...before, run_id: mark.runId, directory: mark.directory });
}

/**
 * Reads what {@link planMarkText} wrote; null for anything else, down to one member more: it comes with a file that
 * anybody may have made. By hand, since a schema library would cost every start of `exec` more than all else here.
 */
export function parsePlanMark(text: string, before: JsonObject = {}): PlanMark | null {
  const { run_id: runId, directory, ...others } = parseJsonObject(text) ?? {};
  if (typeof runId !== 'string' || !isId('run', runId)) return null;
  if (typeof directory !== 'string' || !isPlainPath(directory)) return null;
  return isDeepStrictEqual(others, { ...before }) ? { runId, directory } : null;
}

/** An absolute path in its shortest form, of at most 1024 plain characters: whoever prints it need not quote it. */
function isPlainPath(text: string): boolean {
  return text.length <= 1024 && /^(?:\/[A-Za-z0-9_.@+-]+)+$/.test(text) && !/\/\.{1,2}(?:\/|$)/.test(text);
}

/**
 * Reads what a saved plan carries.
 *
 * @returns null when there is no such file (Terraform's own words are the better error for anything but a plan)
 * @throws {AppError} `directory_invalid` when the plan carries a mark of ours that cannot be used
 */
export async function readSavedPlan(path: string): Promise<SavedPlan | null> {
  const file = await readPlanFile(path);
  if (file === null) return null;
  const written = readZipComment(file);
  return {
    mark: written === null || written.length === 0 ? null : markIn(written, path),
    sha256: digest(written === null ? file : withZipComment(file, new Uint8Array())!),
    isZip: written !== null,
  };
}

/**
 * Writes the mark into a saved plan, as the archive comment of its zip file, which Terraform does not look at. The file
 * is replaced in one step and keeps its mode.
 *
 * @returns what lies there now: without a mark when it is no zip file, null when there is no file
 */
export async function markSavedPlan(path: string, mark: PlanMark): Promise<SavedPlan | null> {
  const file = await readPlanFile(path);
  if (file === null) return null;
  const marked = withZipComment(file, Buffer.from(planMarkText(mark, label), 'utf8'));
  if (marked === null) return { mark: null, sha256: digest(file), isZip: false };
  await replaceFile(path, marked);
  return { mark, sha256: digest(withZipComment(file, new Uint8Array())!), isZip: true };
}

function markIn(bytes: Uint8Array, path: string): PlanMark | null {
  const text = Buffer.from(bytes).toString('utf8');
  if (!ours.test(text)) return null;
  const mark = parsePlanMark(text, label);
  if (mark !== null) return mark;
  throw new AppError('directory_invalid', {
    what: 'the saved plan carries a mark of Hallpass that cannot be used: it was changed, or made by another version',
    where: path,
    mend: 'make the plan again: hallpass exec -- terraform plan -out=FILE',
  });
}

/** Plans of the largest configurations stay far below; the whole file is read into memory. */
const longestPlan = 1024 * 1024 * 1024;

/** The command has just written there, so anything may lie there: a pipe, for one, would be waited for without end. */
async function readPlanFile(path: string): Promise<Buffer | null> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (stats.isDirectory()) return null;
    if (!stats.isFile()) throw unusable('the saved plan is not a plain file', path);
    if (stats.size > longestPlan) throw unusable(`the saved plan has more than ${longestPlan} bytes`, path);
    return await file.readFile();
  } catch (error) {
    if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
}

/** Atomic replacement that keeps mode and, where we may, owner. */
async function replaceFile(path: string, contents: Uint8Array): Promise<void> {
  const before = await lstat(path);
  if (!before.isFile()) throw unusable('the saved plan is not a plain file', path);
  const temporary = join(dirname(path), `.${basename(path).slice(0, 200)}.${randomId('run').slice(4)}`);
  const handle = await open(temporary, 'wx', before.mode & 0o777);
  try {
    await handle.chmod(before.mode & 0o777);
    await handle.writeFile(contents);
    await handle.sync();
    await handle.close();
    // Only root may give a file away; for others it already has the right owner.
    await chown(temporary, before.uid, before.gid).catch(() => undefined);
    await rename(temporary, path);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function unusable(what: string, where: string): AppError {
  return new AppError('directory_invalid', {
    what,
    where,
    mend: 'plan again: hallpass exec -- terraform plan -out=FILE',
  });
}
