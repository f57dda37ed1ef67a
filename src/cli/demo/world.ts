import type { Json, JsonObject } from '../../domain/json.ts';
import { phases, type Phase } from '../../domain/workload.ts';
import { defaultAzureAudience } from '../../platforms/azure/configure.ts';
import { defaultVaultAudience } from '../../platforms/vault/configure.ts';

/** Whose runs they are. */
export interface WorldNames {
  readonly organization: string;
  readonly project: string;
  readonly workspace: string;
}

/** One more platform of the demo: what the workspace says of it, and what its side says of the workspace. */
export interface WorldPart {
  readonly id: 'gcp' | 'azure' | 'vault' | 'kubernetes';
  readonly title: string;
  /** The workspace's variables, as they would stand in `hallpass.yaml`; addresses come from the sandbox. */
  readonly variables: Readonly<Record<string, string>>;
  /** Its part of a sandbox configuration: the platform's own documents, as one would write them for the real one. */
  sandbox(issuer: string, names: WorldNames): JsonObject;
}

const subjectOf = ({ organization, project, workspace }: WorldNames, phase: Phase): string =>
  `organization:${organization}:project:${project}:workspace:${workspace}:run_phase:${phase}`;

const greeting = 'made without a stored key';

const gcpProject = 'acme-payments';
const gcpProjectNumber = '123456789012';
const gcpPool = `projects/${gcpProjectNumber}/locations/global/workloadIdentityPools/hallpass`;
const gcpProvider = `${gcpPool}/providers/hallpass`;
const gcpAccount = (phase: Phase): string => `payments-${phase}@${gcpProject}.iam.gserviceaccount.com`;

const gcp: WorldPart = {
  id: 'gcp',
  title: 'Google Cloud',
  variables: {
    TFC_GCP_PROVIDER_AUTH: 'true',
    TFC_GCP_WORKLOAD_PROVIDER_NAME: gcpProvider,
    TFC_GCP_PLAN_SERVICE_ACCOUNT_EMAIL: gcpAccount('plan'),
    TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL: gcpAccount('apply'),
    GOOGLE_CLOUD_PROJECT: gcpProject,
    CLOUDSDK_CORE_PROJECT: gcpProject,
  },
  sandbox: (issuer, names) => ({
    project: { id: gcpProject, number: gcpProjectNumber },
    providers: [
      {
        provider: {
          name: gcpProvider,
          state: 'ACTIVE',
          attributeMapping: {
            'google.subject': "assertion.terraform_workspace_name + ':' + assertion.terraform_run_phase",
          },
          attributeCondition: `assertion.terraform_organization_name == '${names.organization}' && assertion.terraform_project_name == '${names.project}'`,
          oidc: { issuerUri: issuer },
        },
      },
    ],
    service_accounts: Object.fromEntries(
      phases.map((phase) => [
        gcpAccount(phase),
        {
          bindings: [
            {
              role: 'roles/iam.workloadIdentityUser',
              members: [`principal://iam.googleapis.com/${gcpPool}/subject/${names.workspace}:${phase}`],
            },
          ],
        },
      ]),
    ),
    iam_policy: {
      bindings: [
        {
          role: 'roles/secretmanager.secretAccessor',
          members: phases.map((phase) => `serviceAccount:${gcpAccount(phase)}`),
        },
        { role: 'roles/secretmanager.admin', members: [`serviceAccount:${gcpAccount('apply')}`] },
      ],
    },
    secrets: { greeting },
  }),
};

const azureClient: Readonly<Record<Phase, string>> = {
  plan: '11111111-aaaa-4aaa-8aaa-111111111111',
  apply: '22222222-bbbb-4bbb-8bbb-222222222222',
};

const azure: WorldPart = {
  id: 'azure',
  title: 'Azure',
  variables: {
    TFC_AZURE_PROVIDER_AUTH: 'true',
    TFC_AZURE_PLAN_CLIENT_ID: azureClient.plan,
    TFC_AZURE_APPLY_CLIENT_ID: azureClient.apply,
  },
  sandbox: (issuer, names) => ({
    applications: phases.map((phase) => ({
      name: `payments-${phase}`,
      client_id: azureClient[phase],
      federated_credentials: [
        {
          name: `payments-${phase}`,
          issuer,
          subject: subjectOf(names, phase),
          audiences: [defaultAzureAudience],
        },
      ],
      roles: [phase === 'plan' ? 'Reader' : 'Contributor'],
    })),
    resource_groups: { payments: 'westeurope' },
  }),
};

const vault: WorldPart = {
  id: 'vault',
  title: 'Vault',
  variables: {
    TFC_VAULT_PROVIDER_AUTH: 'true',
    TFC_VAULT_PLAN_ROLE: 'payments-plan',
    TFC_VAULT_APPLY_ROLE: 'payments-apply',
  },
  sandbox: (issuer, names) => ({
    auth: {
      jwt: {
        config: { oidc_discovery_url: issuer, bound_issuer: issuer },
        roles: Object.fromEntries(
          phases.map((phase) => [
            `payments-${phase}`,
            {
              role_type: 'jwt',
              bound_audiences: [defaultVaultAudience],
              bound_claims: { sub: subjectOf(names, phase) },
              user_claim: 'terraform_full_workspace',
              token_policies: [`payments-${phase}`],
              token_ttl: '20m',
            },
          ]),
        ),
      },
    },
    policies: {
      'payments-plan': vaultPolicy(['read']),
      'payments-apply': vaultPolicy(['create', 'read', 'update', 'delete']),
    },
    kv: { secret: { 'payments/greeting': { text: greeting } } },
  }),
};

function vaultPolicy(capabilities: readonly string[]): string {
  return [
    'path "auth/token/lookup-self" { capabilities = ["read"] }',
    'path "auth/token/renew-self" { capabilities = ["update"] }',
    'path "auth/token/revoke-self" { capabilities = ["update"] }',
    `path "secret/data/payments/*" { capabilities = ${JSON.stringify(capabilities)} }`,
    '',
  ].join('\n');
}

const kubernetesAudience = 'kubernetes';
const kubernetesUser = (names: WorldNames, phase: Phase): string => `hallpass:${subjectOf(names, phase)}`;

/** Who is not this workspace is nobody at all. */
function ownWorkspaceAlone({ organization, workspace }: WorldNames): Json[] {
  return [
    { claim: 'terraform_organization_name', requiredValue: organization },
    { expression: `claims.terraform_workspace_name == '${workspace}'` },
  ];
}

const kubernetes: WorldPart = {
  id: 'kubernetes',
  title: 'Kubernetes',
  variables: {
    TFC_KUBERNETES_PROVIDER_AUTH: 'true',
    TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE: kubernetesAudience,
  },
  sandbox: (issuer, names) => ({
    authentication: {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: [
        {
          issuer: { url: issuer, audiences: [kubernetesAudience] },
          claimValidationRules: ownWorkspaceAlone(names),
          claimMappings: { username: { claim: 'sub', prefix: 'hallpass:' } },
        },
      ],
    },
    rbac: phases.map((phase) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: `payments-${phase}`, namespace: 'payments' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: phase === 'plan' ? 'view' : 'edit',
      },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: kubernetesUser(names, phase) }],
    })),
    namespaces: ['payments'],
    config_maps: { payments: { greeting: { text: greeting } } },
  }),
};

/** The platforms beside AWS, in the order in which they are shown. */
export const worldParts: readonly WorldPart[] = [gcp, azure, vault, kubernetes];
