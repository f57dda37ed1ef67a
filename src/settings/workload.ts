import type { Problem } from '../domain/errors.ts';
import { derivedId } from '../domain/ids.ts';
import { revealed, type Secret } from '../domain/secret.ts';
import type { Named } from '../domain/workload.ts';
import { ineffectiveVariables } from '../platforms/index.ts';
import { callersVariables } from './callers-variables.ts';
import { type FiledValue, type FileIdentity, fileIdentity, mergedValues } from './file-identity.ts';
import { findWorkloadFiles } from './find-workload-files.ts';
import {
  checkedIdentity,
  chooseIdentity,
  filledWorkspace,
  type IdentityChoice,
  nearestOf,
  type WorkloadFlags,
} from './identity-choice.ts';
import { followed } from './references.ts';
import type { Settings } from './settings.ts';
import { chooseTokenEndpoint, tokenEndpointField } from './token-endpoint.ts';
import type { WorkloadFile } from './workload-file.ts';

export { recordAllowed, requireAllowed } from './allowance.ts';
export type { FileIdentity } from './file-identity.ts';
export type { WorkloadFlags } from './identity-choice.ts';

/** The workload as files, variables and flags describe it together; checked. */
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
  /** Whether the command may fetch fresh tokens. */
  readonly tokenEndpoint: boolean;
  /** Absolute paths of the files in force, nearest first. */
  readonly files: readonly string[];
  /** Where each value came from: a place in a file, a variable, a flag, `environment` or `default`. */
  readonly sources: ReadonlyMap<string, string>;
  /** Null when variables and flags alone decide the identity. */
  readonly claimedByFile: FileIdentity | null;
  readonly warnings: readonly Problem[];
}

/** What the files say about identity, and the workspace's name as it would be filled here. */
export interface Claim {
  readonly files: readonly string[];
  readonly claimedByFile: FileIdentity | null;
  readonly workspace: string | null;
}

/**
 * Puts `hallpass.yaml` files, `HALLPASS_…` and `TFC_…` variables and flags together, weakest first.
 *
 * @throws {AppError} `settings_invalid`, `name_invalid` or `issuer_invalid`, naming file and place, variable or flag
 */
export async function resolveWorkload(settings: Settings, flags: WorkloadFlags): Promise<WorkloadSettings> {
  const files = await readFiles(settings);
  const choice = chooseIdentity(files, settings.parentEnvironment, flags);
  const { issuer, ...nouns } = await namedNouns(choice, files, settings);
  const lifetime = nearestOf(files, (file) => file.tokenLifetimeSeconds);
  const endpoint = chooseTokenEndpoint(files, settings.parentEnvironment, flags.tokenEndpoint);
  const values = await valuesInForce(files, settings);
  return Object.freeze({
    issuer,
    ...nouns,
    variables: values.variables,
    childVariables: values.childVariables,
    terraformVariables: values.terraformVariables,
    tokenLifetimeSeconds: lifetime?.found.value ?? null,
    tokenEndpoint: endpoint.value,
    files: files.map(({ path }) => path),
    sources: new Map([
      ...[...choice.chosen].map(([field, { source }]) => [field, source] as const),
      ...values.sources,
      ...(lifetime ? [['token_lifetime', lifetime.found.place] as const] : []),
      ...(endpoint.source === 'default' ? [] : [[tokenEndpointField.field, endpoint.source] as const]),
    ]),
    claimedByFile: await fileIdentity(files, choice, settings),
    warnings: [...choice.warnings, ...values.warnings],
  });
}

/** The claim of the files alone, for `hallpass allow`: names may be missing, references need not lead anywhere. */
export async function resolveClaim(settings: Settings, flags: WorkloadFlags): Promise<Claim> {
  const files = await readFiles(settings);
  const choice = chooseIdentity(files, settings.parentEnvironment, flags);
  const workspace = choice.chosen.get('workspace');
  return {
    files: files.map(({ path }) => path),
    claimedByFile: await fileIdentity(files, choice, settings),
    workspace: workspace ? await filledWorkspace(workspace, settings) : null,
  };
}

async function readFiles(settings: Settings): Promise<readonly WorkloadFile[]> {
  const found = await findWorkloadFiles(settings.workingDirectory, settings.homeDirectory);
  if (found.length === 0) return [];
  // Loaded only now: the YAML parser is a third of all modules that `exec` reads.
  const { readWorkloadFile } = await import('./workload-file.ts');
  return found.map(({ path, text }) => readWorkloadFile(text, path));
}

async function namedNouns(choice: IdentityChoice, files: readonly WorkloadFile[], settings: Settings) {
  const { issuer, organization, project, workspace } = await checkedIdentity(choice.chosen, files, settings);
  const { ids } = choice;
  return {
    issuer,
    organization: { name: organization, id: ids.organization?.value ?? derivedId('org', [organization]) },
    project: { name: project, id: ids.project?.value ?? derivedId('prj', [organization, project]) },
    workspace: { name: workspace, id: ids.workspace?.value ?? derivedId('ws', [organization, project, workspace]) },
  };
}

/** Variables of the files, then the caller's own `TFC_…`, which win; references followed. */
async function valuesInForce(files: readonly WorkloadFile[], settings: Settings) {
  const sources = new Map<string, string>();
  const follow = async (written: ReadonlyMap<string, FiledValue>, prefix: string) => {
    const found = new Map<string, Secret | string>();
    for (const [name, value] of written) {
      found.set(name, await followed(name, value, settings));
      sources.set(`${prefix}${name}`, value.place);
    }
    return found;
  };
  const written = mergedValues(files, (file) => file.variables);
  const followedVariables = await follow(written, '');
  const terraformVariables = await follow(
    mergedValues(files, (file) => file.terraformVariables),
    'terraform_variables.',
  );
  const [switches, childVariables] = parted(followedVariables);
  const variables = new Map([...switches].map(([name, value]) => [name, revealed(value)]));
  const warnings = [...switches.keys()].flatMap((name) => sensitiveSwitch(name, written.get(name)!));

  const callers = callersVariables(settings.parentEnvironment);
  for (const [name, value] of callers.switches) {
    variables.set(name, value);
    sources.set(name, 'environment');
  }
  return {
    variables,
    childVariables,
    terraformVariables,
    sources,
    warnings: [...warnings, ...callers.warnings, ...ineffectiveVariables(variables)],
  };
}

function isSwitch(name: string): boolean {
  return name.startsWith('TFC_');
}

function parted<T>(all: ReadonlyMap<string, T>): [switches: Map<string, T>, others: Map<string, T>] {
  const entries = [...all];
  return [new Map(entries.filter(([name]) => isSwitch(name))), new Map(entries.filter(([name]) => !isSwitch(name)))];
}

function sensitiveSwitch(name: string, { value, place }: FiledValue): Problem[] {
  if (value.kind !== 'text' || !value.sensitive) return [];
  return [
    {
      what: `${name} is called sensitive, but roles and audiences are shown in the audit and in explanations`,
      where: place,
      mend: 'write the value alone',
    },
  ];
}
