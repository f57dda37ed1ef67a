import { stringify } from 'yaml';
import type { Json } from '../../domain/json.ts';
import { phases, type Phase } from '../../domain/workload.ts';
import { hclString } from './hcl.ts';
import { slug, subject, type Identity } from './identity.ts';
import type { InitPlatform, NewFile } from './platform.ts';
import { match } from './question.ts';

const directory = 'hallpass-kubernetes';
const defaultAudience = 'kubernetes';
/** Before the subject in user names, so that no other issuer's user can be mistaken for ours. */
const userPrefix = 'hallpass:';

/** Kubernetes: the issuer in the API server's authentication configuration, and what each phase's user may do. */
export const kubernetesSide: InitPlatform = {
  id: 'kubernetes',
  title: 'Kubernetes',
  about: `YAML in ${directory}/: authentication configuration and RBAC (Terraform code for EKS)`,
  questions: [
    {
      key: 'kubernetesHost',
      flag: '--kubernetes-host',
      argument: '<url>',
      about: 'address of the API server',
      asked: true,
      isOptional: true,
      placeholder: 'none',
      check: match('--kubernetes-host', /^https:\/\/[^\s/?#@]+$/, 'such as https://k8s.example.com:6443'),
    },
    {
      key: 'kubernetesNamespace',
      flag: '--kubernetes-namespace',
      argument: '<name>',
      about: 'namespace that the workspace works in (default: default)',
      asked: true,
      isOptional: true,
      placeholder: 'default',
      check: match(
        '--kubernetes-namespace',
        /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
        'lower-case letters, digits, "-"',
      ),
    },
    {
      key: 'eksCluster',
      flag: '--eks-cluster',
      argument: '<name>',
      about: 'name of the cluster, if it is an Amazon EKS one',
      asked: false,
      isOptional: true,
      check: match('--eks-cluster', /^[A-Za-z0-9][\w-]{0,99}$/, 'letters, digits, "-" and "_"'),
    },
  ],
  setUp({ identity, answers, audience }) {
    const host = answers.get('kubernetesHost') ?? null;
    const cluster = answers.get('eksCluster') ?? null;
    const kubernetes: KubernetesAnswers = {
      identity,
      namespace: answers.get('kubernetesNamespace') ?? 'default',
      audience: audience ?? defaultAudience,
    };
    return {
      files: [cluster === null ? authenticationFile(kubernetes) : eksFile(kubernetes, cluster), rbacFile(kubernetes)],
      variables: [
        ['TFC_KUBERNETES_PROVIDER_AUTH', 'true'],
        ['TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE', kubernetes.audience],
        ...(host === null ? [] : [['KUBE_HOST', host] as const]),
      ],
      later: [
        ...(host === null ? [['KUBE_HOST', 'https://… of the API server'] as const] : []),
        ['KUBE_CLUSTER_CA_CERT_DATA', '{ file: cluster-ca.pem }'],
      ],
      warnings: [],
      steps: [
        'Once, as an administrator of the cluster:',
        ...(cluster === null
          ? [`  give the API server ${directory}/authentication-configuration.yaml (--authentication-config)`]
          : [`  cd ${directory} && terraform init && terraform apply`]),
        `  kubectl apply -f ${directory}/rbac.yaml`,
        host === null
          ? 'kubectl needs KUBE_HOST and KUBE_CLUSTER_CA_CERT_DATA in hallpass.yaml; Terraform, too, unless its provider has them.'
          : 'Unless its certificate is a public one, KUBE_CLUSTER_CA_CERT_DATA in hallpass.yaml names its CA.',
        `What an apply may change is yours to say: ${directory}/rbac.yaml`,
      ],
    };
  },
};

interface KubernetesAnswers {
  readonly identity: Identity;
  readonly namespace: string;
  readonly audience: string;
}

function yamlDocument(value: Json): string {
  // Quoted always: names may look like numbers, booleans or aliases.
  return stringify(value, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' });
}

function authenticationFile({ identity, audience }: KubernetesAnswers): NewFile {
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: { url: identity.issuer, audiences: [audience] },
        claimValidationRules: [{ claim: 'terraform_organization_name', requiredValue: identity.organization }],
        claimMappings: {
          username: { claim: 'sub', prefix: userPrefix },
          groups: { claim: 'terraform_organization_name', prefix: userPrefix },
        },
        userValidationRules: [
          { expression: "!user.username.startsWith('system:')", message: 'names of the system are reserved' },
        ],
      },
    ],
  };
  return {
    path: `${directory}/authentication-configuration.yaml`,
    text: `# For the API server: --authentication-config. Add the entry to "jwt" where there is such a file already.\n${yamlDocument(configuration)}`,
  };
}

function eksFile({ identity, audience }: KubernetesAnswers, cluster: string): NewFile {
  return {
    path: `${directory}/eks.tf`,
    text: `# Applied once by an administrator of the account. EKS takes one such issuer per cluster, and some minutes.

resource "aws_eks_identity_provider_config" "issuer" {
  cluster_name = ${hclString(cluster)}

  oidc {
    identity_provider_config_name = "hallpass"
    issuer_url                    = ${hclString(identity.issuer)}
    client_id                     = ${hclString(audience)}
    username_claim                = "sub"
    username_prefix               = ${hclString(userPrefix)}
    groups_claim                  = "terraform_organization_name"
    groups_prefix                 = ${hclString(userPrefix)}

    required_claims = {
      terraform_organization_name = ${hclString(identity.organization)}
    }
  }
}
`,
  };
}

function rbacFile(kubernetes: KubernetesAnswers): NewFile {
  const bindings = phases.map((phase) => yamlDocument(binding(kubernetes, phase, 'view')));
  const written = yamlDocument(binding(kubernetes, 'apply', 'edit'))
    .trimEnd()
    .split('\n')
    .map((line) => `# ${line}`);
  const text = [
    '# Both phases read their namespace. The user of each phase is its whole subject: no other workspace, no other phase.',
    bindings.join('---\n').trimEnd(),
    '# Until you grant it something, every apply that changes anything is refused. For instance:',
    '# ---',
    ...written,
    '',
  ].join('\n');
  return { path: `${directory}/rbac.yaml`, text };
}

function binding({ identity, namespace }: KubernetesAnswers, phase: Phase, role: 'view' | 'edit'): Json {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: `${slug(identity, phase, 57)}-${role}`, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [
      { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: `${userPrefix}${subject(identity, phase)}` },
    ],
  };
}
