import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../domain/errors.ts';
import { laterPlatforms, otherNames } from './known-variables.ts';
import {
  configuredPlatforms,
  conflictingVariables,
  ineffectiveVariables,
  inputVariableName,
  platforms,
  requestsFor,
  unknownVariables,
} from './index.ts';
import { fullName, switchOf } from './variables.ts';

const where = { workspace: 'payments-prod' };
const role = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const map = (variables: Record<string, string>) => new Map(Object.entries(variables));

describe('requestsFor', () => {
  it('gives each configuration its own role, audience and tag, then the manual tokens', () => {
    const variables = map({
      TFC_WORKLOAD_IDENTITY_AUDIENCE_TAILSCALE: 'api.tailscale.com/x',
      TFC_AWS_PROVIDER_AUTH_BLUE: 'true',
      TFC_AWS_PROVIDER_AUTH: 'true',
      TFC_DEFAULT_AWS_RUN_ROLE_ARN: role('shared'),
      TFC_AWS_PLAN_ROLE_ARN: role('plan'),
      TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE_BLUE: 'blue',
    });
    const shown = (phase: 'plan' | 'apply') =>
      requestsFor(variables, phase, where).map(({ platform, tag, offered, audience, rereadsToken }) => ({
        platform,
        tag,
        offered,
        audience,
        rereadsToken,
      }));
    const blue = { platform: 'aws', tag: 'BLUE', offered: role('shared'), audience: 'blue', rereadsToken: true };
    const aws = { platform: 'aws', tag: null, audience: 'aws.workload.identity', rereadsToken: true };
    const manual = {
      platform: 'manual',
      tag: 'TAILSCALE',
      offered: null,
      audience: 'api.tailscale.com/x',
      rereadsToken: false,
    };
    expect(shown('plan')).toEqual([{ ...aws, offered: role('plan') }, blue, manual]);
    expect(shown('apply')).toEqual([{ ...aws, offered: role('shared') }, blue, manual]);
  });

  it('asks for nothing without a switch', () => {
    expect(requestsFor(map({ TFC_AWS_RUN_ROLE_ARN: role('x') }), 'plan', where)).toEqual([]);
    expect(requestsFor(map({}), 'apply', where)).toEqual([]);
  });

  it.each(laterPlatforms.map((table) => [table.id, table] as const))(
    'says of %s that it is not there yet, for the default and for a tag',
    (_, table) => {
      for (const tag of [null, 'BLUE']) {
        const name = fullName(table, switchOf(table), null, { tag });
        const ask = (value: string) => requestsFor(map({ [name]: value }), 'plan', where);
        expect(() => ask('true')).toThrow(ConfigurationError);
        expect(() => ask('true')).toThrow(`${name} is true, but ${table.title} is not there yet`);
        expect(ask('false')).toEqual([]);
      }
    },
  );
});

describe('unknownVariables', () => {
  it.each<[string, string | undefined]>([
    ['TFC_AWS_RUN_ROLE_ANR', 'TFC_AWS_RUN_ROLE_ARN'],
    ['TFC_AWS_ROLE_ARN', 'TFC_AWS_RUN_ROLE_ARN'],
    ['TFC_AWS_RUN_ROLE_ANR_blue', 'TFC_AWS_RUN_ROLE_ARN_blue'],
    ['TFC_AWS_PROVIDER_AUHT', 'TFC_AWS_PROVIDER_AUTH'],
    ['TFC_AWS_PROVIDER_AUTH_TYPE', 'TFC_AWS_PROVIDER_AUTH'],
    ['TFC_DEFAULT_AWS_PROVIDER_AUTH', 'TFC_AWS_PROVIDER_AUTH'],
    ['TFC_WORKLOAD_IDENTITY_AUDENCE', 'TFC_WORKLOAD_IDENTITY_AUDIENCE'],
    ['TFC_GPC_PROVIDER_AUTH', 'TFC_GCP_PROVIDER_AUTH'],
    ['TFC_SOMETHING_ELSE_ALTOGETHER', undefined],
  ])('finds %s, and %s as the nearest', (name, nearest) => {
    expect(unknownVariables(map({ [name]: 'x' }))).toEqual([{ name, nearest }]);
  });

  it('knows every name of every platform, and those that HCP Terraform has for other ends', () => {
    const names = [
      'TFC_AWS_PROVIDER_AUTH_blue',
      'TFC_DEFAULT_GCP_PLAN_SERVICE_ACCOUNT_EMAIL',
      'TFC_GCP_PRINCIPAL_TYPE',
      'TFC_AZURE_APPLY_CLIENT_ID_X',
      'TFC_AZURE_RUN_TENANT_ID',
      'TFC_VAULT_CLIENT_TIMEOUT',
      'TFC_VAULT_BACKED_AWS_AUTH_TYPE_BLUE',
      'TFC_VAULT_BACKED_GCP_RUN_VAULT_STATIC_ACCOUNT',
      'TFC_VAULT_BACKED_AZURE_SLEEP_SECONDS',
      'TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE',
      'TFC_HCP_RUN_PROVIDER_RESOURCE_NAME',
      'TFC_TENCENTCLOUD_RUN_ROLE_ARN',
      'TFC_HVS_BACKED_AWS_HCP_CONFIG',
      'TFC_WORKLOAD_IDENTITY_AUDIENCE_a1',
      'TFC_WORKLOAD_IDENTITY_TOKEN_a1',
      'TFC_RUN_ID',
      'TFC_WORKSPACE_NAME',
      'TFC_CONFIGURATION_VERSION_GIT_COMMIT_SHA',
      'TFC_OIDC_AUDIENCE',
      'TFC_AGENT_NAME',
    ];
    expect(unknownVariables(map(Object.fromEntries(names.map((name) => [name, 'x']))))).toEqual([]);
  });

  it('leaves names alone that do not begin with TFC_', () => {
    expect(unknownVariables(map({ TFCX: '', tfc_x: '', TF_VAR_x: '', AWS_REGION: '' }))).toEqual([]);
  });

  it('gives a reason for every name beside the platforms', () => {
    for (const { name, reason } of otherNames) {
      expect(name).toMatch(/^TFC_[A-Z_]+$/);
      expect(reason).not.toBe('');
    }
  });
});

describe('ineffectiveVariables', () => {
  it.each([
    [{ TFC_AWS_PROVIDER_AUTH: 'True' }, 'TFC_AWS_PROVIDER_AUTH is set to something else than true'],
    [{ TFC_AWS_PROVIDER_AUTH_A: '1' }, 'TFC_AWS_PROVIDER_AUTH_A is set to something else than true'],
    [
      { TFC_AWS_RUN_ROLE_ARN_BLUE: 'x' },
      'TFC_AWS_RUN_ROLE_ARN_BLUE does nothing, since TFC_AWS_PROVIDER_AUTH_BLUE is not true',
    ],
    [
      { TFC_AWS_PROVIDER_AUTH_blue: 'true', TFC_AWS_PLAN_ROLE_ARN_BLUE: 'x' },
      'TFC_AWS_PLAN_ROLE_ARN_BLUE does nothing, since TFC_AWS_PROVIDER_AUTH_BLUE is not true',
    ],
  ])('warns of %j', (variables, words) => {
    expect(ineffectiveVariables(map(variables)).map((problem) => problem.what)).toEqual([
      expect.stringContaining(words),
    ]);
  });

  it('says nothing of what counts, nor of names that nobody knows', () => {
    const variables = {
      TFC_AWS_PROVIDER_AUTH: 'false',
      TFC_AWS_PROVIDER_AUTH_BLUE: 'true',
      TFC_AWS_RUN_ROLE_ARN_BLUE: 'x',
      TFC_AWS_RUN_ROLE_ARN: 'x',
      TFC_DEFAULT_AWS_RUN_ROLE_ARN: 'x',
      TFC_WORKLOAD_IDENTITY_AUDIENCE_X: 'x',
      TFC_NOBODY: 'x',
    };
    expect(ineffectiveVariables(map(variables))).toEqual([]);
  });
});

describe('names for others', () => {
  it('are those that Terraform configurations declare', () => {
    expect(inputVariableName('aws')).toBe('tfc_aws_dynamic_credentials');
    expect(inputVariableName('vault-aws')).toBe('tfc_vault_aws_dynamic_credentials');
    expect(inputVariableName('vault_backed_aws')).toBe('tfc_vault_backed_aws_dynamic_credentials');
  });

  it('tell which variables get in the way of which platform', () => {
    const names = ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'PATH'];
    expect(conflictingVariables(names, new Set(['aws'])).map(({ where: name }) => name)).toEqual([
      'AWS_ACCESS_KEY_ID',
      'AWS_PROFILE',
    ]);
    expect(conflictingVariables(names, new Set(['manual']))).toEqual([]);
  });

  it('tell which platforms are switched on, also with a tag alone', () => {
    expect([...configuredPlatforms(map({ TFC_AWS_PROVIDER_AUTH_BLUE: 'true' }))]).toEqual(['aws']);
    expect([
      ...configuredPlatforms(map({ TFC_AWS_PROVIDER_AUTH: 'yes', TFC_WORKLOAD_IDENTITY_AUDIENCE: 'x' })),
    ]).toEqual([]);
  });

  it('list each platform once', () => {
    const ids = platforms.map((platform) => platform.id);
    expect(new Set([...ids, ...laterPlatforms.map((table) => table.id)]).size).toBe(ids.length + laterPlatforms.length);
  });
});
