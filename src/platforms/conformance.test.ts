import { describe, expect, it } from 'vitest';
import { base64, certificateA, certificateB } from '../../test/support/certificates.ts';
import { childEnvironment } from '../environment/child-environment.ts';
import { describePlatform, type PlatformExamples } from './conformance.ts';
import { Trial } from './conformance-trial.ts';
import type { Platform } from './platform.ts';
import { platforms } from './registry.ts';
import { inputVariableName } from './requests.ts';

const examples: Readonly<Record<string, PlatformExamples>> = {
  aws: {
    values: { ROLE_ARN: 'arn:aws:iam::111122223333:role/ci/payments-plan' },
    otherValues: {
      ROLE_ARN: 'arn:aws-us-gov:iam::444455556666:role/other',
      WORKLOAD_IDENTITY_AUDIENCE: 'https://sts.example.com/',
    },
    refused: {
      ROLE_ARN: [
        'payments-plan',
        'arn:aws:iam::111122223333:role/',
        'arn:aws:iam::11112222333:role/x',
        'arn:aws:iam::111122223333:user/x',
        'arn:aws:sts::111122223333:assumed-role/x/y',
        'arn:aws:iam:eu-west-1:111122223333:role/x',
        'arn:aws:iam::111122223333:role/a b',
        'arn:aws:iam::111122223333:role/a*',
        'arn:aws:iam::111122223333:role/x\n[other]',
        ' arn:aws:iam::111122223333:role/x',
        'arn:evil:iam::111122223333:role/x',
        `arn:aws:iam::111122223333:role/${'p'.repeat(2048)}/x`,
        `arn:aws:iam::111122223333:role/${'x'.repeat(65)}`,
      ],
      WORKLOAD_IDENTITY_AUDIENCE: ['a b', 'a\n', 'x'.repeat(256)],
    },
    audience: 'aws.workload.identity',
    files: ['token', 'config'],
    environment: ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_ROLE_SESSION_NAME'],
    members: ['shared_config_file'],
  },
  azure: {
    values: { CLIENT_ID: '11111111-2222-3333-4444-555555555555' },
    otherValues: {
      CLIENT_ID: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
      WORKLOAD_IDENTITY_AUDIENCE: 'api://AzureADTokenExchangeUSGov',
    },
    refused: {
      CLIENT_ID: [
        'payments-plan',
        '11111111222233334444555555555555',
        '{11111111-2222-3333-4444-555555555555}',
        '11111111-2222-3333-4444-55555555555',
        '11111111-2222-3333-4444-5555555555555',
        '11111111-2222-3333-4444-55555555555g',
        ' 11111111-2222-3333-4444-555555555555',
        '11111111-2222-3333-4444-555555555555\n',
        'https://login.microsoftonline.com',
      ],
      WORKLOAD_IDENTITY_AUDIENCE: ['a b', 'a\n', 'x'.repeat(601)],
    },
    audience: 'api://AzureADTokenExchange',
    files: ['token', 'client_id'],
    environment: [
      'ARM_CLIENT_ID',
      'ARM_USE_OIDC',
      'ARM_USE_CLI',
      'ARM_OIDC_TOKEN',
      'AZURE_CLIENT_ID',
      'AZURE_FEDERATED_TOKEN_FILE',
    ],
    members: ['client_id_file_path', 'oidc_token_file_path'],
  },
  gcp: {
    values: {
      SERVICE_ACCOUNT_EMAIL: 'tf-plan@my-project.iam.gserviceaccount.com',
      WORKLOAD_PROVIDER_NAME:
        'projects/123456789012/locations/global/workloadIdentityPools/tf-example-com/providers/tf-main',
    },
    otherValues: {
      PRINCIPAL_TYPE: 'workload_pool',
      SERVICE_ACCOUNT_EMAIL: '123456789012-compute@developer.gserviceaccount.com',
      WORKLOAD_PROVIDER_NAME: 'projects/210987654321/locations/global/workloadIdentityPools/other/providers/other',
      PROJECT_NUMBER: '345678901234',
      WORKLOAD_POOL_ID: 'another-pool',
      WORKLOAD_PROVIDER_ID: 'another-provider',
      WORKLOAD_IDENTITY_AUDIENCE: 'https://gcp.example.com/',
    },
    alternatives: [
      {
        PRINCIPAL_TYPE: 'service_account',
        SERVICE_ACCOUNT_EMAIL: 'tf-plan@my-project.iam.gserviceaccount.com',
        PROJECT_NUMBER: '123456789012',
        WORKLOAD_POOL_ID: 'tf-example-com',
        WORKLOAD_PROVIDER_ID: 'tf-main',
      },
      {
        PRINCIPAL_TYPE: 'workload_pool',
        PROJECT_NUMBER: '123456789012',
        WORKLOAD_POOL_ID: 'tf-example-com',
        WORKLOAD_PROVIDER_ID: 'tf-main',
      },
    ],
    refused: {
      PRINCIPAL_TYPE: ['serviceAccount', 'SERVICE_ACCOUNT', 'workload_pool '],
      SERVICE_ACCOUNT_EMAIL: [
        'tf-plan',
        'tf-plan@example.com',
        'tf-plan@my-project.iam.gserviceaccount.com.evil.example',
        'tf-plan@my-project.iam.gserviceaccount.com:signJwt?',
        'a/b@my-project.iam.gserviceaccount.com',
        'tf plan@my-project.iam.gserviceaccount.com',
        'TF@my-project.iam.gserviceaccount.com',
        'serviceAccount:tf@my-project.iam.gserviceaccount.com',
        '../x@my-project.iam.gserviceaccount.com',
      ],
      WORKLOAD_PROVIDER_NAME: [
        'tf-main',
        '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/pool/providers/tf-main',
        'projects/my-project/locations/global/workloadIdentityPools/pool/providers/tf-main',
        'projects/0123/locations/global/workloadIdentityPools/pool/providers/tf-main',
        'projects/123456789012/locations/eu/workloadIdentityPools/pool/providers/tf-main',
        'projects/123456789012/locations/global/workloadIdentityPools/pool',
        'projects/123456789012/locations/global/workloadIdentityPools/gcp-pool/providers/tf-main',
        'projects/123456789012/locations/global/workloadIdentityPools/pool/providers/abc',
        'projects/123456789012/locations/global/workloadIdentityPools/pool/providers/tf-main/',
        'projects/123456789012/locations/global/workloadIdentityPools/Pool/providers/tf-main',
        'projects/123456789012/locations/global/workloadIdentityPools/pool/providers/tf-main\n',
      ],
      WORKLOAD_IDENTITY_AUDIENCE: ['a b', 'a\n', 'x'.repeat(257)],
    },
    audience:
      '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/tf-example-com/providers/tf-main',
    files: ['token', 'credentials.json'],
    environment: ['GOOGLE_APPLICATION_CREDENTIALS', 'CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE'],
    members: ['credentials'],
  },
  kubernetes: {
    values: { WORKLOAD_IDENTITY_AUDIENCE: 'kubernetes.prod' },
    otherValues: { WORKLOAD_IDENTITY_AUDIENCE: 'https://k8s.example.com/' },
    refused: { WORKLOAD_IDENTITY_AUDIENCE: ['a b', 'a\n', 'x'.repeat(256)] },
    audience: null,
    files: ['token'],
    environment: ['KUBE_TOKEN'],
    members: ['token_path'],
  },
  vault: {
    values: { ADDR: 'https://vault.example.com:8200', ROLE: 'payments-plan' },
    otherValues: {
      ADDR: 'http://vault.internal/behind',
      ROLE: 'payments.apply',
      NAMESPACE: 'admin/team2',
      AUTH_PATH: 'hallpass/prod',
      WORKLOAD_IDENTITY_AUDIENCE: 'https://vault.example.com',
      ENCODED_CACERT: base64(certificateB),
      CLIENT_TIMEOUT: '5',
    },
    alternatives: [
      {
        ADDR: 'http://127.0.0.1:8200',
        ROLE: 'payments-plan',
        NAMESPACE: 'team1',
        AUTH_PATH: 'jwt2',
        WORKLOAD_IDENTITY_AUDIENCE: 'vault.workload.identity.prod',
        ENCODED_CACERT: base64(certificateA + certificateB),
        CLIENT_TIMEOUT: '120',
      },
    ],
    refused: {
      ADDR: [
        'vault.example.com',
        'ftp://vault.example.com',
        'unix:///run/vault.sock',
        'https://',
        'https://user:secret@vault.example.com',
        'https://vault.example.com/?x=1',
        'https://vault.example.com/#x',
        'https://vault.example.com/v1',
        'https://vault.example.com/v1/',
        ' https://vault.example.com',
        'https://vault.example.com\n',
        'https://vault example.com',
        `https://${'x'.repeat(1000)}`,
      ],
      ROLE: ['a b', '../x', 'a/b', '-a', 'a-', '.', 'a\n', 'ä', 'x'.repeat(256)],
      NAMESPACE: ['a b', 'a//b', '/', '..', 'a/../b', 'a?b', 'a\r\nX-Vault-Token: x', 'ä', 'x'.repeat(501)],
      AUTH_PATH: ['auth/jwt', '/auth/jwt', 'a b', 'a//b', '/', '..', 'a?b', 'a#b', 'a%2fb', 'a\nb'],
      WORKLOAD_IDENTITY_AUDIENCE: ['a b', 'a\n', 'x'.repeat(256)],
      ENCODED_CACERT: [
        certificateA,
        'no base64',
        base64('not PEM'),
        base64(certificateA.replace('MII', 'AAA')),
        base64(certificateA + certificateB.replace('MII', 'AAA')),
        base64(`${certificateA}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`),
        base64('x'.repeat(100_001)),
      ],
      CLIENT_TIMEOUT: ['0', '-1', '1.5', '60s', '1e2', ' 60', '3601', '99999', '٣'],
    },
    unseen: ['CLIENT_TIMEOUT'],
    audience: 'vault.workload.identity',
    files: ['token'],
    environment: ['VAULT_ADDR', 'VAULT_TOKEN', 'TERRAFORM_VAULT_SKIP_CHILD_TOKEN'],
    members: ['token_filename', 'address', 'namespace', 'ca_cert_file'],
    answers: vaultAnswers,
  },
};

for (const platform of platforms) describePlatform(platform, examples[platform.id]!);

/** What a command sees of one platform with these configurations. */
async function seenBy(platform: Platform, tags: readonly (string | null)[]): Promise<Record<string, unknown>> {
  const trial = new Trial(platform, examples[platform.id]!);
  const sets = await Promise.all(
    tags.map(async (tag) => ({
      platform: platform.id,
      tag,
      set: await trial.obtain(trial.variablesOf(trial.examples.values, tag), { tag }),
    })),
  );
  const isTagged = tags.some((tag) => tag !== null);
  const { variables } = childEnvironment({
    settings: {
      parentEnvironment: {},
      homeDirectory: '/home/me',
      workingDirectory: '/work',
      dataDirectory: '/data',
      keyEncryptionKeyFile: '/kek',
      runDirectory: null,
      passEnvironment: [],
      inheritHome: false,
      isolation: 'off',
      redact: false,
    },
    command: { file: 'terraform', args: ['plan'] },
    home: '/private/home',
    temporaryDirectory: '/private/tmp',
    variables: new Map(),
    terraformVariables: new Map(),
    installed: sets,
    platforms: [
      {
        id: platform.id,
        inputVariable: inputVariableName(platform.id),
        together: isTagged ? (platform.together?.(sets, '/creds').environment ?? {}) : {},
      },
    ],
    exists: () => false,
  });
  return Object.fromEntries(variables);
}

/** The value of `tfc_<platform>_dynamic_credentials`. */
function inputOf(platform: Platform, seen: Record<string, unknown>): { default: unknown; aliases: object } {
  return JSON.parse(seen[`TF_VAR_${inputVariableName(platform.id)}`] as string) as {
    default: unknown;
    aliases: object;
  };
}

describe.each(platforms.map((platform) => [platform.id, platform] as const))('a command with %s', (id, platform) => {
  const { environment, members } = examples[id]!;
  const whole = Object.fromEntries(members.map((member) => [member, expect.toSatisfy(isMember)]));

  it('has its variables while there is only the default configuration, and an empty map of aliases', async () => {
    const seen = await seenBy(platform, [null]);
    expect(Object.keys(seen)).toEqual(expect.arrayContaining([...environment]));
    expect(inputOf(platform, seen)).toEqual({ default: whole, aliases: {} });
  });

  it.each([[['BLUE']], [[null, 'BLUE', 'blue', 'default']]])(
    'has none of them beside the tags %j, but every member of each configuration',
    async (tags) => {
      const seen = await seenBy(platform, tags);
      expect(environment.filter((name) => name in seen)).toEqual([]);
      const aliases = Object.fromEntries(tags.filter((tag) => tag !== null).map((tag) => [tag, whole]));
      expect(inputOf(platform, seen)).toEqual({ default: tags.includes(null) ? whole : null, aliases });
    },
  );
});

function isMember(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

describe('the registry', () => {
  it('has an example for every platform', () => {
    expect(Object.keys(examples)).toEqual(platforms.map((platform) => platform.id));
  });
});

/** A Vault that accepts everybody. */
async function vaultAnswers(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname.endsWith('/auth/token/revoke-self')) return new Response(null, { status: 204 });
  const { role } = (await request.json()) as { role?: string };
  const auth = { client_token: `s.${role}`, lease_duration: 1200, renewable: true, token_type: 'service', num_uses: 0 };
  return Response.json({ wrap_info: null, auth });
}
