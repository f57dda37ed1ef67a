import type { JsonObject } from '../../domain/json.ts';
import { issuerHost } from '../../platforms/aws/arn.ts';
import { defaultAwsAudience } from '../../platforms/aws/configure.ts';

/** The world of the demo: one account, one workspace, a role for each phase. */
export const demoNames = { organization: 'acme', project: 'payments', workspace: 'payments-prod' } as const;
export const neighbourWorkspace = 'payments-prod2';
const account = '111122223333';
export const demoRegion = 'us-east-1';
export const parameterName = '/payments/greeting';
const parameterArn = `arn:aws:ssm:${demoRegion}:${account}:parameter${parameterName}`;

export const roleArn = (phase: 'plan' | 'apply'): string => `arn:aws:iam::${account}:role/payments-${phase}`;

/** The workspace's variables, as they would stand in `hallpass.yaml`. */
export const demoVariables: ReadonlyMap<string, string> = new Map([
  ['TFC_AWS_PROVIDER_AUTH', 'true'],
  ['TFC_AWS_PLAN_ROLE_ARN', roleArn('plan')],
  ['TFC_AWS_APPLY_ROLE_ARN', roleArn('apply')],
]);

/** The stand-in's account: native IAM documents, as one would write them for the real AWS. */
export function sandboxConfiguration(issuerUrl: string): JsonObject {
  const host = issuerHost(issuerUrl);
  const trust = (phase: 'plan' | 'apply'): JsonObject => ({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/${host}` },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: {
          StringEquals: {
            [`${host}:aud`]: defaultAwsAudience,
            // The whole subject: StringLike "…:workspace:payments-prod*" would let payments-prod2 in.
            [`${host}:sub`]:
              `organization:${demoNames.organization}:project:${demoNames.project}` +
              `:workspace:${demoNames.workspace}:run_phase:${phase}`,
          },
        },
      },
    ],
  });
  const reading = ['ssm:GetParameter', 'ssm:GetParameters', 'ssm:ListTagsForResource'];
  const writing = [
    ...reading,
    'ssm:PutParameter',
    'ssm:DeleteParameter',
    'ssm:AddTagsToResource',
    'ssm:RemoveTagsFromResource',
  ];
  return {
    aws: {
      account,
      region: demoRegion,
      providers: [{ url: issuerUrl, client_ids: [defaultAwsAudience] }],
      roles: [
        { name: 'payments-plan', trust_policy: trust('plan'), policies: [may(reading)] },
        { name: 'payments-apply', trust_policy: trust('apply'), policies: [may(writing)] },
      ],
    },
  };
}

/** Terraform with the AWS provider. The full source address lets OpenTofu use a mirror made for Terraform. */
export const configurationWithProvider = `terraform {
  required_providers {
    aws = { source = "registry.terraform.io/hashicorp/aws" }
  }
}

provider "aws" {}

variable "greeting" {
  type    = string
  default = "made without a stored key"
}

data "aws_caller_identity" "phase" {}

resource "aws_ssm_parameter" "greeting" {
  name  = "${parameterName}"
  type  = "String"
  value = var.greeting
}

output "planned_as" {
  value = data.aws_caller_identity.phase.arn
}
`;

/**
 * Terraform without any provider: the resource's steps call the stand-in with the phase's credentials.
 *
 * @param client the command that makes one call, as the words of a shell
 */
export function configurationWithoutProvider(client: string): string {
  const put = `${client} ssm:PutParameter '{"Name":"${parameterName}","Type":"String","Value":"\${self.input}","Overwrite":true}'`;
  const remove = `${client} ssm:DeleteParameter '{"Name":"${parameterName}"}'`;
  return `variable "greeting" {
  type    = string
  default = "made without a stored key"
}

resource "terraform_data" "greeting" {
  input            = var.greeting
  triggers_replace = var.greeting

  provisioner "local-exec" {
    command = ${JSON.stringify(put)}
  }

  provisioner "local-exec" {
    when    = destroy
    command = ${JSON.stringify(remove)}
  }
}
`;
}

function may(actions: readonly string[]): JsonObject {
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: [...actions], Resource: parameterArn },
      { Effect: 'Allow', Action: 'ssm:DescribeParameters', Resource: '*' },
    ],
  };
}
