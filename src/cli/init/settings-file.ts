import { stringify } from 'yaml';
import type { Identity } from './identity.ts';
import type { PlatformSide } from './platform.ts';

/** The text of the `hallpass.yaml` that the answers make. Pure. */
export function settingsFileText(identity: Identity, sides: readonly PlatformSide[]): string {
  return [
    '# Who the runs in this directory are. The first four lines count once "hallpass allow" has recorded them,',
    '# and again after every change.',
    `issuer: ${scalar(identity.issuer)}`,
    `organization: ${scalar(identity.organization)}`,
    `project: ${scalar(identity.project)}`,
    `workspace: ${scalar(identity.workspace)}`,
    '',
    "# The workload's environment variables: TFC_… drive Hallpass, all others reach the command.",
    'variables:',
    ...sides.flatMap(variableLines),
    '  # A secret for a provider, taken from your own environment or from a file:',
    '  # DB_PASSWORD: { env: DB_PASSWORD }',
    '  # DB_PASSWORD: { file: secrets/db-password }',
    '',
  ].join('\n');
}

/** A platform's lines under `variables`, indented by two. Pure. */
export function variableLines({ variables, later }: PlatformSide): readonly string[] {
  return [
    ...variables.map(([name, value]) => `  ${name}: ${value === 'true' ? '"true"' : scalar(value)}`),
    ...later.map(([name, from]) => `  # ${name}: ${from}`),
  ];
}

/** A YAML scalar that reads as this text: quoted where it would be taken for a number, a boolean or null. */
function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd();
}
