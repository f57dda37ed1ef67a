import { createHash } from 'node:crypto';
import { SettingsError, UsageError } from '../../domain/errors.ts';
import { checkedName } from '../../domain/names.ts';
import { quoted } from '../../domain/printable.ts';
import type { Phase } from '../../domain/workload.ts';
import { checkedIssuerUrl } from '../../identity/issuer-url.ts';
import { defaultAwsAudience } from '../../platforms/aws/configure.ts';
import { defaultProject } from '../../settings/identity-choice.ts';

/** All that `hallpass init` needs to know, checked. */
export interface Answers {
  readonly issuer: string;
  readonly organization: string;
  readonly project: string;
  readonly workspace: string;
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

/** One question: its flag, its words, its check. Feeds options, prompts and errors. */
export interface Question {
  readonly key: keyof Answers;
  readonly flag: string;
  readonly argument: string;
  readonly about: string;
  /** Asked on a terminal when the flag is absent; others take their default silently. */
  readonly asked: boolean;
  /** Whether it may be left open. */
  readonly isOptional: boolean;
  readonly placeholder?: string;
  /** Gives the value back, or throws an AppError. */
  check(text: string): string;
}

const match =
  (flag: string, pattern: RegExp, mend: string) =>
  (text: string): string => {
    if (pattern.test(text)) return text;
    throw new SettingsError({ what: `${flag} is ${quoted(text)}, which cannot be right`, where: flag, mend });
  };

/** The questions, in the order in which they are asked. */
export const questions: readonly Question[] = [
  {
    key: 'issuer',
    flag: '--issuer',
    argument: '<url>',
    about: 'issuer URL, where you will host two small public files',
    asked: true,
    isOptional: false,
    placeholder: 'https://id.example.com',
    check: checkedIssuerUrl,
  },
  {
    key: 'organization',
    flag: '--organization',
    argument: '<name>',
    about: 'organization',
    asked: true,
    isOptional: false,
    placeholder: 'acme',
    check: (name) => checkedName('organization', name),
  },
  {
    key: 'project',
    flag: '--project',
    argument: '<name>',
    about: 'project',
    asked: true,
    isOptional: true,
    placeholder: defaultProject,
    check: (name) => checkedName('project', name),
  },
  {
    key: 'workspace',
    flag: '--workspace',
    argument: '<name>',
    about: 'workspace: one configuration with one state',
    asked: true,
    isOptional: false,
    placeholder: 'payments-prod',
    check: (name) => checkedName('workspace', name),
  },
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
  {
    key: 'audience',
    flag: '--audience',
    argument: '<text>',
    about: 'audience of the tokens (default aws.workload.identity)',
    asked: false,
    isOptional: true,
    check: match('--audience', /^[A-Za-z0-9._:/@+-]{1,255}$/, 'use letters, digits and "._:/@+-", at most 255'),
  },
];

/** What was given by flag, or answered; unchecked. */
export type GivenAnswers = Partial<Record<keyof Answers, string>>;

/**
 * Checks all answers and fills in what was left open.
 *
 * @throws {UsageError} `usage`, naming every flag that is missing
 */
export function checkedAnswers(
  given: GivenAnswers,
  hasProvider: boolean,
  parentEnvironment: Readonly<Record<string, string>>,
): Answers {
  const missing = requiredQuestions.filter(({ key }) => given[key] === undefined);
  if (missing.length > 0) {
    throw new UsageError({
      what: `hallpass init needs ${missing.map(({ flag }) => flag).join(', ')}`,
      mend: 'give them as flags, or run it on a terminal, where it asks',
    });
  }
  const value = (key: keyof Answers): string | undefined => {
    const text = given[key];
    return text === undefined ? undefined : questions.find((question) => question.key === key)!.check(text);
  };
  const environmentRegion = parentEnvironment['AWS_REGION'] || parentEnvironment['AWS_DEFAULT_REGION'] || 'us-east-1';
  const region = value('region') ?? questions.find(({ key }) => key === 'region')!.check(environmentRegion);
  const workspace = value('workspace')!;
  return {
    issuer: value('issuer')!,
    organization: value('organization')!,
    project: value('project') ?? defaultProject,
    workspace,
    awsAccount: value('awsAccount')!,
    partition: value('partition') ?? partitionOf(region),
    region,
    audience: value('audience') ?? defaultAwsAudience,
    stateBucket: value('stateBucket') ?? null,
    stateKey: value('stateKey') ?? `${workspace}/terraform.tfstate`,
    stateLockTable: value('stateLockTable') ?? null,
    hasProvider,
  };
}

/** Questions without which nothing can be written. */
export const requiredQuestions = questions.filter(({ isOptional }) => !isOptional);

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
export function roleName({ organization, project, workspace }: Answers, phase: Phase): string {
  // Names hold neither "." nor "+", so what is joined here comes apart in one way only.
  const whole = ['hallpass', organization, project, workspace].join('.').replaceAll(' ', '+');
  const end = `.${phase}`;
  if (whole.length + end.length <= longestRoleName) return whole + end;
  const digest = createHash('sha256').update([organization, project, workspace].join('\n')).digest('hex').slice(0, 10);
  return `${whole.slice(0, longestRoleName - end.length - digest.length - 1)}+${digest}${end}`;
}

/** The ARN that the role of one phase will have. */
export function roleArn(answers: Answers, phase: Phase): string {
  return `arn:${answers.partition}:iam::${answers.awsAccount}:role/${roleName(answers, phase)}`;
}
