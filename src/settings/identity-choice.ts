import { readFile, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Problem, SettingsError } from '../domain/errors.ts';
import { checkedName } from '../domain/names.ts';
import { errnoOf } from '../files/file-failure.ts';
import { checkedIssuerUrl } from '../identity/issuer-url.ts';
import { shownPath, workloadFileName } from './find-workload-files.ts';
import { type Noun, nouns } from './nouns.ts';
import { placedError } from './placed-error.ts';
import type { Settings } from './settings.ts';
import { directoryName, fillTemplate, isTemplate, uses } from './template.ts';
import type { Placed, WorkloadFile } from './workload-file.ts';

/** What a command's flags say about the workload. */
export interface WorkloadFlags {
  readonly issuer?: string | undefined;
  readonly organization?: string | undefined;
  readonly project?: string | undefined;
  readonly workspace?: string | undefined;
  /** Of `exec` only. */
  readonly tokenEndpoint?: boolean | undefined;
}

export type IdentityField = 'issuer' | Noun;

/** Variable and flag of each field; a flag beats the variable, the variable beats the file. */
export const identityFields: readonly { field: IdentityField; variable: string; flag: string }[] = [
  { field: 'issuer', variable: 'HALLPASS_ISSUER', flag: '--issuer' },
  { field: 'organization', variable: 'HALLPASS_ORGANIZATION', flag: '--organization' },
  { field: 'project', variable: 'HALLPASS_PROJECT', flag: '--project' },
  { field: 'workspace', variable: 'HALLPASS_WORKSPACE', flag: '--workspace' },
];

/** The project of workspaces that name none, as in HCP Terraform. */
export const defaultProject = 'Default Project';

/** A value in force; `file` is null for variables, flags and the default. */
export interface Chosen {
  readonly value: string;
  /** A place in a file, a variable, a flag, or `default`. */
  readonly source: string;
  readonly file: WorkloadFile | null;
}

export interface IdentityChoice {
  readonly chosen: ReadonlyMap<IdentityField, Chosen>;
  readonly ids: Readonly<Partial<Record<Noun, Placed<string>>>>;
  readonly warnings: readonly Problem[];
}

/** Chooses each field's value: flag, then variable, then the nearest file that says something. Pure. */
export function chooseIdentity(
  files: readonly WorkloadFile[],
  parentEnvironment: Settings['parentEnvironment'],
  flags: WorkloadFlags,
): IdentityChoice {
  const chosen = new Map<IdentityField, Chosen>();
  for (const { field, flag, variable } of identityFields) {
    const given = flags[field];
    const exported = parentEnvironment[variable];
    const written = writtenIn(files, field);
    if (given !== undefined) chosen.set(field, { value: given, source: flag, file: null });
    else if (exported) chosen.set(field, { value: exported, source: variable, file: null });
    else if (written)
      chosen.set(field, { value: written.found.value, source: written.found.place, file: written.file });
  }
  if (!chosen.has('project')) chosen.set('project', { value: defaultProject, source: 'default', file: null });
  return { chosen, ...idsInForce(chosen, files) };
}

/** What the nearest file that says something about a field says. */
export function writtenIn(
  files: readonly WorkloadFile[],
  field: IdentityField,
): { found: Placed<string>; file: WorkloadFile } | null {
  return nearestOf(files, (file) => (field === 'issuer' ? file.issuer : (file.names[field] ?? null)));
}

/** The first of the files, nearest first, for which `get` gives something. */
export function nearestOf<T>(
  files: readonly WorkloadFile[],
  get: (file: WorkloadFile) => T | null,
): { found: T; file: WorkloadFile } | null {
  for (const file of files) {
    const found = get(file);
    if (found !== null) return { found, file };
  }
  return null;
}

/**
 * The ids that hold. An id written for one name must not come to stand beside another: it counts only while its name,
 * and the names above it, are those that its file saw.
 */
function idsInForce(
  chosen: ReadonlyMap<IdentityField, Chosen>,
  files: readonly WorkloadFile[],
): Pick<IdentityChoice, 'ids' | 'warnings'> {
  const ids: Partial<Record<Noun, Placed<string>>> = {};
  const warnings: Problem[] = [];
  for (const noun of nouns) {
    const written = nearestOf(files, (file) => file.ids[noun] ?? null);
    if (written === null) continue;
    const upToHere = nouns.slice(0, nouns.indexOf(noun) + 1);
    const changed = upToHere.find((name) => !isSeenBy(written.file, chosen.get(name), files));
    if (changed === undefined) {
      ids[noun] = written.found;
      continue;
    }
    warnings.push({
      what: `ids.${noun} is not used, since the file that gives it does not give the ${changed} as well`,
      where: written.found.place,
      mend: 'the id is derived from the names instead',
    });
  }
  return { ids, warnings };
}

/** Whether a name in force stands in the same file or in one further up, so that the file's author saw it. */
function isSeenBy(file: WorkloadFile, name: Chosen | undefined, files: readonly WorkloadFile[]): boolean {
  if (name === undefined) return false;
  if (name.source === 'default') return true;
  return name.file !== null && !isTemplate(name.value) && files.indexOf(name.file) >= files.indexOf(file);
}

/** The identity in words, checked, or one error that names all that is missing and every way to give it. */
export async function checkedIdentity(
  chosen: ReadonlyMap<IdentityField, Chosen>,
  files: readonly WorkloadFile[],
  settings: Settings,
): Promise<Readonly<Record<IdentityField, string>>> {
  refuseMissing(chosen, files, settings);
  const checked = (field: IdentityField, check: (value: string) => string): string =>
    placedError(chosen.get(field)!.source, () => check(chosen.get(field)!.value));
  const workspace = await filledWorkspace(chosen.get('workspace')!, settings);
  return {
    issuer: checked('issuer', checkedIssuerUrl),
    organization: checked('organization', (name) => checkedName('organization', name)),
    project: checked('project', (name) => checkedName('project', name)),
    workspace: checked('workspace', () => checkedName('workspace', workspace)),
  };
}

function refuseMissing(
  chosen: ReadonlyMap<IdentityField, Chosen>,
  files: readonly WorkloadFile[],
  { workingDirectory }: Settings,
): void {
  const missing = identityFields.filter(({ field }) => !chosen.has(field));
  if (missing.length === 0) return;
  const list = (get: (row: (typeof identityFields)[number]) => string): string => missing.map(get).join(', ');
  const inFile =
    files.length > 0 ? 'add it to hallpass.yaml' : 'write a hallpass.yaml ("hallpass init" asks and does it)';
  throw new SettingsError({
    what: `nothing says which ${list(({ field }) => field)} this is`,
    where:
      files.length > 0
        ? files.map((file) => shownPath(file.path, workingDirectory)).join(', ')
        : `no ${workloadFileName} in ${workingDirectory} or above it`,
    mend: `${inFile}, or set ${list(({ variable }) => variable)}, or give ${list(({ flag }) => flag)}`,
  });
}

/** The workspace's name with its placeholders filled; only files hold placeholders. */
export async function filledWorkspace(workspace: Chosen, settings: Settings): Promise<string> {
  if (workspace.file === null || !isTemplate(workspace.value)) return workspace.value;
  return fillTemplate(workspace.value, {
    // The real one, for which it was allowed: a link beside it (terraform -chdir=LINK) must not give it another name.
    dir: directoryName(await realpath(settings.workingDirectory).catch(() => settings.workingDirectory)),
    'terraform.workspace': uses(workspace.value, 'terraform.workspace') ? await selectedWorkspace(settings) : '',
  });
}

/** The workspace that Terraform would take: `TF_WORKSPACE`, else what `terraform workspace select` left behind. */
async function selectedWorkspace({ parentEnvironment, workingDirectory }: Settings): Promise<string> {
  const named = parentEnvironment['TF_WORKSPACE'];
  if (named) return named;
  const data = resolve(workingDirectory, parentEnvironment['TF_DATA_DIR'] || '.terraform');
  const selected = await readFile(join(data, 'environment'), 'utf8').catch((error: unknown) => {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    // Guessing "default" here could give a run another workspace's identity.
    throw new SettingsError(
      { what: `the selected Terraform workspace cannot be read (${code})`, where: join(data, 'environment') },
      { cause: error },
    );
  });
  return selected.trim() || 'default';
}
