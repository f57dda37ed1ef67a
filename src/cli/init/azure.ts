import type { Phase } from '../../domain/workload.ts';
import { defaultAzureAudience } from '../../platforms/azure/configure.ts';
import { hclString } from './hcl.ts';
import { slug, subject, type Identity } from './identity.ts';
import { filesIn, type InitPlatform, type NewFile } from './platform.ts';
import { match } from './question.ts';

const directory = 'hallpass-azure';
const guid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Azure: an application for each phase, with a federated credential for exactly its subject. */
export const azureSide: InitPlatform = {
  id: 'azure',
  title: 'Azure',
  about: `Terraform code in ${directory}/: two applications with federated credentials`,
  questions: [
    {
      key: 'azureTenant',
      flag: '--azure-tenant',
      argument: '<id>',
      about: 'Microsoft Entra tenant id',
      asked: true,
      isOptional: false,
      placeholder: '00000000-0000-0000-0000-000000000000',
      check: match('--azure-tenant', guid, 'a tenant id is a GUID: az account show --query tenantId'),
    },
    {
      key: 'azureSubscription',
      flag: '--azure-subscription',
      argument: '<id>',
      about: 'Azure subscription id',
      asked: true,
      isOptional: false,
      placeholder: '00000000-0000-0000-0000-000000000000',
      check: match('--azure-subscription', guid, 'a subscription id is a GUID: az account show --query id'),
    },
  ],
  setUp({ identity, answers, audience }) {
    const azure: AzureAnswers = {
      identity,
      tenant: answers.get('azureTenant')!.toLowerCase(),
      subscription: answers.get('azureSubscription')!.toLowerCase(),
      audience: audience ?? defaultAzureAudience,
    };
    return {
      files: azureFiles(azure),
      variables: [
        ['TFC_AZURE_PROVIDER_AUTH', 'true'],
        ...(audience === null ? [] : [['TFC_AZURE_WORKLOAD_IDENTITY_AUDIENCE', audience] as const]),
        ['ARM_TENANT_ID', azure.tenant],
        ['ARM_SUBSCRIPTION_ID', azure.subscription],
      ],
      later: (['PLAN', 'APPLY'] as const).map((phase) => [
        `TFC_AZURE_${phase}_CLIENT_ID`,
        `the output ${phase.toLowerCase()}_client_id of ${directory}`,
      ]),
      warnings: [],
      steps: [
        'Once, as an administrator of the tenant and an owner of the subscription (az login):',
        `  cd ${directory} && terraform init && terraform apply`,
        'Write its two outputs into hallpass.yaml, where the names stand ready.',
        `What an apply may change is yours to say: ${directory}/apply.tf`,
      ],
    };
  },
};

interface AzureAnswers {
  readonly identity: Identity;
  readonly tenant: string;
  readonly subscription: string;
  readonly audience: string;
}

function azureFiles(azure: AzureAnswers): readonly NewFile[] {
  return filesIn(directory, {
    'versions.tf': versions(azure),
    'plan.tf': planApplication(azure),
    'apply.tf': applyApplication(azure),
    'outputs.tf': outputs,
  });
}

const versions = ({
  tenant,
  subscription,
}: AzureAnswers): string => `# Applied once by an administrator; then the runs themselves need no stored secret.

terraform {
  required_version = ">= 1.3"

  required_providers {
    azuread = {
      source  = "hashicorp/azuread"
      version = ">= 2.47"
    }
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 3.60"
    }
  }
}

provider "azuread" {
  tenant_id = ${hclString(tenant)}
}

provider "azurerm" {
  tenant_id       = ${hclString(tenant)}
  subscription_id = ${hclString(subscription)}

  features {}
}

locals {
  subscription = ${hclString(`/subscriptions/${subscription}`)}
}
`;

const application = (
  { identity, audience }: AzureAnswers,
  phase: Phase,
): string => `resource "azuread_application" "${phase}" {
  display_name = ${hclString(slug(identity, phase, 100))}
}

resource "azuread_service_principal" "${phase}" {
  client_id = azuread_application.${phase}.client_id
}

# Entra compares issuer, subject and audience exactly, letter by letter: no other workspace, project or phase.
resource "azuread_application_federated_identity_credential" "${phase}" {
  application_id = azuread_application.${phase}.id
  display_name   = ${hclString(slug(identity, phase, 100))}
  issuer         = ${hclString(identity.issuer)}
  subject        = ${hclString(subject(identity, phase))}
  audiences      = [${hclString(audience)}]
}

resource "azurerm_role_assignment" "${phase}_read" {
  scope                = local.subscription
  role_definition_name = "Reader"
  principal_id         = azuread_service_principal.${phase}.object_id
}
`;

const planApplication = (
  azure: AzureAnswers,
): string => `# The application of terraform plan: it reads, and changes nothing.

${application(azure, 'plan')}`;

const applyApplication = (
  azure: AzureAnswers,
): string => `# The application of terraform apply. It reads what the plan reads; what it may change is yours to say, below.

${application(azure, 'apply')}
# Until you grant it something, every apply that changes anything is refused. Grant what this one workspace manages, for
# instance:
#
# resource "azurerm_role_assignment" "apply_write" {
#   scope                = "\${local.subscription}/resourceGroups/${azure.identity.workspace}"
#   role_definition_name = "Contributor"
#   principal_id         = azuread_service_principal.apply.object_id
# }
`;

const outputs = `# For hallpass.yaml.

output "plan_client_id" {
  description = "TFC_AZURE_PLAN_CLIENT_ID"
  value       = azuread_application.plan.client_id
}

output "apply_client_id" {
  description = "TFC_AZURE_APPLY_CLIENT_ID"
  value       = azuread_application.apply.client_id
}
`;
