import { randomBytes } from 'node:crypto';
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../domain/secret.ts';
import { platforms as allPlatforms } from '../platforms/index.ts';
import { placeVariables } from './allow-list.ts';
import { findDiskBases, freeBytes, openBase, openDiskBase } from './base-directory.ts';
import { directoryName, directoryNames, removeSlot, takeSlot, type SlotWish } from './directory.ts';
import { childVariables } from './install.ts';
import { chooseIsolation } from './isolation.ts';
import { clearSlot } from './leftovers.ts';
import { addSecret, warn, type OpenEnvironment } from './open-environment.ts';
import { openOutput } from './output.ts';
import { ownerNote, ownPart, writeOwner, type OwnerNote } from './owner.ts';
import type { PhaseIo, PhaseRun } from './phase.ts';
import { SecretList } from './redaction.ts';
import { keyPlaces } from './revocation-key.ts';
import { Revocations } from './revocations.ts';

/** Makes the private places of a phase. Nothing has been minted yet. */
export async function openEnvironment(run: PhaseRun, io: PhaseIo): Promise<OpenEnvironment> {
  const taken: string[] = [];
  try {
    const environment = await openPlaces(run, io, taken);
    for (const [name, value] of [...run.variables, ...run.terraformVariables]) {
      if (value instanceof Secret) addSecret(environment, name, value.reveal());
    }
    if (environment.isolation.problem !== null) warn(environment, environment.isolation.problem);
    // A value that no process can be given stops here, before any token.
    const { variables } = childVariables(environment, run.command);
    environment.platformVariables = placeVariables(variables);
    return environment;
  } catch (error) {
    for (const slot of taken) await removeSlot(slot).catch(() => undefined);
    for (const base of await findDiskBases()) await rmdir(base).catch(() => undefined);
    throw error;
  }
}

/** Where the phase lies on this machine. */
type Places = Pick<
  OpenEnvironment,
  'bases' | 'directory' | 'diskDirectory' | 'temporaryDirectory' | 'home' | 'note' | 'platforms'
>;

async function openPlaces(run: PhaseRun, io: PhaseIo, taken: string[]): Promise<OpenEnvironment> {
  const { settings } = run;
  const isolation = await chooseIsolation(settings);
  const places = await takePlaces(run, io, taken);
  const { directory, diskDirectory, temporaryDirectory, platforms, note } = places;
  const secrets = new SecretList();
  const output = await openOutput({
    directory: join((await hasRoom(directory)) ? directory : diskDirectory, ownPart),
    stdout: io.stdout,
    stderr: io.stderr,
    redact: settings.redact,
    secrets,
  });
  run.report({
    type: 'environment_opened',
    directory,
    temporaryDirectory,
    isolation: isolation.mask === null ? 'off' : 'mask',
  });
  const reported = new Set<string>();
  const revocations = new Revocations({
    lease: run.lease,
    world: { platforms, fetch: io.fetch, now: io.now, audit: run.audit, report: run.report },
    note,
    keyPlaces: keyPlaces(settings.parentEnvironment),
    warn: (problem) => warn({ run, reported }, problem),
  });
  return {
    ...places,
    platformVariables: {},
    run,
    io,
    isolation,
    secrets,
    output,
    installed: [],
    installing: [],
    obtaining: new Set(),
    revocations,
    tokenEndpoints: new Map(),
    closing: new AbortController(),
    renewal: null,
    isClosing: false,
    reported,
  };
}

/** Takes two slots, in memory and on disk, and notes in both whose they are. */
async function takePlaces(run: PhaseRun, io: PhaseIo, taken: string[]): Promise<Places> {
  const { settings, audit, report } = run;
  const platforms = run.platforms ?? allPlatforms;
  const stem = directoryName(directoryNames(run.lease.workload));
  const clear = (directory: string): Promise<void> =>
    clearSlot(directory, { settings, audit, now: io.now, fetch: io.fetch, report, platforms });
  const take = async (wish: Pick<SlotWish, 'base' | 'note' | 'passOverForeign' | 'demanded'>): Promise<string> => {
    const slot = await takeSlot({ ...wish, stem, now: io.now, clear });
    taken.push(slot);
    return slot;
  };
  const base = await openBase(settings.runDirectory);
  const diskBase = await openDiskBase();
  const nowhere = ownerNote({ lease: run.lease.id, now: io.now() });
  const diskDirectory = await take({ base: diskBase, note: nowhere, passOverForeign: true });
  // A name of its own: by it the processes of this phase, and no later one's, are known.
  const temporaryDirectory = join(diskDirectory, randomBytes(3).toString('hex'));
  const onDisk = { ...nowhere, diskDirectory, temporaryDirectory };
  const demanded = run.directoryHint === undefined ? {} : { demanded: run.directoryHint };
  const directory = await take({ base, note: onDisk, passOverForeign: false, ...demanded });
  const note = { ...onDisk, directory };
  await writeOwner(diskDirectory, note);
  const home = join(directory, 'home');
  for (const made of [temporaryDirectory, home]) await mkdir(made, { mode: 0o700 });
  return { bases: [base, diskBase], directory, diskDirectory, temporaryDirectory, home, note, platforms };
}

/** Raw output stays until the phase has ended; a small RAM disk would fill up and break the apply. */
const roomForOutput = 256 * 1024 * 1024;

async function hasRoom(directory: string): Promise<boolean> {
  return (await freeBytes(directory)) >= roomForOutput;
}

/** Notes the processes that were started, so that a later Hallpass can end them if this one dies. */
export async function noteProcesses(
  environment: OpenEnvironment,
  processes: Pick<OwnerNote, 'child' | 'init' | 'command'>,
): Promise<void> {
  environment.note = { ...environment.note, ...processes };
  // The one on disk is what whoever clears up goes by.
  for (const slot of [environment.diskDirectory, environment.directory]) await writeOwner(slot, environment.note);
}
