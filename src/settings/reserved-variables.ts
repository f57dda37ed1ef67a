import { fits } from '../domain/glob.ts';

/** Variables that a `hallpass.yaml` may not set, and why. `*` at an end stands for any characters; case is ignored. */
export interface ReservedVariables {
  readonly names: readonly string[];
  readonly reason: string;
  readonly mend: string;
}

const callersOwn = 'set it in your own environment and pass it with --pass-env NAME';

/**
 * One row per kind. A file in a repository speaks for the workload, not for the machine: it may not choose which code
 * the programs around Terraform load, which way their connections go, or whom they believe.
 */
export const reservedVariables: readonly ReservedVariables[] = [
  {
    names: ['LD_*', 'DYLD_*', 'GLIBC_TUNABLES', 'GCONV_PATH', 'LOCPATH', 'NLSPATH', 'MALLOC_*'],
    reason: 'it decides which code the system loader runs',
    mend: callersOwn,
  },
  {
    names: [
      'NODE_OPTIONS',
      'NODE_PATH',
      'PYTHON*',
      'PERL5*',
      'PERLLIB',
      'RUBYOPT',
      'RUBYLIB',
      'JAVA_TOOL_OPTIONS',
      '_JAVA_OPTIONS',
      'JDK_JAVA_OPTIONS',
    ],
    reason: 'it decides which code an interpreter loads',
    mend: callersOwn,
  },
  {
    names: [
      'BASH_ENV',
      'ENV',
      'BASH_FUNC_*',
      'BASHOPTS',
      'SHELLOPTS',
      'IFS',
      'PS4',
      'PROMPT_COMMAND',
      'CDPATH',
      'SHELL',
    ],
    reason: 'it decides what a shell does before its script',
    mend: callersOwn,
  },
  {
    names: ['PATH', 'HOME', 'TMPDIR', 'USER', 'LOGNAME', 'XDG_*'],
    reason: 'the run environment sets it',
    mend: 'leave it out; hallpass exec --home inherit gives the command your own home directory',
  },
  {
    names: ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'FTP_PROXY', 'NO_PROXY'],
    reason: 'it decides which way connections go',
    mend: 'set it in your own environment; proxies reach the phase from there',
  },
  {
    names: [
      'SSL_CERT_FILE',
      'SSL_CERT_DIR',
      '*_CA_BUNDLE',
      '*_CA_CERTS',
      'NODE_TLS_REJECT_UNAUTHORIZED',
      'PYTHONHTTPSVERIFY',
      'GIT_SSL_*',
      'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
      'OPENSSL_CONF',
      'SSLKEYLOGFILE',
    ],
    reason: 'it decides whose certificates are believed',
    mend: 'set it in your own environment; certificate files reach the phase from there',
  },
  {
    names: [
      'VAULT_SKIP_VERIFY',
      'VAULT_PROXY_ADDR',
      'VAULT_HTTP_PROXY',
      'KUBE_INSECURE',
      'KUBE_PROXY_URL',
      'CLOUDSDK_PROXY_*',
      'CLOUDSDK_AUTH_DISABLE_SSL_VALIDATION',
    ],
    reason: 'it decides which way connections go, or whether certificates are looked at',
    mend: callersOwn,
  },
  {
    names: [
      'GIT_SSH',
      'GIT_SSH_COMMAND',
      'GIT_PROXY_COMMAND',
      'GIT_EXEC_PATH',
      'GIT_CONFIG*',
      'GIT_ASKPASS',
      'GIT_EXTERNAL_DIFF',
      'GIT_PAGER',
      'GIT_EDITOR',
      'GIT_TEMPLATE_DIR',
      'SSH_ASKPASS',
      'SSH_AUTH_SOCK',
      'PAGER',
      'EDITOR',
      'VISUAL',
      'BROWSER',
    ],
    reason: 'it makes git and its helpers run a program',
    mend: callersOwn,
  },
  {
    names: ['TF_CLI_CONFIG_FILE', 'TF_REATTACH_PROVIDERS', 'TF_PLUGIN_CACHE_DIR', 'TERRAFORM_CONFIG'],
    reason: 'it decides which provider programs Terraform runs',
    mend: callersOwn,
  },
  {
    names: ['TF_WORKSPACE', 'TF_DATA_DIR'],
    reason: 'it chooses the Terraform workspace, and through ${terraform.workspace} the identity',
    mend: 'set it in your own environment, or run "terraform workspace select"',
  },
  {
    names: [
      'TF_CLI_ARGS',
      'TF_CLI_ARGS_apply',
      'TF_CLI_ARGS_destroy',
      'TERRAGRUNT_NON_INTERACTIVE',
      'TG_NON_INTERACTIVE',
    ],
    reason: 'it can answer the question before an apply, as -auto-approve does',
    mend: 'set it in your own environment, or give the arguments on the command line',
  },
  {
    names: ['TF_VAR_tfc_*_dynamic_credentials', 'TFC_WORKLOAD_IDENTITY_TOKEN*'],
    reason: 'Hallpass fills it',
    mend: 'leave it out',
  },
  {
    names: ['HALLPASS_*'],
    reason: 'it is a setting of Hallpass itself, which a file in a repository may not change',
    mend: 'set it in your own environment, or use the key of hallpass.yaml (issuer, organization, project, workspace)',
  },
];

/** The row that forbids a variable, if one does. */
export function reservation(name: string): ReservedVariables | undefined {
  return reservedVariables.find((row) => row.names.some((pattern) => fits(pattern.toUpperCase(), name.toUpperCase())));
}
