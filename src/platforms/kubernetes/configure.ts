import { checkedAudience } from '../checked-value.ts';
import { providerAuth, type VariableReader, type VariableTable } from '../variables.ts';

/** The variables of Kubernetes. Nothing is asked for by phase: plan and apply are different users, through `sub`. */
export const kubernetesVariables: VariableTable = {
  id: 'kubernetes',
  title: 'Kubernetes',
  prefix: 'KUBERNETES',
  variables: [
    { ...providerAuth, since: '1.14.0' },
    {
      name: 'WORKLOAD_IDENTITY_AUDIENCE',
      required: 'always',
      since: '1.14.0',
      about: '`aud` of the token: the client id in the authentication configuration of the API server',
    },
  ],
};

/** One Kubernetes configuration, checked. */
export interface KubernetesConfiguration {
  readonly audience: string;
}

/**
 * Variables → checked configuration. Pure.
 *
 * @throws {ConfigurationError} `configuration_invalid`, naming the variable
 */
export function configureKubernetes(read: VariableReader): KubernetesConfiguration {
  const mend =
    'give one of issuer.audiences of the authentication configuration, or the --oidc-client-id of the API server';
  return { audience: checkedAudience(read, 255, mend) };
}
