import * as fc from 'fast-check';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../../test/support/temporary-directory.ts';
import { AppError } from '../../domain/errors.ts';
import { requestsFor, unknownVariables } from '../../platforms/index.ts';
import { readWorkloadFile } from '../../settings/workload-file.ts';
import { complaint } from './ask.ts';
import { awsAnswers, roleArn, roleName } from './aws/answers.ts';
import { awsSide } from './aws/index.ts';
import { hclString } from './hcl.ts';
import { identityOf, identityQuestions, slug, subject } from './identity.ts';
import { kubernetesSide } from './kubernetes.ts';
import type { InitPlatform, PlatformSide } from './platform.ts';
import { initPlatforms } from './platforms.ts';
import { checkedAnswers, unanswered, type GivenAnswers } from './question.ts';
import { settingsFileText } from './settings-file.ts';
import { refuseExisting, writeNewFiles } from './write-files.ts';

const given: GivenAnswers = {
  issuer: 'https://id.example.com',
  organization: 'acme',
  project: 'payments',
  workspace: 'web',
};

/** Enough for each platform. */
const examples: Readonly<Record<string, GivenAnswers>> = {
  aws: { awsAccount: '111122223333' },
  gcp: { gcpProject: 'acme-payments', gcpProjectNumber: '123456789012' },
  azure: {
    azureTenant: '3f2f1e0d-0c0b-4a09-8807-060504030201',
    azureSubscription: '11111111-2222-3333-4444-555555555555',
  },
  vault: { vaultAddr: 'https://vault.example.com:8200' },
  kubernetes: {},
};

function question(platform: InitPlatform, more: GivenAnswers, environment: Record<string, string> = {}) {
  const answers = checkedAnswers([...identityQuestions, ...platform.questions], {
    ...given,
    ...examples[platform.id],
    ...more,
  });
  return {
    identity: identityOf(answers),
    answers,
    hasProvider: false,
    audience: more['audience'] ?? null,
    parentEnvironment: environment,
  };
}

const answers = (more: GivenAnswers = {}, environment: Record<string, string> = {}) =>
  awsAnswers(question(awsSide, more, environment));

const sideOf = (platform: InitPlatform, more: GivenAnswers = {}): PlatformSide =>
  platform.setUp(question(platform, more));

function problemOf(platform: InitPlatform, more: GivenAnswers) {
  try {
    sideOf(platform, more);
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, ...error.problem };
    throw error;
  }
  throw new Error('it was accepted');
}

function questionOf(key: string) {
  return [...identityQuestions, ...awsSide.questions].find((candidate) => candidate.key === key)!;
}

describe('the answers of hallpass init', () => {
  it('fill in what was left open', () => {
    expect(answers({ project: undefined })).toMatchObject({
      project: 'Default Project',
      partition: 'aws',
      region: 'us-east-1',
      audience: 'aws.workload.identity',
      stateBucket: null,
      stateKey: 'web/terraform.tfstate',
    });
    expect(answers({}, { AWS_REGION: 'cn-north-1' })).toMatchObject({ partition: 'aws-cn' });
    expect(answers({ region: 'us-gov-west-1' }).partition).toBe('aws-us-gov');
  });

  it('are all asked for at once when nobody is at a terminal', () => {
    const missing = unanswered([...identityQuestions, ...awsSide.questions], { project: 'x' });
    expect(missing.map(({ flag }) => flag)).toEqual(['--issuer', '--organization', '--workspace', '--aws-account']);
  });

  it.each([
    ['aws', { issuer: 'https://id.example.com/' }, 'issuer_invalid'],
    ['aws', { issuer: 'http://id.example.com' }, 'issuer_invalid'],
    ['aws', { workspace: 'web:run_phase:apply' }, 'name_invalid'],
    ['aws', { organization: 'acme*' }, 'name_invalid'],
    ['aws', { awsAccount: '1234' }, 'settings_invalid'],
    ['aws', { awsAccount: '111122223333"' }, 'settings_invalid'],
    ['aws', { region: 'eu-west-1"' }, 'settings_invalid'],
    ['aws', { partition: 'aws:' }, 'settings_invalid'],
    ['aws', { stateBucket: 'UPPER' }, 'settings_invalid'],
    ['aws', { stateBucket: 'a*' }, 'settings_invalid'],
    ['aws', { stateKey: '*' }, 'settings_invalid'],
    ['aws', { stateLockTable: 'a/b' }, 'settings_invalid'],
    ['gcp', { gcpProject: '123456789012' }, 'settings_invalid'],
    ['gcp', { gcpProject: 'Acme' }, 'settings_invalid'],
    ['gcp', { gcpProjectNumber: 'acme-payments' }, 'settings_invalid'],
    ['gcp', { gcpPool: 'gcp-pool' }, 'settings_invalid'],
    ['gcp', { gcpProvider: 'a/b/c/d' }, 'settings_invalid'],
    ['azure', { azureTenant: 'acme.onmicrosoft.com' }, 'settings_invalid'],
    ['azure', { azureSubscription: '/subscriptions/1' }, 'settings_invalid'],
    ['vault', { vaultAddr: 'vault.example.com' }, 'settings_invalid'],
    ['vault', { vaultAddr: 'https://root@vault.example.com' }, 'settings_invalid'],
    ['vault', { vaultAddr: 'https://vault.example.com/v1' }, 'settings_invalid'],
    ['vault', { vaultNamespace: '/team1' }, 'settings_invalid'],
    ['vault', { vaultAuthPath: 'jwt/' }, 'settings_invalid'],
    ['kubernetes', { kubernetesHost: 'http://k8s.example.com' }, 'settings_invalid'],
    ['kubernetes', { kubernetesNamespace: 'Web' }, 'settings_invalid'],
    ['kubernetes', { eksCluster: 'a"b' }, 'settings_invalid'],
  ])('are checked: %s %j', (id, more, code) => {
    expect(
      problemOf(
        initPlatforms.find((one) => one.id === id)!,
        more,
      ).code,
    ).toBe(code);
  });

  it('are checked while they are typed', () => {
    expect(complaint(questionOf('workspace'), 'web')).toBeUndefined();
    expect(complaint(questionOf('workspace'), '')).toBe('this is needed');
    expect(complaint(questionOf('project'), '')).toBeUndefined();
    expect(complaint(questionOf('awsAccount'), '12')).toContain('an account id has 12 digits');
  });

  it('have one flag each, over all platforms', () => {
    const keys = [...identityQuestions, ...initPlatforms.flatMap(({ questions }) => questions)].map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('role names', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,90}$/);
  const names = fc.record({ organization: name, project: name, workspace: name });

  it('fit IAM', () => {
    fc.assert(
      fc.property(names, (parts) => {
        expect(roleName(answers(parts), 'apply')).toMatch(/^[\w+=,.@-]{1,64}$/);
      }),
    );
  });

  it('differ between workspaces and phases, long or short', () => {
    fc.assert(
      fc.property(names, names, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b));
        expect(roleName(answers(a), 'plan')).not.toBe(roleName(answers(b), 'plan'));
        expect(roleName(answers(a), 'plan')).not.toBe(roleName(answers(a), 'apply'));
      }),
    );
    const long = 'x'.repeat(80);
    const [first, second] = [`${long}a`, `${long}b`].map((workspace) => roleName(answers({ workspace }), 'plan'));
    expect(first).not.toBe(second);
  });
});

describe('HCL strings', () => {
  it.each([
    ['plain', '"plain"'],
    ['say "hi"', '"say \\"hi\\""'],
    ['back\\slash', '"back\\\\slash"'],
    ['${var.x}', '"$${var.x}"'],
    ['%{ if true }', '"%%{ if true }"'],
    ['$${x}', '"$$${x}"'],
    ['a\nb\tc', '"a\\nb\\tc"'],
    ['$', '"$"'],
  ])('%j', (text, hcl) => {
    expect(hclString(text)).toBe(hcl);
  });

  it('refuses what HCL cannot express', () => {
    expect(() => hclString('a\0b')).toThrow(RangeError);
  });
});

describe('names for a platform', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,90}$/);
  const identities = fc.record({ organization: name, project: name, workspace: name }).map((names) => ({
    issuer: 'https://id.example.com',
    workspaceId: 'ws-1',
    ...names,
  }));

  it('keep to letters, digits and hyphens, within the length', () => {
    fc.assert(
      fc.property(identities, fc.integer({ min: 24, max: 100 }), (identity, longest) => {
        const made = slug(identity, 'apply', longest);
        expect(made).toMatch(/^[a-z][a-z0-9-]*-apply$/);
        expect(made.length).toBeLessThanOrEqual(longest);
        expect(made).not.toContain('--');
      }),
    );
  });

  it('tell workspaces apart that are spelt alike', () => {
    const [identity] = fc.sample(identities, 1);
    const one = slug({ ...identity!, workspace: 'a_b' }, 'plan', 30);
    expect(one).not.toBe(slug({ ...identity!, workspace: 'a-b' }, 'plan', 30));
    expect(one).not.toBe(slug({ ...identity!, workspace: 'A_b' }, 'plan', 30));
  });
});

describe.each(initPlatforms.map((platform) => [platform.id, platform] as const))('the side of %s', (id, platform) => {
  it('lies in a directory of its own', () => {
    for (const { path } of sideOf(platform).files)
      expect(path).toMatch(new RegExp(`^hallpass-${id}/[a-z-]+\\.(tf|yaml)$`));
  });

  it('names the whole subject or the workspace id of each phase, and no pattern', () => {
    const { identity } = question(platform, {});
    const text = sideOf(platform)
      .files.map((file) => file.text)
      .join('\n');
    for (const phase of ['plan', 'apply'] as const) {
      const names = [subject(identity, phase), `${identity.workspaceId}:${phase}`];
      expect(names.some((one) => text.includes(one))).toBe(true);
    }
    expect(text).not.toMatch(/organization:[^"']*\*/);
    expect(text).not.toMatch(/StringLike|"glob"|startsWith\(["']organization/);
  });

  it('switches the platform on in hallpass.yaml, and reads back', () => {
    const side = sideOf(platform, { audience: 'own/audience' });
    const file = readWorkloadFile(settingsFileText(question(platform, {}).identity, [side]), '/r/hallpass.yaml');
    const variables = new Map(
      [...file.variables].map(([name, { value }]) => [name, value.kind === 'text' ? value.text : value.kind]),
    );
    expect(variables.get(`TFC_${id.toUpperCase()}_PROVIDER_AUTH`)).toBe('true');
    expect(variables.get(`TFC_${id.toUpperCase()}_WORKLOAD_IDENTITY_AUDIENCE`)).toBe('own/audience');
    expect(unknownVariables(variables)).toEqual([]);
  });

  it('makes a configuration that Hallpass takes, but for what only the platform can say', () => {
    const side = sideOf(platform);
    const variables = new Map([
      ...side.variables,
      ...side.later.map(([name]) => [name, '11111111-2222-3333-4444-555555555555'] as const),
    ]);
    for (const phase of ['plan', 'apply'] as const) {
      expect(requestsFor(variables, phase, { workspace: 'web' })).toMatchObject([{ platform: id, tag: null }]);
    }
  });
});

describe('the side of kubernetes', () => {
  it('says what is left to be told of the API server', () => {
    expect(sideOf(kubernetesSide).steps.at(-2)).toContain('needs KUBE_HOST and KUBE_CLUSTER_CA_CERT_DATA');
    const told = sideOf(kubernetesSide, { kubernetesHost: 'https://k8s.example.com' });
    expect(told.steps.at(-2)).toMatch(/^Unless its certificate is a public one/);
  });
});

describe('the files of hallpass init', () => {
  it('hold a hallpass.yaml that reads back', () => {
    const odd = { workspace: '0123', organization: 'true', project: 'null', audience: 'aws/111122223333' };
    const made = answers(odd);
    const file = readWorkloadFile(settingsFileText(made, [sideOf(awsSide, odd)]), '/r/hallpass.yaml');
    expect(file.names).toMatchObject({
      organization: { value: 'true' },
      project: { value: 'null' },
      workspace: { value: '0123' },
    });
    expect(file.variables.get('TFC_AWS_PLAN_ROLE_ARN')?.value).toMatchObject({ text: roleArn(made, 'plan') });
    expect(file.variables.get('TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE')?.value).toMatchObject({ text: 'aws/111122223333' });
  });

  it('compare audience and subject exactly, one phase each', () => {
    const { files: written } = sideOf(awsSide, { project: 'Default Project' });
    const files = new Map(written.map(({ path, text }) => [path, text]));
    for (const phase of ['plan', 'apply']) {
      const text = files.get(`hallpass-aws/${phase}.tf`)!;
      expect(text).toContain(`["organization:acme:project:Default Project:workspace:web:run_phase:${phase}"]`);
      expect(text.match(/test {5}= "StringEquals"/g)).toHaveLength(2);
      expect(text).not.toContain('StringLike');
    }
  });

  it('overwrite nothing, and name all that is there', async () => {
    const directory = temporaryDirectory('init');
    mkdirSync(join(directory, 'hallpass-aws'));
    writeFileSync(join(directory, 'hallpass.yaml'), 'mine');
    writeFileSync(join(directory, 'hallpass-aws/plan.tf'), 'mine');
    const files = [{ path: 'hallpass.yaml', text: 'new' }, ...sideOf(awsSide).files];
    await expect(refuseExisting(directory, files)).rejects.toThrow(
      'hallpass.yaml, hallpass-aws/plan.tf are there already, and hallpass init overwrites nothing',
    );
    await expect(writeNewFiles(directory, files)).rejects.toThrow('the files cannot be written (EEXIST)');
    expect(readFileSync(join(directory, 'hallpass.yaml'), 'utf8')).toBe('mine');
  });

  it('are written all or not at all', async () => {
    const directory = temporaryDirectory('init');
    const files = [
      { path: 'a/one', text: '1' },
      { path: 'b/two', text: '2' },
      { path: 'a/one/three', text: '3' },
    ];
    await expect(writeNewFiles(directory, files)).rejects.toThrow(AppError);
    expect(readdirSync(directory)).toEqual([]);
  });
});
