import type { Phase } from '../../../domain/workload.ts';
import { issuerHost } from '../../../platforms/aws/arn.ts';
import { hclString } from '../hcl.ts';
import { subject } from '../identity.ts';
import { filesIn, type NewFile } from '../platform.ts';
import { type AwsAnswers, roleName } from './answers.ts';

/** The directory of the Terraform code that an administrator applies once. */
export const awsDirectory = 'hallpass-aws';

/** Terraform code for the account: the issuer as OIDC provider, a role for each phase, access to the state. Pure. */
export function awsFiles(answers: AwsAnswers): readonly NewFile[] {
  return filesIn(awsDirectory, {
    'versions.tf': versions(answers),
    'variables.tf': variables(answers),
    'issuer.tf': answers.hasProvider ? knownIssuer(answers) : newIssuer(answers),
    'plan.tf': planRole(answers),
    'apply.tf': applyRole(answers),
    'state.tf': state,
    'outputs.tf': outputs,
  });
}

const versions = ({
  region,
  awsAccount,
}: AwsAnswers): string => `# Applied once by an administrator of the account; then the runs themselves need no stored key.

terraform {
  required_version = ">= 1.3"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region              = ${hclString(region)}
  allowed_account_ids = [${hclString(awsAccount)}]
}
`;

const variables = ({ stateBucket, stateKey, stateLockTable }: AwsAnswers): string => `variable "state_bucket" {
  description = "S3 bucket of the workspace's Terraform state; null where the state is kept elsewhere."
  type        = string
  default     = ${stateBucket === null ? 'null' : hclString(stateBucket)}
}

variable "state_key" {
  description = "Object key of the state, as in the backend block. The lock file stands beside it."
  type        = string
  default     = ${hclString(stateKey)}
}

variable "state_lock_table" {
  description = "DynamoDB table that locks the state; null with use_lockfile, or without locks."
  type        = string
  default     = ${stateLockTable === null ? 'null' : hclString(stateLockTable)}
}
`;

const newIssuer = ({
  issuer,
  audience,
}: AwsAnswers): string => `# The account's record of the issuer: whose tokens it may accept, and for which audience. It opens nothing by itself.
${loopbackRemark(issuer)}resource "aws_iam_openid_connect_provider" "issuer" {
  url            = ${hclString(providerUrl(issuer))}
  client_id_list = [${hclString(audience)}]
}

locals {
  issuer_arn = aws_iam_openid_connect_provider.issuer.arn
}
`;

const knownIssuer = ({
  issuer,
  audience,
}: AwsAnswers): string => `# The account knows the issuer already. Its provider must list the audience ${audience}.
data "aws_iam_openid_connect_provider" "issuer" {
  url = ${hclString(providerUrl(issuer))}
}

locals {
  issuer_arn = data.aws_iam_openid_connect_provider.issuer.arn
}
`;

/** AWS knows issuers by https only; stand-ins compare host and port. */
function providerUrl(issuer: string): string {
  return `https://${issuerHost(issuer)}`;
}

function loopbackRemark(issuer: string): string {
  if (issuer.startsWith('https:')) return '';
  return '# AWS itself cannot reach this issuer: it is on loopback, and good for trying with a stand-in only.\n';
}

const trust = (answers: AwsAnswers, phase: Phase): string => `data "aws_iam_policy_document" "${phase}_trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.issuer_arn]
    }

    condition {
      test     = "StringEquals"
      variable = ${hclString(`${issuerHost(answers.issuer)}:aud`)}
      values   = [${hclString(answers.audience)}]
    }

    # The whole subject, compared exactly: no other workspace, project, organization or phase.
    condition {
      test     = "StringEquals"
      variable = ${hclString(`${issuerHost(answers.issuer)}:sub`)}
      values   = [${hclString(subject(answers, phase))}]
    }
  }
}

resource "aws_iam_role" "${phase}" {
  name                 = ${hclString(roleName(answers, phase))}
  description          = ${hclString(`Terraform ${phase} of workspace ${answers.workspace}, by Hallpass`)}
  assume_role_policy   = data.aws_iam_policy_document.${phase}_trust.json
  max_session_duration = 3600
}
`;

const planRole = (answers: AwsAnswers): string => `# The role of terraform plan: it reads, and changes nothing.

${trust(answers, 'plan')}
resource "aws_iam_role_policy" "plan_read" {
  name   = "read"
  role   = aws_iam_role.plan.name
  policy = data.aws_iam_policy_document.read.json
}

# What a plan looks at: descriptions of resources, not the data inside them. Keep the services that your configuration
# manages and add those that are missing. The managed policy ReadOnlyAccess would do too, but it also reads objects in
# every bucket and items in every table.
data "aws_iam_policy_document" "read" {
  statement {
    sid = "Read"
    actions = [
      "autoscaling:Describe*",
      "cloudfront:Get*",
      "cloudfront:List*",
      "cloudwatch:Describe*",
      "cloudwatch:Get*",
      "cloudwatch:List*",
      "dynamodb:Describe*",
      "dynamodb:List*",
      "ec2:Describe*",
      "ec2:Get*",
      "ecr:Describe*",
      "ecr:GetLifecyclePolicy",
      "ecr:GetRepositoryPolicy",
      "ecr:ListTagsForResource",
      "ecs:Describe*",
      "ecs:List*",
      "eks:Describe*",
      "eks:List*",
      "elasticloadbalancing:Describe*",
      "events:Describe*",
      "events:List*",
      "iam:Get*",
      "iam:List*",
      "kms:Describe*",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:List*",
      "lambda:GetFunctionCodeSigningConfig",
      "lambda:GetFunctionConfiguration",
      "lambda:GetPolicy",
      "lambda:List*",
      "logs:Describe*",
      "logs:List*",
      "rds:Describe*",
      "rds:List*",
      "route53:Get*",
      "route53:List*",
      "s3:GetAccelerateConfiguration",
      "s3:GetBucket*",
      "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration",
      "s3:ListAllMyBuckets",
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetResourcePolicy",
      "sns:Get*",
      "sns:List*",
      "sqs:Get*",
      "sqs:List*",
      "ssm:Describe*",
      "ssm:GetParameter",
      "ssm:GetParameters",
      "ssm:ListTagsForResource",
      "sts:GetCallerIdentity",
    ]
    resources = ["*"]
  }
}
`;

const applyRole = (
  answers: AwsAnswers,
): string => `# The role of terraform apply. It reads what the plan reads; what it may change is yours to say, below.

${trust(answers, 'apply')}
resource "aws_iam_role_policy" "apply_read" {
  name   = "read"
  role   = aws_iam_role.apply.name
  policy = data.aws_iam_policy_document.read.json
}

# Until you grant it something, every apply that changes anything is refused. Grant what this one workspace manages, for
# instance:
#
# data "aws_iam_policy_document" "apply_write" {
#   statement {
#     actions   = ["ssm:PutParameter", "ssm:DeleteParameter", "ssm:AddTagsToResource", "ssm:RemoveTagsFromResource"]
#     resources = ["arn:${answers.partition}:ssm:*:${answers.awsAccount}:parameter/${answers.workspace}/*"]
#   }
# }
#
# resource "aws_iam_role_policy" "apply_write" {
#   name   = "write"
#   role   = aws_iam_role.apply.name
#   policy = data.aws_iam_policy_document.apply_write.json
# }
`;

const state = `# The workspace's own state and its lock: both phases read and lock it, apply alone writes it.

locals {
  state_actions = {
    plan  = ["s3:GetObject"]
    apply = ["s3:GetObject", "s3:PutObject"]
  }

  state_roles = {
    plan  = aws_iam_role.plan.name
    apply = aws_iam_role.apply.name
  }

  state_bucket_arn = "arn:\${data.aws_partition.current.partition}:s3:::\${coalesce(var.state_bucket, "none")}"
  state_table_arn  = "arn:\${data.aws_partition.current.partition}:dynamodb:*:\${data.aws_caller_identity.current.account_id}:table/\${coalesce(var.state_lock_table, "none")}"
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "state" {
  for_each = var.state_bucket == null ? {} : local.state_actions

  # Without it, a state that is not there yet looks like one that may not be read.
  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket"]
    resources = [local.state_bucket_arn]
  }

  statement {
    sid       = "State"
    actions   = each.value
    resources = ["\${local.state_bucket_arn}/\${var.state_key}"]
  }

  # For use_lockfile in the backend block.
  statement {
    sid       = "LockFile"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["\${local.state_bucket_arn}/\${var.state_key}.tflock"]
  }

  dynamic "statement" {
    for_each = var.state_lock_table == null ? [] : [local.state_table_arn]

    content {
      sid       = "LockTable"
      actions   = ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "state" {
  for_each = data.aws_iam_policy_document.state

  name   = "state"
  role   = local.state_roles[each.key]
  policy = each.value.json
}
`;

const outputs = `# These stand in hallpass.yaml already; compare, should a role ever have been renamed.

output "plan_role_arn" {
  value = aws_iam_role.plan.arn
}

output "apply_role_arn" {
  value = aws_iam_role.apply.arn
}

output "issuer_arn" {
  value = local.issuer_arn
}
`;
