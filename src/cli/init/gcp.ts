import type { Phase } from '../../domain/workload.ts';
import { hclAttributes, hclString } from './hcl.ts';
import { type Identity, slug } from './identity.ts';
import { filesIn, type InitPlatform, type NewFile, type SetUpQuestion } from './platform.ts';
import { match } from './question.ts';

const directory = 'hallpass-gcp';
const defaultName = 'hallpass';
const idPattern = /^(?!gcp-)[a-z0-9-]{4,32}$/;

/** Google Cloud: a workload identity pool that trusts the issuer, and a service account for each phase. */
export const gcpSide: InitPlatform = {
  id: 'gcp',
  title: 'Google Cloud',
  about: `Terraform code in ${directory}/: workload identity pool, two service accounts`,
  questions: [
    {
      key: 'gcpProject',
      flag: '--gcp-project',
      argument: '<id>',
      about: 'Google Cloud project id',
      asked: true,
      isOptional: false,
      placeholder: 'acme-payments',
      check: match('--gcp-project', /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'give the id, such as acme-payments'),
    },
    {
      key: 'gcpProjectNumber',
      flag: '--gcp-project-number',
      argument: '<number>',
      about: 'number of the same project',
      asked: true,
      isOptional: false,
      placeholder: '123456789012',
      check: match(
        '--gcp-project-number',
        /^[1-9]\d{5,18}$/,
        "digits only: gcloud projects describe PROJECT --format='value(projectNumber)'",
      ),
    },
    {
      key: 'gcpPool',
      flag: '--gcp-pool',
      argument: '<id>',
      about: `id of the workload identity pool (default ${defaultName})`,
      asked: false,
      isOptional: true,
      check: match(
        '--gcp-pool',
        idPattern,
        'use 4 to 32 lower-case letters, digits and "-", not beginning with "gcp-"',
      ),
    },
    {
      key: 'gcpProvider',
      flag: '--gcp-provider',
      argument: '<id>',
      about: `id of the provider in the pool (default ${defaultName})`,
      asked: false,
      isOptional: true,
      check: match(
        '--gcp-provider',
        idPattern,
        'use 4 to 32 lower-case letters, digits and "-", not beginning with "gcp-"',
      ),
    },
  ],
  setUp(question) {
    const gcp = gcpAnswers(question);
    return {
      files: gcpFiles(gcp),
      variables: [
        ['TFC_GCP_PROVIDER_AUTH', 'true'],
        ['TFC_GCP_WORKLOAD_PROVIDER_NAME', `${poolName(gcp)}/providers/${gcp.provider}`],
        ['TFC_GCP_PLAN_SERVICE_ACCOUNT_EMAIL', email(gcp, 'plan')],
        ['TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL', email(gcp, 'apply')],
        ...(gcp.audience === null ? [] : [['TFC_GCP_WORKLOAD_IDENTITY_AUDIENCE', gcp.audience] as const]),
        ['GOOGLE_PROJECT', gcp.project],
      ],
      later: [],
      warnings: [],
      steps: [
        'Once, as an owner of the project (gcloud auth application-default login):',
        `  cd ${directory} && terraform init && terraform apply`,
        'New pools and bindings take up to five minutes to work.',
        `What an apply may change is yours to say: ${directory}/apply.tf`,
      ],
    };
  },
};

interface GcpAnswers {
  readonly identity: Identity;
  readonly project: string;
  readonly projectNumber: string;
  readonly pool: string;
  readonly provider: string;
  readonly audience: string | null;
  readonly hasProvider: boolean;
}

function gcpAnswers({ identity, answers, audience, hasProvider }: SetUpQuestion): GcpAnswers {
  return {
    identity,
    project: answers.get('gcpProject')!,
    projectNumber: answers.get('gcpProjectNumber')!,
    pool: answers.get('gcpPool') ?? defaultName,
    provider: answers.get('gcpProvider') ?? defaultName,
    audience,
    hasProvider,
  };
}

function poolName({ projectNumber, pool }: GcpAnswers): string {
  return `projects/${projectNumber}/locations/global/workloadIdentityPools/${pool}`;
}

/** Google's limit for the name of a service account. */
const longestAccountName = 30;

function accountName({ identity }: GcpAnswers, phase: Phase): string {
  return slug(identity, phase, longestAccountName);
}

function email(gcp: GcpAnswers, phase: Phase): string {
  return `${accountName(gcp, phase)}@${gcp.project}.iam.gserviceaccount.com`;
}

function gcpFiles(gcp: GcpAnswers): readonly NewFile[] {
  return filesIn(directory, {
    'versions.tf': versions(gcp),
    'issuer.tf': gcp.hasProvider ? knownIssuer(gcp) : newIssuer(gcp),
    'plan.tf': planAccount(gcp),
    'apply.tf': applyAccount(gcp),
  });
}

const versions = ({
  project,
}: GcpAnswers): string => `# Applied once by an owner of the project; then the runs themselves need no stored key.

terraform {
  required_version = ">= 1.3"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 5.0"
    }
  }
}

provider "google" {
  project = ${hclString(project)}
}
`;

/** Short whatever the names are: Google takes 127 bytes of subject, and the tokens' own may be longer. */
const subjectMapping = "assertion.terraform_workspace_id + ':' + assertion.terraform_run_phase";

const newIssuer = ({ identity, pool, provider, audience }: GcpAnswers): string => `# The APIs behind the exchange.
resource "google_project_service" "exchange" {
  for_each = toset(["iam.googleapis.com", "iamcredentials.googleapis.com", "sts.googleapis.com"])

  service            = each.key
  disable_on_destroy = false
}

# The project's record of the issuer. It opens nothing by itself: each service account says whom it lets in.
resource "google_iam_workload_identity_pool" "issuer" {
  workload_identity_pool_id = ${hclString(pool)}
  depends_on                = [google_project_service.exchange]
}

resource "google_iam_workload_identity_pool_provider" "issuer" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.issuer.workload_identity_pool_id
  workload_identity_pool_provider_id = ${hclString(provider)}
  attribute_condition                = ${hclString(`assertion.terraform_organization_name == '${identity.organization}'`)}

  attribute_mapping = {
    "google.subject"         = ${hclString(subjectMapping)}
    "attribute.workspace_id" = "assertion.terraform_workspace_id"
    "attribute.run_id"       = "assertion.terraform_run_id"
  }

  oidc {
${hclAttributes('    ', {
  issuer_uri: hclString(identity.issuer),
  allowed_audiences: audience === null ? null : `[${hclString(audience)}]`,
})}
  }
}

locals {
  pool = google_iam_workload_identity_pool.issuer.name
}
`;

const knownIssuer = (
  gcp: GcpAnswers,
): string => `# The project knows the issuer already. Its provider ${gcp.provider} must map
# google.subject to ${subjectMapping}
# and admit organization ${gcp.identity.organization}.

locals {
  pool = ${hclString(poolName(gcp))}
}
`;

const account = (gcp: GcpAnswers, phase: Phase): string => `resource "google_service_account" "${phase}" {
  account_id   = ${hclString(accountName(gcp, phase))}
  display_name = ${hclString(`Terraform ${phase} of workspace ${gcp.identity.workspace}, by Hallpass`.slice(0, 100))}
}

# This workspace in this phase, and nobody else, may act as the account.
resource "google_service_account_iam_member" "${phase}" {
  service_account_id = google_service_account.${phase}.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/\${local.pool}/subject/${gcp.identity.workspaceId}:${phase}"
}
`;

const reader = (gcp: GcpAnswers, phase: Phase): string => `resource "google_project_iam_member" "${phase}_read" {
  project = ${hclString(gcp.project)}
  role    = "roles/viewer"
  member  = google_service_account.${phase}.member
}
`;

const planAccount = (
  gcp: GcpAnswers,
): string => `# The service account of terraform plan: it reads, and changes nothing.

${account(gcp, 'plan')}
${reader(gcp, 'plan')}`;

const applyAccount = (
  gcp: GcpAnswers,
): string => `# The service account of terraform apply. It reads what the plan reads; what it may change is yours to say, below.

${account(gcp, 'apply')}
${reader(gcp, 'apply')}
# Until you grant it something, every apply that changes anything is refused. Grant what this one workspace manages, for
# instance:
#
# resource "google_project_iam_member" "apply_write" {
#   project = ${hclString(gcp.project)}
#   role    = "roles/pubsub.editor"
#   member  = google_service_account.apply.member
# }
`;
