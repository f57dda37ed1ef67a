import { readAwsIdentityPolicy, type AwsIdentityPolicy } from '../../platforms/aws/identity-policy.ts';
import { readAwsTrustPolicy, type AwsTrustPolicy } from '../../platforms/aws/trust-policy.ts';
import type { DocumentReader } from '../document-reader.ts';
import type { AwsSchema } from './config-schema.ts';

/** One AWS account as the stand-in plays it: checked, every policy read. */
export interface AwsConfig extends Omit<AwsSchema, 'roles'> {
  readonly roles: readonly AwsRole[];
}

/** An IAM role with its policies read. */
export interface AwsRole {
  readonly name: string;
  /** `arn:aws:iam::ACCOUNT:role/PATH/NAME`. */
  readonly arn: string;
  readonly trustPolicy: AwsTrustPolicy;
  readonly policies: readonly AwsIdentityPolicy[];
  readonly maxSessionDurationSeconds: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** Reads the part `aws` of a sandbox configuration. */
export async function readAwsConfig(aws: AwsSchema, documents: DocumentReader): Promise<AwsConfig> {
  documents.refuseDoubles(
    ['roles'],
    aws.roles.map((role) => role.name),
  );
  documents.refuseDoubles(
    ['providers'],
    aws.providers.map((provider) => provider.url),
  );
  const roles: AwsRole[] = [];
  for (const [index, role] of aws.roles.entries()) roles.push(await readRole(role, index, aws.account, documents));
  return { ...aws, roles };
}

async function readRole(
  role: AwsSchema['roles'][number],
  index: number,
  account: string,
  documents: DocumentReader,
): Promise<AwsRole> {
  const policies: AwsIdentityPolicy[] = [];
  for (const [number, policy] of role.policies.entries())
    policies.push(await documents.read(policy, ['roles', index, 'policies', number], readAwsIdentityPolicy));
  return {
    name: role.name,
    arn: `arn:aws:iam::${account}:role${role.path}${role.name}`,
    trustPolicy: await documents.read(role.trust_policy, ['roles', index, 'trust_policy'], readAwsTrustPolicy),
    policies,
    maxSessionDurationSeconds: role.max_session_duration,
    tags: role.tags,
  };
}
