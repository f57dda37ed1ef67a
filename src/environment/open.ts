import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rmdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CredentialRequest, CredentialSet, PlatformIo } from '../domain/credential.ts';
import type { Problem } from '../domain/errors.ts';
import { sessionNameOf } from '../domain/workload.ts';
import { revealed, Secret } from '../domain/secret.ts';
import type { IdentityToken } from '../domain/token.ts';
import { errnoOf } from '../files/file-failure.ts';
import { inputVariableName, platforms as allPlatforms } from '../platforms/index.ts';
import type { Platform } from '../platforms/platform.ts';
import { findDiskBases, freeBytes, openBase, openDiskBase } from './base-directory.ts';
import type { HomeLink } from './caller-home.ts';
import { childEnvironment, type ChildEnvironment, type InstalledSet, type PlatformFacts } from './child-environment.ts';
import {
  configurationDirectory,
  directoryName,
  directoryNames,
  makeConfigurationDirectory,
  removeSlot,
  takeSlot,
  type SlotWish,
  writeSecretFile,
} from './directory.ts';
import { chooseIsolation, type IsolationChoice } from './isolation.ts';
import { clearSlot } from './leftovers.ts';
import { openOutput, type PhaseOutput } from './output.ts';
import { ownerNote, ownPart, writeOwner, type OwnerNote } from './owner.ts';
import type { Command, PhaseIo, PhaseRun } from './phase.ts';
import { SecretList } from './redaction.ts';
import { keyPlaces } from './revocation-key.ts';
import { Revocations } from './revocations.ts';
import { stoppableFetch } from './stoppable.ts';
import type { OpenTokenEndpoint } from './token-endpoint.ts';

/** Credentials that are replaced, in their files, before they expire. */
export interface Renewal {
  /** Ends it, after the write that is under way. */
  stop(): Promise<void>;
}

/** The private places of a phase, and what lies in them. */
export interface OpenEnvironment {
  readonly run: PhaseRun;
  readonly io: PhaseIo;
  readonly isolation: IsolationChoice;
  /** Where private directories lie. */
  readonly bases: readonly string[];
  /** The private directory: credentials, HOME. */
  readonly directory: string;
  /** A second one on disk: TMPDIR, and raw output where RAM is short. */
  readonly diskDirectory: string;
  readonly home: string;
  readonly temporaryDirectory: string;
  readonly secrets: SecretList;
  readonly output: PhaseOutput;
  readonly installed: Installed[];
  /** Files that are being written. */
  readonly installing: Promise<void>[];
  /** Exchanges under way. */
  readonly obtaining: Set<Promise<unknown>>;
  readonly platforms: readonly Platform[];
  readonly revocations: Revocations;
  /** Where the command fetches fresh tokens, while the phase is open. */
  readonly tokenEndpoints: Map<CredentialRequest, OpenTokenEndpoint>;
  /** Ends the calls of renewals: the phase is being taken down. */
  readonly closing: AbortController;
  renewal: Renewal | null;
  note: OwnerNote;
  /** No configuration may be installed any more. */
  isClosing: boolean;
  readonly reported: Set<string>;
}

/** A configuration in place, with the token that it was made from. */
export interface Installed extends InstalledSet {
  readonly request: CredentialRequest;
  readonly directory: string;
  set: CredentialSet;
  token: IdentityToken;
}

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
    childVariables(environment, run.command);
    return environment;
  } catch (error) {
    for (const slot of taken) await removeSlot(slot).catch(() => undefined);
    for (const base of await findDiskBases()) await rmdir(base).catch(() => undefined);
    throw error;
  }
}

async function openPlaces(run: PhaseRun, io: PhaseIo, taken: string[]): Promise<OpenEnvironment> {
  const { settings } = run;
  const stem = directoryName(directoryNames(run.lease.workload));
  const take = async (wish: Pick<SlotWish, 'base' | 'stem' | 'note' | 'passOverForeign' | 'demanded'>) => {
    const clear = (directory: string): Promise<void> =>
      clearSlot(directory, {
        settings,
        audit: run.audit,
        now: io.now,
        fetch: io.fetch,
        report: run.report,
        platforms: platformsOf(run),
      });
    const slot = await takeSlot({ ...wish, now: io.now, clear });
    taken.push(slot);
    return slot;
  };
  const isolation = await chooseIsolation(settings);
  const base = await openBase(settings.runDirectory);
  const diskBase = await openDiskBase();
  const nowhere = ownerNote({ lease: run.lease.id, now: io.now() });
  const diskDirectory = await take({ base: diskBase, stem, note: nowhere, passOverForeign: true });
  // A name of its own: by it the processes of this phase, and no later one's, are known.
  const temporaryDirectory = join(diskDirectory, randomBytes(3).toString('hex'));
  const onDisk = { ...nowhere, diskDirectory, temporaryDirectory };
  const demanded = run.directoryHint === undefined ? {} : { demanded: run.directoryHint };
  const directory = await take({ base, stem, note: onDisk, passOverForeign: false, ...demanded });
  const note = { ...onDisk, directory };
  await writeOwner(diskDirectory, note);
  const home = join(directory, 'home');
  for (const made of [temporaryDirectory, home]) await mkdir(made, { mode: 0o700 });
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
    world: { platforms: platformsOf(run), fetch: io.fetch, now: io.now, audit: run.audit, report: run.report },
    note,
    keyPlaces: keyPlaces(settings.parentEnvironment),
    warn: (problem) => warn({ run, reported }, problem),
  });
  return {
    run,
    io,
    isolation,
    bases: [base, diskBase],
    directory,
    diskDirectory,
    home,
    temporaryDirectory,
    secrets,
    output,
    installed: [],
    installing: [],
    obtaining: new Set(),
    platforms: platformsOf(run),
    revocations,
    tokenEndpoints: new Map(),
    closing: new AbortController(),
    renewal: null,
    note,
    isClosing: false,
    reported,
  };
}

function platformsOf(run: PhaseRun): readonly Platform[] {
  return run.platforms ?? allPlatforms;
}

/** Raw output stays until the phase has ended; a small RAM disk would fill up and break the apply. */
const roomForOutput = 256 * 1024 * 1024;

async function hasRoom(directory: string): Promise<boolean> {
  return (await freeBytes(directory)) >= roomForOutput;
}

/** From now on the value is replaced in output; says once when it is too short for that. */
export function addSecret(environment: OpenEnvironment, name: string, value: string): void {
  if (environment.secrets.add(value)) return;
  warn(environment, {
    what: `the value of ${name} is too short to be hidden in output (under 8 characters)`,
    mend: 'use a longer value, or keep it out of the output',
  });
}

/** Reports a warning, each once a phase. */
export function warn(environment: Pick<OpenEnvironment, 'run' | 'reported'>, problem: Problem): void {
  if (environment.reported.has(problem.what)) return;
  environment.reported.add(problem.what);
  environment.run.report({
    type: 'warning',
    text: problem.what,
    ...(problem.mend === undefined ? {} : { mend: problem.mend }),
  });
}

/** The world as a platform may touch it for one configuration. */
export function platformIo(environment: OpenEnvironment, request: CredentialRequest, stop: AbortSignal): PlatformIo {
  const { run, io, directory } = environment;
  const endpoint = environment.tokenEndpoints.get(request);
  return {
    fetch: stoppableFetch(io.fetch, stop),
    now: io.now,
    signal: stop,
    directory: configurationDirectory(directory, request.platform, request.tag),
    sessionName: sessionNameOf(run.lease.workload),
    environment: endpointVariables(environment),
    ...(endpoint === undefined ? {} : { tokenEndpoint: { url: endpoint.url, bearer: endpoint.bearer } }),
  };
}

/** The child's environment before any credentials, without secrets: regions and endpoints. */
function endpointVariables(environment: OpenEnvironment): Record<string, string> {
  const { variables } = childVariables({ ...environment, installed: [] }, environment.run.command);
  return Object.fromEntries([...variables].filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/**
 * Puts a configuration in place: the note about its end, then files, then it counts. Nothing comes in once the phase is
 * being taken down; what comes late is ended at once.
 */
export async function install(
  environment: OpenEnvironment,
  request: CredentialRequest,
  token: IdentityToken,
  set: CredentialSet,
): Promise<void> {
  if (environment.isClosing) return environment.revocations.late(request, set);
  const work = putInPlace(environment, request, token, set);
  environment.installing.push(work);
  await work;
}

async function putInPlace(
  environment: OpenEnvironment,
  request: CredentialRequest,
  token: IdentityToken,
  set: CredentialSet,
): Promise<void> {
  addSetSecrets(environment, request, set);
  await environment.revocations.note(request, set);
  const { platform, tag, offered } = request;
  const directory = await makeConfigurationDirectory(environment.directory, platform, tag);
  await writeFiles(directory, set);
  environment.installed.push({ platform, tag, set, request, directory, token });
  environment.run.report({ type: 'credentials_ready', platform, tag, offered, expiresAt: set.expiresAt });
  warnOfSet(environment, set);
}

/** What the platform says of a set, each once a phase; the place belongs to it, since the sentence may not name it. */
export function warnOfSet(environment: OpenEnvironment, { warnings = [] }: Pick<CredentialSet, 'warnings'>): void {
  for (const problem of warnings) {
    const place = problem.where === undefined || problem.what.includes(problem.where) ? '' : ` (${problem.where})`;
    warn(environment, { ...problem, what: problem.what + place });
  }
}

export async function writeFiles(directory: string, set: Pick<CredentialSet, 'files'>): Promise<void> {
  for (const file of set.files) await writeSecretFile(join(directory, file.name), revealed(file.contents));
}

/** All that a set holds as {@link Secret} is looked for in the output. */
export function addSetSecrets(environment: OpenEnvironment, request: CredentialRequest, set: CredentialSet): void {
  const values = [...Object.entries(set.environment), ...set.files.map((file) => [file.name, file.contents] as const)];
  for (const [name, value] of values) {
    if (value instanceof Secret) addSecret(environment, `${request.platform} ${name}`, value.reveal());
  }
}

/** Once all configurations are in place: what the platforms need for all of them at once. */
export async function installTogether(environment: OpenEnvironment): Promise<void> {
  for (const { files, directory } of togetherParts(environment)) {
    if (files.length === 0) continue;
    await mkdir(directory, { mode: 0o700, recursive: true });
    await writeFiles(directory, { files });
  }
}

function togetherParts(environment: OpenEnvironment) {
  return environment.platforms.flatMap((platform) => {
    const parts = environment.installed.filter((one) => one.platform === platform.id);
    if (platform.together === undefined || parts.every((one) => one.tag === null)) return [];
    const directory = join(environment.directory, platform.id);
    return [{ id: platform.id, directory, ...platform.together(parts, directory) }];
  });
}

/** A command's variables, and what they need in the private HOME. */
export function childVariables(environment: OpenEnvironment, command: Command): ChildEnvironment {
  const { run, home, temporaryDirectory, installed } = environment;
  const together = new Map(togetherParts(environment).map((part) => [part.id, part.environment]));
  const facts: PlatformFacts[] = environment.platforms.map((platform) => ({
    id: platform.id,
    inputVariable: inputVariableName(platform.id),
    together: together.get(platform.id) ?? {},
  }));
  return childEnvironment({
    settings: run.settings,
    command,
    home,
    temporaryDirectory,
    variables: run.variables,
    terraformVariables: run.terraformVariables,
    installed,
    platforms: facts,
    exists: existsSync,
  });
}

/** Shows parts of the caller's home in the private one. A second command of the phase finds them there. */
export async function linkHome(home: string, links: readonly HomeLink[]): Promise<void> {
  for (const { below, target } of links) {
    const path = join(home, below);
    await mkdir(dirname(path), { mode: 0o700, recursive: true });
    await symlink(target, path).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
  }
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
