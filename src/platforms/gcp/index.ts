import type { CredentialRequest, CredentialSet, PlatformIo } from '../../domain/credential.ts';
import type { IdentityToken } from '../../domain/token.ts';
import type { Platform } from '../platform.ts';
import { configureGcp, gcpVariables, type GcpConfiguration } from './configure.ts';
import { renderGcp } from './render.ts';
import { isLongSubject } from './subject.ts';

/** Google Cloud: the clients exchange the token themselves, at Google's token service, from the file that they re-read. */
export const gcp: Platform = {
  ...gcpVariables,
  rereadsToken: true,
  // Each of these is another identity to the provider, to gcloud or to Google's libraries, or stands above the file.
  conflicts: [
    'GOOGLE_APPLICATION_CREDENTIALS',
    'GOOGLE_CREDENTIALS',
    'GOOGLE_CLOUD_KEYFILE_JSON',
    'GCLOUD_KEYFILE_JSON',
    'GOOGLE_OAUTH_ACCESS_TOKEN',
    'GOOGLE_IMPERSONATE_SERVICE_ACCOUNT',
    'CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE',
    'CLOUDSDK_AUTH_ACCESS_TOKEN',
    'CLOUDSDK_AUTH_ACCESS_TOKEN_FILE',
    'CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT',
  ],
  addresses: ['CLOUDSDK_API_ENDPOINT_OVERRIDES_STS', 'CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS'],
  trust: {
    document:
      'the provider: gcloud iam workload-identity-pools providers describe PROVIDER … --format=json\n' +
      'or, with the service accounts, { "provider": …, "serviceAccounts": { EMAIL: … } }, each as\n' +
      'gcloud iam service-accounts get-iam-policy EMAIL --format=json prints it',
    judge: async (document, question) => (await import('./trust-answer.ts')).judgeGcpTrust(document, question),
  },
  causes: async () => (await import('./causes.ts')).gcpCauses,
  request: (read) => requestFor(configureGcp(read), read.tag),
};

function requestFor(configuration: GcpConfiguration, tag: string | null): CredentialRequest {
  return {
    platform: 'gcp',
    tag,
    audience: configuration.audience,
    offered: configuration.email ?? configuration.provider,
    rereadsToken: true,
    obtain: async (token, io) => {
      const set = credentialSet(configuration, token, io);
      if (!isLongSubject(token)) return set;
      const { askAboutSubject } = await import('./exchange.ts');
      return { ...set, warnings: await askAboutSubject(configuration, tag, token, io) };
    },
    // Loaded only now: needed after a failure, and by `doctor`.
    explain: async (token, io) => {
      const { explainGcp } = await import('./exchange.ts');
      return explainGcp(configuration, tag, token, io);
    },
  };
}

function credentialSet(configuration: GcpConfiguration, token: IdentityToken, io: PlatformIo): CredentialSet {
  return {
    ...renderGcp(configuration, token, io),
    // Only the token file is new; its path, credentials.json and the variables stay as they are.
    renew: async (fresh) => {
      const renewed = credentialSet(configuration, await fresh(), io);
      return { ...renewed, files: renewed.files.filter((file) => file.name === 'token') };
    },
  };
}
