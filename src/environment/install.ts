import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CredentialRequest, CredentialSet, PlatformIo } from '../domain/credential.ts';
import { revealed, Secret } from '../domain/secret.ts';
import type { IdentityToken } from '../domain/token.ts';
import { sessionNameOf } from '../domain/workload.ts';
import { errnoOf } from '../files/file-failure.ts';
import { inputVariableName } from '../platforms/index.ts';
import type { HomeLink } from './caller-home.ts';
import { childEnvironment, type ChildEnvironment, type PlatformFacts } from './child-environment.ts';
import { configurationDirectory, makeConfigurationDirectory, writeSecretFile } from './directory.ts';
import { addSecret, warn, type OpenEnvironment } from './open-environment.ts';
import type { Command } from './phase.ts';
import { stoppableFetch } from './stoppable.ts';

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
    environment: environment.platformVariables,
    ...(endpoint === undefined ? {} : { tokenEndpoint: { url: endpoint.url, bearer: endpoint.bearer } }),
  };
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

/** Writes the files of a set, in place of those of the same names. */
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
