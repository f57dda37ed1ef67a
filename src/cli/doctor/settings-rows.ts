import { resolve } from 'node:path';
import type { Settings } from '../../settings/settings.ts';
import { readSettings, settingsTable } from '../../settings/settings.ts';
import type { WorkloadSettings } from '../../settings/workload.ts';

/** A setting in force, and where it came from. Never a secret: of the command's variables only the names. */
export interface SettingRow {
  readonly name: string;
  /** Null when it is not set, or not shown. */
  readonly value: string | null;
  readonly source: string;
  /** It has a value that may be a secret. */
  readonly isHidden?: true;
}

/** The settings of the process. */
export function processRows(settings: Settings): readonly SettingRow[] {
  return settingsTable.map((row) => ({
    name: row.name,
    value: settings[row.name],
    source: sourceOf(settings, row),
  }));
}

/** The flag wins over the variable, so a value that neither the variable nor the default gives came from the flag. */
function sourceOf(settings: Settings, row: (typeof settingsTable)[number]): string {
  const value = settings[row.name];
  const written = settings.parentEnvironment[row.variable];
  const fromVariable = written ? [written, resolve(settings.workingDirectory, written)].includes(value ?? '') : false;
  if (fromVariable) return row.variable;
  if (row.flag === null || value === null) return 'default';
  const { HOME, XDG_DATA_HOME } = settings.parentEnvironment;
  return value === readSettings({ HOME, XDG_DATA_HOME })[row.name] ? 'default' : row.flag;
}

/** What describes the workload: names, ids, switches, and the names of the variables that the command will get. */
export function workloadRows(workload: WorkloadSettings): readonly SettingRow[] {
  const source = (field: string): string => workload.sources.get(field) ?? 'default';
  return [
    { name: 'issuer', value: workload.issuer, source: source('issuer') },
    { name: 'organization', value: named(workload.organization), source: source('organization') },
    { name: 'project', value: named(workload.project), source: source('project') },
    { name: 'workspace', value: named(workload.workspace), source: source('workspace') },
    ...(workload.tokenLifetimeSeconds === null
      ? []
      : [{ name: 'token_lifetime', value: `${workload.tokenLifetimeSeconds}s`, source: source('token_lifetime') }]),
    ...(workload.sources.has('token_endpoint')
      ? [{ name: 'token_endpoint', value: String(workload.tokenEndpoint), source: source('token_endpoint') }]
      : []),
    ...[...workload.variables].map(([name, value]) => ({ name, value, source: source(name) })),
    ...[...workload.childVariables.keys()].map((name) => ({
      name,
      value: null,
      source: source(name),
      isHidden: true as const,
    })),
    ...[...workload.terraformVariables.keys()].map((name) => ({
      name: `TF_VAR_${name}`,
      value: null,
      source: source(`terraform_variables.${name}`),
      isHidden: true as const,
    })),
  ];
}

function named(noun: { readonly id: string; readonly name: string }): string {
  return `${noun.name} (${noun.id})`;
}
