import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Problem, SettingsError } from '../domain/errors.ts';
import { derivedId } from '../domain/ids.ts';
import { checkedName } from '../domain/names.ts';
import { revealed, type Secret } from '../domain/secret.ts';
import type { Named } from '../domain/workload.ts';
import { checkedIssuerUrl } from '../identity/issuer-url.ts';
import { unknownVariables } from '../platforms/index.ts';
import type { FileIdentity, IdentityStatement } from './allowance.ts';
import { placedError } from './placed-error.ts';
import { findWorkloadFiles, shownPath, workloadFileName } from './find-workload-files.ts';
import { followed } from './references.ts';
import type { Settings } from './settings.ts';
import { directoryName, fillTemplate, isTemplate, uses } from './template.ts';
import {
  type Noun,
  nouns,
  type Placed,
  readWorkloadFile,
  type WorkloadFile,
  type WrittenValue,
} from './workload-file.ts';

export { type FileIdentity, type IdentityStatement, recordAllowed, requireAllowed } from './allowance.ts';

/** What a command's flags say about the workload. */
export interface WorkloadFlags {
  readonly issuer?: string | undefined;
  readonly organization?: string | undefined;
  readonly project?: string | undefined;
  readonly workspace?: string | undefined;
}

/** The workload as files, variables and flags describe it together; checked and frozen. */
export interface WorkloadSettings {
  readonly issuer: string;
  readonly organization: Named;
  readonly project: Named;
  readonly workspace: Named;
  /** The `TFC_…` variables, which drive Hallpass. */
  readonly variables: ReadonlyMap<string, string>;
  /** All other variables of the workload, for the child's environment. */
  readonly childVariables: ReadonlyMap<string, Secret | string>;
  /** Values for Terraform's own variables, without `TF_VAR_`. */
  readonly terraformVariables: ReadonlyMap<string, Secret | string>;
  /** Short tokens, renewed; null: the phase's own lifetime. */
  readonly tokenLifetimeSeconds: number | null;
  /** Absolute paths of the files in force, nearest first. */
  readonly files: readonly string[];
  /** Where each value came from: a file, a variable, a flag or `default`. */
  readonly sources: ReadonlyMap<string, string>;
  /** Null when variables and flags alone decide the identity. */
  readonly claimedByFile: FileIdentity | null;
  readonly warnings: readonly Problem[];
}

/** Identity alone: what {@link resolveWorkload} gives without following references. */
export type WorkloadIdentity = Pick<
  WorkloadSettings,
  'issuer' | 'organization' | 'project' | 'workspace' | 'files' | 'sources' | 'claimedByFile' | 'warnings'
>;

type IdentityField = 'issuer' | Noun;

/** Variable and flag of each field; a flag beats the variable, the variable beats the file. */
export const identityFields: readonly { field: IdentityField; variable: string; flag: string }[] = [
  { field: 'issuer', variable: 'HALLPASS_ISSUER', flag: '--issuer' },
  { field: 'organization', variable: 'HALLPASS_ORGANIZATION', flag: '--organization' },
  { field: 'project', variable: 'HALLPASS_PROJECT', flag: '--project' },
  { field: 'workspace', variable: 'HALLPASS_WORKSPACE', flag: '--workspace' },
];

/** The project of workspaces that name none, as in HCP Terraform. */
export const defaultProject = 'Default Project';

/** Where a value stands; `file` is null for variables, flags and defaults. */
interface Chosen {
  readonly value: string;
  readonly source: string;
  readonly file: WorkloadFile | null;
}

/**
 * Puts `hallpass.yaml` files, `HALLPASS_…` and `TFC_…` variables and flags together, weakest first.
 *
 * @throws {AppError} `settings_invalid`, `name_invalid` or `issuer_invalid`, naming file and place, variable or flag
 */
export async function resolveWorkload(settings: Settings, flags: WorkloadFlags): Promise<WorkloadSettings> {
  const files = await readFiles(settings);
  const identity = await identityFrom(files, settings, flags);
  const sources = new Map(identity.sources);
  const warnings = [...identity.warnings];

  const written = merged(files, (file) => file.variables);
  const variables = new Map<string, string>();
  const childVariables = new Map<string, Secret | string>();
  for (const [name, value] of written) {
    const found = await followed(name, value, settings);
    sources.set(name, value.place);
    if (name.startsWith('TFC_')) variables.set(name, revealed(found));
    else childVariables.set(name, found);
  }
  const unknown = new Map(unknownVariables(callersSwitches(settings)).map((entry) => [entry.name, entry.nearest]));
  for (const [name, value] of callersSwitches(settings)) {
    if (unknown.has(name)) {
      warnings.push(unknownSwitch(name, unknown.get(name)));
      continue;
    }
    variables.set(name, value);
    sources.set(name, 'environment');
  }

  const terraformVariables = new Map<string, Secret | string>();
  for (const [name, value] of merged(files, (file) => file.terraformVariables)) {
    terraformVariables.set(name, await followed(name, value, settings));
    sources.set(`terraform_variables.${name}`, value.place);
  }
  const lifetime = nearestOf(files, (file) => file.tokenLifetimeSeconds);
  if (lifetime) sources.set('token_lifetime', lifetime.found.place);

  return Object.freeze({
    ...identity,
    variables,
    childVariables,
    terraformVariables,
    tokenLifetimeSeconds: lifetime?.found.value ?? null,
    sources,
    warnings,
  });
}

/** The identity alone, for `hallpass allow`: references need not be there. */
export async function resolveIdentity(settings: Settings, flags: WorkloadFlags): Promise<WorkloadIdentity> {
  return identityFrom(await readFiles(settings), settings, flags);
}

async function readFiles(settings: Settings): Promise<readonly WorkloadFile[]> {
  const found = await findWorkloadFiles(settings.workingDirectory, settings.homeDirectory);
  return found.map(({ path, text }) => readWorkloadFile(text, path));
}

async function identityFrom(
  files: readonly WorkloadFile[],
  settings: Settings,
  flags: WorkloadFlags,
): Promise<WorkloadIdentity> {
  const chosen = new Map<IdentityField, Chosen>();
  for (const { field } of identityFields) {
    const choice = choose(field, files, settings, flags);
    if (choice) chosen.set(field, choice);
  }
  if (!chosen.has('project')) chosen.set('project', { value: defaultProject, source: 'default', file: null });
  refuseMissing(chosen, files, settings);

  const names = await namesOf(chosen, settings);
  const { ids, warnings } = idsInForce(chosen, files);
  const named = (noun: Noun, id: string): Named => Object.freeze({ name: names[noun], id: ids[noun]?.value ?? id });
  const { organization, project, workspace } = names;
  return Object.freeze({
    issuer: checkedAt(chosen.get('issuer')!, checkedIssuerUrl),
    organization: named('organization', derivedId('org', [organization])),
    project: named('project', derivedId('prj', [organization, project])),
    workspace: named('workspace', derivedId('ws', [organization, project, workspace])),
    files: files.map((file) => file.path),
    sources: new Map([...chosen].map(([field, choice]) => [field, choice.source])),
    claimedByFile: await claimOf(chosen, ids, files, settings),
    warnings,
  });
}

/** Flag, then variable, then the nearest file that says something. */
function choose(
  field: IdentityField,
  files: readonly WorkloadFile[],
  settings: Settings,
  flags: WorkloadFlags,
): Chosen | null {
  const { flag, variable } = identityFields.find((row) => row.field === field)!;
  const given = flags[field];
  if (given !== undefined) return { value: given, source: flag, file: null };
  const exported = settings.parentEnvironment[variable];
  if (exported) return { value: exported, source: variable, file: null };
  const written = nearestOf(files, (file) => (field === 'issuer' ? file.issuer : (file.names[field] ?? null)));
  return written ? { value: written.found.value, source: written.found.place, file: written.file } : null;
}

function nearestOf<T>(
  files: readonly WorkloadFile[],
  get: (file: WorkloadFile) => T | null,
): { found: T; file: WorkloadFile } | null {
  for (const file of files) {
    const found = get(file);
    if (found !== null) return { found, file };
  }
  return null;
}

/** Variables of all files by name; nearer files win. */
function merged(
  files: readonly WorkloadFile[],
  get: (file: WorkloadFile) => ReadonlyMap<string, Placed<WrittenValue>>,
): ReadonlyMap<string, Placed<WrittenValue> & { readonly file: string }> {
  const all = new Map<string, Placed<WrittenValue> & { readonly file: string }>();
  for (const file of files.toReversed()) {
    for (const [name, value] of get(file)) all.set(name, { ...value, file: file.path });
  }
  return all;
}

function refuseMissing(
  chosen: ReadonlyMap<IdentityField, Chosen>,
  files: readonly WorkloadFile[],
  settings: Settings,
): void {
  const missing = identityFields.filter(({ field }) => !chosen.has(field));
  if (missing.length === 0) return;
  const list = (get: (row: (typeof identityFields)[number]) => string): string => missing.map(get).join(', ');
  throw new SettingsError({
    what: `nothing says which ${list(({ field }) => field)} this is`,
    where:
      files.length > 0
        ? files.map((file) => shownPath(file.path, settings.workingDirectory)).join(', ')
        : `no ${workloadFileName} in ${settings.workingDirectory} or above it`,
    mend: `${files.length > 0 ? 'add it to hallpass.yaml' : 'write a hallpass.yaml ("hallpass init" asks and does)'}, or set ${list(({ variable }) => variable)}, or give ${list(({ flag }) => flag)}`,
  });
}

async function namesOf(
  chosen: ReadonlyMap<IdentityField, Chosen>,
  settings: Settings,
): Promise<Readonly<Record<Noun, string>>> {
  const workspace = chosen.get('workspace')!;
  const filled =
    workspace.file !== null && isTemplate(workspace.value)
      ? { ...workspace, value: await filledWorkspace(workspace.value, settings) }
      : workspace;
  return {
    organization: checkedAt(chosen.get('organization')!, (name) => checkedName('organization', name)),
    project: checkedAt(chosen.get('project')!, (name) => checkedName('project', name)),
    workspace: checkedAt(filled, (name) => checkedName('workspace', name)),
  };
}

async function filledWorkspace(template: string, settings: Settings): Promise<string> {
  return fillTemplate(template, {
    dir: directoryName(settings.workingDirectory),
    'terraform.workspace': uses(template, 'terraform.workspace') ? await selectedWorkspace(settings) : '',
  });
}

/** The workspace that Terraform would take: `TF_WORKSPACE`, else what `terraform workspace select` left behind. */
async function selectedWorkspace(settings: Settings): Promise<string> {
  const named = settings.parentEnvironment['TF_WORKSPACE'];
  if (named) return named;
  const data = resolve(settings.workingDirectory, settings.parentEnvironment['TF_DATA_DIR'] || '.terraform');
  const selected = await readFile(join(data, 'environment'), 'utf8').catch(() => '');
  return selected.trim() || 'default';
}

function checkedAt(choice: Chosen, check: (value: string) => string): string {
  return placedError(choice.source, () => check(choice.value));
}

/**
 * The ids that hold. An id written for one name must not come to stand beside another: it counts only while its name,
 * and the names above it, are those that its file saw.
 */
function idsInForce(
  chosen: ReadonlyMap<IdentityField, Chosen>,
  files: readonly WorkloadFile[],
): { ids: Partial<Record<Noun, Placed<string> & { file: string }>>; warnings: Problem[] } {
  const ids: Partial<Record<Noun, Placed<string> & { file: string }>> = {};
  const warnings: Problem[] = [];
  for (const noun of nouns) {
    const written = nearestOf(files, (file) => file.ids[noun] ?? null);
    if (written === null) continue;
    const above = nouns.slice(0, nouns.indexOf(noun) + 1);
    const changed = above.find((name) => !seenBy(written.file, chosen.get(name)!, files));
    if (changed === undefined) {
      ids[noun] = { ...written.found, file: written.file.path };
    } else {
      warnings.push({
        what: `ids.${noun} is not used, since the ${changed} comes from ${chosen.get(changed)!.source}`,
        where: written.found.place,
        mend: 'the id is derived from the names instead',
      });
    }
  }
  return { ids, warnings };
}

/** Whether a name in force stands in the same file or in one further up, so that the file's author saw it. */
function seenBy(file: WorkloadFile, name: Chosen, files: readonly WorkloadFile[]): boolean {
  if (name.source === 'default') return true;
  return name.file !== null && !isTemplate(name.value) && files.indexOf(name.file) >= files.indexOf(file);
}

async function claimOf(
  chosen: ReadonlyMap<IdentityField, Chosen>,
  ids: Partial<Record<Noun, Placed<string> & { file: string }>>,
  files: readonly WorkloadFile[],
  settings: Settings,
): Promise<FileIdentity | null> {
  const statements: IdentityStatement[] = [];
  for (const [field, { value, file }] of chosen) if (file) statements.push({ field, value, file: file.path });
  if (statements.length === 0) return null;
  for (const noun of nouns) {
    const id = ids[noun];
    if (id) statements.push({ field: `ids.${noun}`, value: id.value, file: id.file });
  }
  statements.push(...referencesOf(files));
  const workspace = chosen.get('workspace')!;
  const perDirectory = workspace.file !== null && uses(workspace.value, 'dir');
  // A template with ${dir} names another workspace in every directory, so each directory is allowed by itself.
  const directory = perDirectory ? settings.workingDirectory : dirname(files[0]!.path);
  return Object.freeze({ directory: await realpath(directory), statements });
}

function referencesOf(files: readonly WorkloadFile[]): IdentityStatement[] {
  const groups = [
    { name: 'variables', values: merged(files, (file) => file.variables) },
    { name: 'terraform_variables', values: merged(files, (file) => file.terraformVariables) },
  ];
  return groups.flatMap(({ name, values }) =>
    [...values]
      .filter(([, { value }]) => value.kind !== 'text')
      .map(([variable, { value, file }]) => ({ field: `${name}.${variable}`, value: reference(value), file })),
  );
}

function reference(value: WrittenValue): string {
  switch (value.kind) {
    case 'env':
      return `{ env: ${value.name} }`;
    case 'file':
      return `{ file: ${value.path} }`;
    case 'text':
      return '';
  }
}

function callersSwitches(settings: Settings): ReadonlyMap<string, string> {
  return new Map(Object.entries(settings.parentEnvironment).filter(([name]) => name.startsWith('TFC_')));
}

function unknownSwitch(name: string, nearest: string | undefined): Problem {
  return {
    what: `the environment variable ${name} is unknown and changes nothing`,
    where: name,
    ...(nearest === undefined ? {} : { mend: `did you mean ${nearest}?` }),
  };
}
