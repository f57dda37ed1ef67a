import { stringify } from 'yaml';
import { defaultAwsAudience } from '../../platforms/aws/configure.ts';
import { type Answers, roleArn } from './answers.ts';

/** The text of the `hallpass.yaml` that the answers make. Pure. */
export function settingsFileText(answers: Answers): string {
  return [
    '# Who the runs in this directory are. The first four lines count once "hallpass allow" has recorded them,',
    '# and again after every change.',
    `issuer: ${scalar(answers.issuer)}`,
    `organization: ${scalar(answers.organization)}`,
    `project: ${scalar(answers.project)}`,
    `workspace: ${scalar(answers.workspace)}`,
    '',
    "# The workload's environment variables: TFC_… drive Hallpass, all others reach the command.",
    'variables:',
    '  TFC_AWS_PROVIDER_AUTH: "true"',
    `  TFC_AWS_PLAN_ROLE_ARN: ${scalar(roleArn(answers, 'plan'))}`,
    `  TFC_AWS_APPLY_ROLE_ARN: ${scalar(roleArn(answers, 'apply'))}`,
    ...(answers.audience === defaultAwsAudience
      ? []
      : [`  TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE: ${scalar(answers.audience)}`]),
    '  # A secret for a provider, taken from your own environment or from a file:',
    '  # DB_PASSWORD: { env: DB_PASSWORD }',
    '  # DB_PASSWORD: { file: secrets/db-password }',
    '',
  ].join('\n');
}

/** A YAML scalar that reads as this text: quoted where it would be taken for a number, a boolean or null. */
function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd();
}
