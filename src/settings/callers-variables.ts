import type { Problem } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import { unknownVariables } from '../platforms/index.ts';
import { identityFields } from './identity-choice.ts';
import { type Settings, settingsTable } from './settings.ts';
import { tokenEndpointField } from './token-endpoint.ts';

/** Variables of our own programs and tests, which are no settings. */
const notSettings = /^HALLPASS_(?:LAUNCH|PACK|TEST|BENCH)_/;

/** The caller's own `TFC_…` variables, and what should be said of names that nobody knows. Pure. */
export function callersVariables(parentEnvironment: Settings['parentEnvironment']): {
  readonly switches: ReadonlyMap<string, string>;
  readonly warnings: readonly Problem[];
} {
  const switches = new Map(Object.entries(parentEnvironment).filter(([name]) => name.startsWith('TFC_')));
  const unknown = [...unknownVariables(switches), ...unknownSettings(Object.keys(parentEnvironment))];
  for (const { name } of unknown) switches.delete(name);
  return { switches, warnings: unknown.map(unknownVariable) };
}

function unknownSettings(names: readonly string[]) {
  const known: readonly string[] = [...settingsTable, ...identityFields, tokenEndpointField].map(
    ({ variable }) => variable,
  );
  return names
    .filter((name) => name.startsWith('HALLPASS_') && !known.includes(name) && !notSettings.test(name))
    .map((name) => ({ name, nearest: nearest(name, known) }));
}

function unknownVariable({ name, nearest: close }: { name: string; nearest: string | undefined }): Problem {
  return {
    what: `the environment variable ${name} is unknown and changes nothing`,
    where: name,
    mend: close === undefined ? `unset ${name}` : `did you mean ${close}?`,
  };
}
