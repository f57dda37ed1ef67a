import { resolve } from 'node:path';
import type { Settings } from '../../settings/settings.ts';
import { settingsTable } from '../../settings/settings.ts';
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
  return settingsTable.map((row) => {
    const value = settings[row.name];
    const written = settings.parentEnvironment[row.variable];
    const byVariable =
      written !== undefined && written !== '' && [written, absolute(settings, written)].includes(value ?? '');
    return { name: row.name, value, source: byVariable ? row.variable : sourceWithoutVariable(settings, row, value) };
  });
}

function absolute(settings: Settings, path: string): string {
  return resolve(settings.workingDirectory, path);
}

function sourceWithoutVariable(settings: Settings, row: (typeof settingsTable)[number], value: string | null): string {
  const written = settings.parentEnvironment[row.variable];
  return row.flag !== null && written !== undefined && written !== '' && value !== null ? row.flag : 'default';
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
