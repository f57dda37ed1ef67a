import type { CredentialRequest, CredentialSet, PlatformIo } from '../../domain/credential.ts';
import type { IdentityToken } from '../../domain/token.ts';
import type { Platform } from '../platform.ts';
import { awsVariables, configureAws, type AwsConfiguration } from './configure.ts';
import { renderAws, renderAwsTogether } from './render.ts';

/** AWS: the provider exchanges the token itself, at STS, from the file that it re-reads. */
export const aws: Platform = {
  ...awsVariables,
  rereadsToken: true,
  // Each of these stands above the web identity or above the configuration file in the SDKs' order of credentials.
  conflicts: [
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'AWS_PROFILE',
    'AWS_DEFAULT_PROFILE',
    'AWS_ROLE_ARN',
    'AWS_ROLE_SESSION_NAME',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONFIG_FILE',
    'AWS_SHARED_CREDENTIALS_FILE',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  ],
  addresses: ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_STS'],
  trust: {
    document: "the role's trust policy: aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument",
    judge: async (document, question) => (await import('./trust-answer.ts')).judgeAwsTrust(document, question),
  },
  causes: async () => (await import('./causes.ts')).awsCauses,
  request: (read) => requestFor(configureAws(read), read.tag),
  together: renderAwsTogether,
};

function requestFor(configuration: AwsConfiguration, tag: string | null): CredentialRequest {
  return {
    platform: 'aws',
    tag,
    audience: configuration.audience,
    offered: configuration.roleArn,
    rereadsToken: true,
    obtain: async (token, io) => credentialSet(configuration, token, io),
    // Loaded only now: needed after a failure, and by `doctor`.
    explain: async (token, io) => {
      const { explainAws } = await import('./exchange.ts');
      return explainAws(configuration, tag, token, io);
    },
  };
}

function credentialSet(configuration: AwsConfiguration, token: IdentityToken, io: PlatformIo): CredentialSet {
  const rendered = renderAws(configuration, token, io);
  return {
    ...rendered,
    // Only the token file is new; its path, the configuration file and the variables stay as they are.
    renew: async (fresh) => {
      const renewed = credentialSet(configuration, await fresh(), io);
      return { ...renewed, files: renewed.files.filter((file) => file.name === 'token') };
    },
  };
}
