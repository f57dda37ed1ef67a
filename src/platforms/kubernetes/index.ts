import type { CredentialRequest } from '../../domain/credential.ts';
import type { Platform } from '../platform.ts';
import { configureKubernetes, kubernetesVariables, type KubernetesConfiguration } from './configure.ts';
import { renderKubernetes } from './render.ts';

/** Kubernetes: the token itself is the credential of every request; nobody exchanges anything. */
export const kubernetes: Platform = {
  ...kubernetesVariables,
  // The providers hold it in memory, from `KUBE_TOKEN` or `file()`: the first token must last the whole phase.
  rereadsToken: false,
  // Each of these contradicts the token, or stands above it in the providers or in kubectl.
  conflicts: [
    'KUBE_TOKEN',
    'KUBE_USER',
    'KUBE_PASSWORD',
    'KUBE_CLIENT_CERT_DATA',
    'KUBE_CLIENT_KEY_DATA',
    'KUBE_CONFIG_PATH',
    'KUBE_CONFIG_PATHS',
    'KUBE_CTX',
    'KUBE_CTX_AUTH_INFO',
    'KUBE_CTX_CLUSTER',
    'KUBECONFIG',
  ],
  addresses: ['KUBE_HOST'],
  trust: {
    document: 'the AuthenticationConfiguration of the API server, or its flags as kind: OidcFlags (YAML)',
    judge: async (document, question) => (await import('./trust-answer.ts')).judgeKubernetesTrust(document, question),
  },
  causes: async () => (await import('./causes.ts')).kubernetesCauses,
  request: (read) => requestFor(configureKubernetes(read), read.tag),
};

function requestFor(configuration: KubernetesConfiguration, tag: string | null): CredentialRequest {
  return {
    platform: 'kubernetes',
    tag,
    audience: configuration.audience,
    offered: null,
    rereadsToken: false,
    obtain: async (token, io) => renderKubernetes(token, io),
    // Loaded only now: needed after a failure, and by `doctor`.
    explain: async (token, io) => {
      const { explainKubernetes } = await import('./exchange.ts');
      return explainKubernetes(tag, token, io);
    },
  };
}
