import { execFile } from 'node:child_process';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { AppError, type Problem } from '../domain/errors.ts';
import { isPlanName, isSlotName, slotState } from './directory.ts';
import { findCommand } from './find-command.ts';
import { ownPart } from './owner.ts';
import type { EnvironmentSettings } from './phase.ts';

/** What hides Hallpass from its child; null: nothing does. */
export interface Mask {
  /** Absolute path of bubblewrap. */
  readonly program: string;
}

/** Which isolation a phase gets. */
export interface IsolationChoice {
  readonly mask: Mask | null;
  /** Why there is none, although it was not switched off. */
  readonly problem: Problem | null;
}

/**
 * Chooses the isolation: `mask` where bubblewrap is there and works.
 *
 * @throws {AppError} `unsupported` when `mask` was asked for and is not to be had
 */
export async function chooseIsolation(settings: EnvironmentSettings): Promise<IsolationChoice> {
  if (settings.isolation === 'off') return { mask: null, problem: null };
  const tried = await tryMask(settings);
  if (settings.isolation === 'auto' || tried.problem === null) return tried;
  throw new AppError('unsupported', tried.problem);
}

async function tryMask(settings: EnvironmentSettings): Promise<IsolationChoice> {
  const path = [settings.parentEnvironment['PATH'] ?? '', '/usr/bin', '/bin'].join(':');
  const found = await findCommand({ file: 'bwrap', args: [] }, { path, workingDirectory: '/' });
  if (found.path === null) return without('bubblewrap (bwrap) is not installed', 'install bubblewrap');
  const data = await realOrNull(settings.dataDirectory);
  if (data !== null && isWithin(settings.workingDirectory, data))
    return without('the working directory lies in the data directory', 'start the command elsewhere');
  const failure = await probe(found.path);
  if (failure !== null) return without(`bubblewrap does not work here: ${failure}`, 'allow user namespaces');
  return { mask: { program: found.path }, problem: null };
}

function without(why: string, mend: string): IsolationChoice {
  return {
    mask: null,
    problem: {
      what: `the command is not isolated and can read Hallpass' keys: ${why}`,
      where: '--isolation mask',
      mend: `${mend}; --isolation off says that it may be so`,
    },
  };
}

const probes = new Map<string, Promise<string | null>>();

/** Tries bubblewrap once a process, with everything that it will be asked to do; gives its complaint, or null. */
function probe(program: string): Promise<string | null> {
  const known = probes.get(program) ?? runProbe(program);
  probes.set(program, known);
  return known;
}

async function runProbe(program: string): Promise<string | null> {
  try {
    await promisify(execFile)(program, [...namespaces(), '--tmpfs', '/tmp', '--', '/bin/sh', '-c', ':'], {
      env: {},
      timeout: 10_000,
    });
    return null;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    return (stderr || message).trim().split('\n')[0] ?? 'unknown';
  }
}

/** What would undo the mask in the hands of root: mounting, reading past it, reaching into other processes. */
const undoing = ['SYS_ADMIN', 'SYS_PTRACE', 'SYS_MODULE', 'SYS_RAWIO', 'DAC_READ_SEARCH', 'MKNOD', 'BPF', 'PERFMON'];

function namespaces(): string[] {
  const drops = process.getuid!() === 0 ? undoing.flatMap((name) => ['--cap-drop', `CAP_${name}`]) : [];
  return ['--dev-bind', '/', '/', '--unshare-pid', '--proc', '/proc', ...drops];
}

/** A phase's places, as the mask must know them. Absolute real paths. */
export interface MaskPlaces {
  readonly settings: EnvironmentSettings;
  /** The phase's own private directories. */
  readonly own: readonly string[];
  /** The directories in which private directories lie. */
  readonly bases: readonly string[];
  /** Values that may be paths which the command needs: the caller's words, never those of a file in a repository. */
  readonly needed: readonly string[];
  /** Directories with keys and notes about credentials: never shown, whatever the command needs. */
  readonly secret: readonly string[];
}

/** What the child is not to see, and what of it must stay visible. */
export interface MaskPlan {
  /** Directories that appear empty. */
  readonly directories: readonly string[];
  /** Files that appear empty. */
  readonly files: readonly string[];
  /** The phase's own directories, seen again although they lie in a hidden one, but for what is ours in them. */
  readonly shown: readonly string[];
  /** Other directories that the command needs, seen again with all that is in them. */
  readonly kept: readonly string[];
  /** Directories that appear empty even if they lie in one that the command needs. */
  readonly secret: readonly string[];
  /** Directories of other phases, which may be gone before they can be hidden. */
  readonly fleeting: readonly string[];
}

/** Finds out what is there to hide: data directory, key-encryption key, other phases' directories. */
export async function planMask(places: MaskPlaces): Promise<MaskPlan> {
  const { settings, own } = places;
  const needed = [...places.needed, settings.workingDirectory].filter(
    (path) => !own.some((slot) => isWithin(path, slot)),
  );
  const mayVanish = (directory: string): boolean => !needed.some((path) => isWithin(path, directory));
  const data = await realOrNull(settings.dataDirectory);
  const key = await realOrNull(settings.keyEncryptionKeyFile);
  const keyHome = key === null ? null : dirname(key);
  const keyHomeVanishes = keyHome !== null && !isShared(keyHome) && mayVanish(keyHome);
  const usual = (await Promise.all(usualPlaces(settings).map(realOrNull))).filter((path) => path !== null);
  const bases = await Promise.all(places.bases.map(async (base) => ({ base, kept: await keptOf(base, needed) })));
  const whole = bases.filter(({ kept }) => kept !== null).map(({ base }) => base);
  const fleeting = (await Promise.all(places.bases.filter((base) => !whole.includes(base)).map(otherSlots)))
    .flat()
    .filter((slot) => !own.includes(slot) && (isSlotName(basename(slot)) || mayVanish(slot)));
  return {
    directories: outermost(
      [data, keyHomeVanishes ? keyHome : null, ...usual.filter(mayVanish), ...whole, ...fleeting].filter(
        (path) => path !== null,
      ),
    ),
    files: key === null || keyHomeVanishes ? [] : [key],
    shown: own,
    kept: bases.flatMap(({ kept }) => kept ?? []),
    secret: places.secret,
    fleeting,
  };
}

/**
 * The directories in a base that must be seen again when it is hidden whole, so that phases which begin later are hidden
 * too; null where it cannot be, since the command needs the base itself or a file in it that may have to be replaced.
 */
async function keptOf(base: string, needed: readonly string[]): Promise<readonly string[] | null> {
  if (isShared(base)) return null;
  const kept = new Set<string>();
  for (const path of needed.filter((candidate) => isWithin(candidate, base))) {
    const [name = ''] = relative(base, path).split(sep);
    if (isSlotName(name)) continue;
    const entry = await lstat(join(base, name)).catch(() => null);
    if (name === '' || !entry?.isDirectory()) return null;
    kept.add(join(base, name));
  }
  return [...kept];
}

/** Where data and key-encryption key lie without a setting: another key may lie there than the one in use. */
function usualPlaces({ homeDirectory, parentEnvironment }: EnvironmentSettings): string[] {
  return [
    parentEnvironment['XDG_DATA_HOME'] || join(homeDirectory, '.local/share'),
    parentEnvironment['XDG_CONFIG_HOME'] || join(homeDirectory, '.config'),
  ].map((directory) => join(directory, 'hallpass'));
}

/** Directories that many programs share: hiding them whole would take more from the child than ours. */
function isShared(directory: string): boolean {
  return ['/', '/tmp', '/var/tmp', '/etc', '/usr', '/var', '/home', '/root', '/run', '/opt'].includes(directory);
}

async function otherSlots(base: string): Promise<string[]> {
  const names = (await readdir(base).catch(() => [])).filter((name) => isSlotName(name) || isPlanName(name));
  const states = await Promise.all(
    names.map(async (name) => [join(base, name), await slotState(join(base, name), new Date())] as const),
  );
  return states.filter(([, state]) => state !== 'foreign' && state !== 'gone').map(([path]) => path);
}

/** Only directories that lie in no other of them. */
function outermost(directories: readonly string[]): string[] {
  const all = [...new Set(directories)];
  return all.filter((path) => !all.some((other) => other !== path && isWithin(path, other)));
}

/** Bubblewrap's arguments for a plan. Pure; the order matters, a later one covers an earlier one. */
export function maskArguments(plan: MaskPlan, workingDirectory: string): string[] {
  const hiddenFrom = (path: string): boolean => plan.directories.some((directory) => isWithin(path, directory));
  return [
    ...namespaces(),
    ...plan.directories.flatMap((path) => ['--perms', '0700', '--tmpfs', path]),
    ...plan.files.filter((path) => !hiddenFrom(path)).flatMap((path) => ['--ro-bind', '/dev/null', path]),
    ...[...plan.kept, ...plan.shown].filter(hiddenFrom).flatMap((path) => ['--bind', path, path]),
    ...plan.shown.flatMap((path) => ['--perms', '0700', '--tmpfs', join(path, ownPart)]),
    ...plan.secret.flatMap((path) => ['--perms', '0700', '--tmpfs', path]),
    '--chdir',
    workingDirectory,
  ];
}

/** Whether a path is a directory or lies in it. Both absolute and without `..`. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

async function realOrNull(path: string): Promise<string | null> {
  return realpath(path).catch(() => null);
}

/** Words that begin a path, out of variables and arguments: `PATH`, `-chdir=/x`, `-var-file=/y`. Pure. */
export function pathsIn(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(/[:=,]/)).filter((word) => word.startsWith('/') && basename(word) !== '');
}
