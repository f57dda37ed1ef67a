import type { Problem } from '../../../domain/errors.ts';
import { isLoopbackIssuer } from '../../../identity/issuer-url.ts';
import { defaultAwsAudience } from '../../../platforms/aws/configure.ts';
import type { InitPlatform } from '../platform.ts';
import { awsAnswers, awsQuestions, roleArn } from './answers.ts';
import { awsDirectory, awsFiles } from './terraform-code.ts';

/** AWS: the issuer as OIDC provider of the account, a role for each phase, access to the state. */
export const awsSide: InitPlatform = {
  id: 'aws',
  title: 'AWS',
  about: `Terraform code in ${awsDirectory}/: OIDC provider, plan role, apply role`,
  questions: awsQuestions,
  setUp(question) {
    const answers = awsAnswers(question);
    return {
      files: awsFiles(answers),
      variables: [
        ['TFC_AWS_PROVIDER_AUTH', 'true'],
        ['TFC_AWS_PLAN_ROLE_ARN', roleArn(answers, 'plan')],
        ['TFC_AWS_APPLY_ROLE_ARN', roleArn(answers, 'apply')],
        ...(answers.audience === defaultAwsAudience
          ? []
          : [['TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE', answers.audience] as const]),
      ],
      later: [],
      warnings: warningsFor(answers.issuer),
      steps: [
        "Once, with an administrator's credentials for the account:",
        `  cd ${awsDirectory} && terraform init && terraform apply`,
        `What an apply may change is yours to say: ${awsDirectory}/apply.tf`,
      ],
    };
  },
};

function warningsFor(issuer: string): Problem[] {
  if (isLoopbackIssuer(issuer) || new URL(issuer).port === '') return [];
  return [
    {
      what: `${issuer} has a port, and AWS expects issuers without one`,
      mend: 'host the documents on port 443',
    },
  ];
}
