import type { VariableReader, VariableTable } from '../variables.ts';

/** The variables of Kubernetes. Nothing is asked for by phase: plan and apply are different users, through `sub`. */
export const kubernetesVariables: VariableTable = {
  id: 'kubernetes',
  title: 'Kubernetes',
  prefix: 'KUBERNETES',
  variables: [
    { name: 'PROVIDER_AUTH', isSwitch: true, required: 'always', since: '1.14.0', about: '`true` switches it on' },
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
  const audience = read.required('WORKLOAD_IDENTITY_AUDIENCE');
  if (audience.value.length > 255 || /[\p{Cc}\s]/u.test(audience.value)) {
    throw read.invalid(
      audience,
      'is not an audience: 1 to 255 characters, without blanks',
      'give one of issuer.audiences of the authentication configuration, or the --oidc-client-id of the API server',
    );
  }
  return { audience: audience.value };
}
