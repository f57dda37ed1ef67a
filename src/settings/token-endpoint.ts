import { SettingsError } from '../domain/errors.ts';
import { quoted } from '../domain/printable.ts';
import { nearestOf } from './identity-choice.ts';
import type { Settings } from './settings.ts';
import type { WorkloadFile } from './workload-file.ts';

/** Key, variable and flag that let a phase's command fetch fresh tokens. */
export const tokenEndpointField = {
  field: 'token_endpoint',
  variable: 'HALLPASS_TOKEN_ENDPOINT',
  flag: '--token-endpoint',
} as const;

/** Whether there is an endpoint, and who says so: a place in a file, the variable, the flag, or `default`. */
export interface TokenEndpointChoice {
  readonly value: boolean;
  readonly source: string;
}

/**
 * Chooses: flag, then variable, then the nearest file. Pure.
 *
 * @throws {SettingsError} `settings_invalid` when the variable is neither `true` nor `false`
 */
export function chooseTokenEndpoint(
  files: readonly WorkloadFile[],
  parentEnvironment: Settings['parentEnvironment'],
  flag: boolean | undefined,
): TokenEndpointChoice {
  const { variable } = tokenEndpointField;
  if (flag !== undefined) return { value: flag, source: tokenEndpointField.flag };
  const exported = parentEnvironment[variable];
  if (exported) return { value: readFlag(variable, exported), source: variable };
  const written = nearestOf(files, (file) => file.tokenEndpoint);
  return written === null
    ? { value: false, source: 'default' }
    : { value: written.found.value, source: written.found.place };
}

function readFlag(variable: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new SettingsError({
    what: `${variable} is ${quoted(value)}, neither true nor false`,
    where: variable,
    mend: `export ${variable}=true, or unset it`,
  });
}
