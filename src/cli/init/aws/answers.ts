import type { Phase } from '../../../domain/workload.ts';
import { defaultAwsAudience } from '../../../platforms/aws/configure.ts';
import { digestOf, type Identity } from '../identity.ts';
import type { SetUpQuestion } from '../platform.ts';
import { match, type Question } from '../question.ts';

/** All that AWS' side needs to know, checked. */
export interface AwsAnswers extends Identity {
  readonly awsAccount: string;
  /** `aws`, `aws-us-gov`, `aws-cn`. */
  readonly partition: string;
  readonly region: string;
  readonly audience: string;
  readonly stateBucket: string | null;
  /** Object key of the state; the lock file stands beside it. */
  readonly stateKey: string;
  readonly stateLockTable: string | null;
  /** Whether the account has an OIDC provider for this issuer already. */
  readonly hasProvider: boolean;
}

/** The questions about the account, in the order in which they are asked. */
export const awsQuestions: readonly Question[] = [
  {
    key: 'awsAccount',
    flag: '--aws-account',
    argument: '<id>',
    about: 'AWS account id, 12 digits',
    asked: true,
    isOptional: false,
    placeholder: '111122223333',
    check: match(
      '--aws-account',
      /^\d{12}$/,
      'an account id has 12 digits: aws sts get-caller-identity --query Account',
    ),
  },
  {
    key: 'stateBucket',
    flag: '--state-bucket',
    argument: '<name>',
    about: 'S3 bucket of the Terraform state, if it is kept there',
    asked: true,
    isOptional: true,
    placeholder: 'none',
    check: match(
      '--state-bucket',
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      'a bucket has 3 to 63 lower-case letters, digits, "." and "-"',
    ),
  },
  {
    key: 'stateKey',
    flag: '--state-key',
    argument: '<key>',
    about: 'object key of the state (default WORKSPACE/terraform.tfstate)',
    asked: false,
    isOptional: true,
    check: match('--state-key', /^[A-Za-z0-9!_.()'/-]{1,900}$/, 'use letters, digits and "!_.()\'/-"'),
  },
  {
    key: 'stateLockTable',
    flag: '--state-lock-table',
    argument: '<name>',
    about: 'DynamoDB table that locks the state; without it, a lock file beside the state',
    asked: false,
    isOptional: true,
    check: match(
      '--state-lock-table',
      /^[A-Za-z0-9_.-]{3,255}$/,
      'a table has 3 to 255 letters, digits, "_", "." and "-"',
    ),
  },
  {
    key: 'region',
    flag: '--region',
    argument: '<region>',
    about: 'AWS region for the Terraform code (default AWS_REGION, else us-east-1)',
    asked: false,
    isOptional: true,
    check: match('--region', /^[a-z]{2}(-[a-z]+)+-\d$/, 'such as eu-west-1'),
  },
  {
    key: 'partition',
    flag: '--partition',
    argument: '<name>',
    about: 'AWS partition (default: that of the region)',
    asked: false,
    isOptional: true,
    check: match('--partition', /^aws(-[a-z]+)*$/, 'aws, aws-us-gov or aws-cn'),
  },
];

/** Fills in what was left open. */
export function awsAnswers({ identity, answers, hasProvider, audience, parentEnvironment }: SetUpQuestion): AwsAnswers {
  const environmentRegion = parentEnvironment['AWS_REGION'] || parentEnvironment['AWS_DEFAULT_REGION'] || 'us-east-1';
  const region = answers.get('region') ?? awsQuestions.find(({ key }) => key === 'region')!.check(environmentRegion);
  return {
    ...identity,
    awsAccount: answers.get('awsAccount')!,
    partition: answers.get('partition') ?? partitionOf(region),
    region,
    audience: audience ?? defaultAwsAudience,
    stateBucket: answers.get('stateBucket') ?? null,
    stateKey: answers.get('stateKey') ?? `${identity.workspace}/terraform.tfstate`,
    stateLockTable: answers.get('stateLockTable') ?? null,
    hasProvider,
  };
}

function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** IAM's limit for the name of a role. */
const longestRoleName = 64;

/**
 * The name of the role of one phase. Names that would be too long are cut and end in a digest of all three, so that
 * two workspaces never share a role.
 */
export function roleName(answers: AwsAnswers, phase: Phase): string {
  const { organization, project, workspace } = answers;
  // Names hold neither "." nor "+", so what is joined here comes apart in one way only.
  const whole = ['hallpass', organization, project, workspace].join('.').replaceAll(' ', '+');
  const end = `.${phase}`;
  if (whole.length + end.length <= longestRoleName) return whole + end;
  const digest = digestOf(answers);
  return `${whole.slice(0, longestRoleName - end.length - digest.length - 1)}+${digest}${end}`;
}

/** The ARN that the role of one phase will have. */
export function roleArn(answers: AwsAnswers, phase: Phase): string {
  return `arn:${answers.partition}:iam::${answers.awsAccount}:role/${roleName(answers, phase)}`;
}
