import { describe, expect, it } from 'vitest';
import { readWorkloadFile } from './workload-file.ts';
import { reservation } from './reserved-variables.ts';

describe('variables that a hallpass.yaml may not set', () => {
  it.each([
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'DYLD_INSERT_LIBRARIES',
    'NODE_OPTIONS',
    'PYTHONPATH',
    'PYTHONSTARTUP',
    'BASH_ENV',
    'ENV',
    'PATH',
    'HOME',
    'TMPDIR',
    'HTTP_PROXY',
    'https_proxy',
    'All_Proxy',
    'no_proxy',
    'SSL_CERT_FILE',
    'AWS_CA_BUNDLE',
    'REQUESTS_CA_BUNDLE',
    'NODE_EXTRA_CA_CERTS',
    'NODE_TLS_REJECT_UNAUTHORIZED',
    'SSLKEYLOGFILE',
    'VAULT_SKIP_VERIFY',
    'VAULT_PROXY_ADDR',
    'KUBE_INSECURE',
    'CLOUDSDK_PROXY_ADDRESS',
    'GIT_SSH_COMMAND',
    'GIT_CONFIG_COUNT',
    'GIT_CONFIG_KEY_0',
    'SSH_AUTH_SOCK',
    'TF_CLI_CONFIG_FILE',
    'TF_REATTACH_PROVIDERS',
    'TF_WORKSPACE',
    'TF_CLI_ARGS',
    'TF_CLI_ARGS_apply',
    'TF_CLI_ARGS_destroy',
    'TG_NON_INTERACTIVE',
    'TF_VAR_tfc_aws_dynamic_credentials',
    'TFC_WORKLOAD_IDENTITY_TOKEN',
    'TFC_WORKLOAD_IDENTITY_TOKEN_X',
    'HALLPASS_DATA_DIR',
    'HALLPASS_ISSUER',
  ])('%s is refused with a reason and a way', (name) => {
    const row = reservation(name);
    expect(row?.reason).toBeTruthy();
    expect(() => readWorkloadFile(`variables: { ${name}: x }`, '/r/hallpass.yaml')).toThrow(
      `hallpass.yaml may not set ${name}: ${row?.reason}`,
    );
  });

  it.each([
    'AWS_REGION',
    'AWS_ENDPOINT_URL',
    'AWS_ENDPOINT_URL_STS',
    'TF_LOG',
    'TF_VAR_region',
    'TF_CLI_ARGS_plan',
    'PATHS',
    'ENVIRONMENT',
    'MY_HOME',
    'BUNDLE',
    'GOOGLE_PROJECT',
    'ARM_TENANT_ID',
    'KUBE_HOST',
    'KUBE_CLUSTER_CA_CERT_DATA',
    'CLOUDSDK_API_ENDPOINT_OVERRIDES_STS',
    'TFC_AWS_PROVIDER_AUTH',
    'TFC_WORKLOAD_IDENTITY_AUDIENCE',
  ])('%s is allowed', (name) => {
    expect(reservation(name)).toBeUndefined();
  });
});
