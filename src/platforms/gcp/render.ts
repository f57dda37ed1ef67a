import type { CredentialSet } from '../../domain/credential.ts';
import type { IdentityToken } from '../../domain/token.ts';
import { providerAudience, type GcpConfiguration } from './configure.ts';
import { gcpHosts, googleHosts, impersonationUrl, tokenUrl } from './hosts.ts';

/** Where a set goes, and what the run names of its own. */
export interface GcpPlace {
  /** Absolute, the same in plan and apply. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Configuration and token → files, environment and input variable. Pure. */
export function renderGcp(
  configuration: GcpConfiguration,
  token: IdentityToken,
  place: GcpPlace,
): Omit<CredentialSet, 'renew'> {
  const credentialsFile = `${place.directory}/credentials.json`;
  return {
    environment: {
      GOOGLE_APPLICATION_CREDENTIALS: credentialsFile,
      // gcloud does not read the other.
      CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: credentialsFile,
    },
    files: [
      { name: 'token', contents: token.compact },
      { name: 'credentials.json', contents: credentialsText(configuration, place) },
    ],
    // The path, not the text: a saved plan keeps the value, and the text would be the plan's in the apply phase.
    input: { credentials: credentialsFile },
    expiresAt: token.expiresAt,
  };
}

/** @see Google, AIP-4117 "External account credentials", and gcloud iam workload-identity-pools create-cred-config */
function credentialsText({ provider, email }: GcpConfiguration, { directory, environment }: GcpPlace): string {
  const hosts = gcpHosts(environment);
  return JSON.stringify(
    {
      type: 'external_account',
      universe_domain: 'googleapis.com',
      // Always the provider, also where the token is for another audience.
      audience: providerAudience(provider),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: tokenUrl(hosts),
      // gcloud asks Google's own host who a token without a service account is, unless told where.
      ...(hosts.sts === googleHosts.sts ? {} : { token_info_url: `${hosts.sts}v1/introspect` }),
      ...(email === null ? {} : { service_account_impersonation_url: impersonationUrl(hosts, email) }),
      credential_source: { file: `${directory}/token`, format: { type: 'text' } },
    },
    null,
    2,
  );
}
