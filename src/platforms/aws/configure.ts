import { checkedAudience, shownValue } from '../checked-value.ts';
import { accountOfRole } from './arn.ts';
import { providerAuth, type VariableReader, type VariableTable } from '../variables.ts';

/** Who tokens are for when nothing is set, as in HCP Terraform. */
export const defaultAwsAudience = 'aws.workload.identity';

/** The variables of AWS. */
export const awsVariables: VariableTable = {
  id: 'aws',
  title: 'AWS',
  prefix: 'AWS',
  variables: [
    providerAuth,
    {
      name: 'ROLE_ARN',
      perPhase: true,
      required: 'always',
      since: '1.7.0',
      about: 'the ARN of the role to assume, such as arn:aws:iam::111122223333:role/NAME',
    },
    {
      name: 'WORKLOAD_IDENTITY_AUDIENCE',
      fallback: defaultAwsAudience,
      since: '1.7.0',
      about: '`aud` of the token; must be among the client ids of the OIDC provider in IAM',
    },
  ],
};

/** One AWS configuration, checked. */
export interface AwsConfiguration {
  readonly roleArn: string;
  readonly audience: string;
}

/**
 * Variables → checked configuration. Pure.
 *
 * @throws {ConfigurationError} `configuration_invalid`, naming the variable
 * @see AWS STS API, AssumeRoleWithWebIdentity, request parameters
 */
export function configureAws(read: VariableReader): AwsConfiguration {
  const role = read.required('ROLE_ARN');
  if (accountOfRole(role.value) === null) {
    throw read.invalid(
      role,
      `is ${shownValue(role)}, which is not the ARN of an IAM role`,
      'give it as arn:aws:iam::ACCOUNT:role/NAME, with the 12 digits of the account (also aws-cn, aws-us-gov)',
    );
  }
  const mend = 'give one of the client ids of the OIDC provider in IAM, or remove it for aws.workload.identity';
  return { roleArn: role.value, audience: checkedAudience(read, 255, mend) };
}
