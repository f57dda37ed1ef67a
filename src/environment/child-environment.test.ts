import { describe, expect, it } from 'vitest';
import { Secret } from '../domain/secret.ts';
import { downloads } from './caller-home.ts';
import { childEnvironment, type ChildEnvironmentParts, type InstalledSet } from './child-environment.ts';
import type { EnvironmentSettings } from './phase.ts';

const settings: EnvironmentSettings = {
  parentEnvironment: { PATH: '/usr/bin' },
  homeDirectory: '/home/me',
  workingDirectory: '/work',
  dataDirectory: '/home/me/.local/share/hallpass',
  keyEncryptionKeyFile: '/home/me/.config/hallpass/kek',
  runDirectory: null,
  passEnvironment: [],
  inheritHome: false,
  isolation: 'off',
  redact: 'auto',
};

const awsFacts = {
  id: 'aws',
  inputVariable: 'tfc_aws_dynamic_credentials',
  together: {},
};

function built(
  changes: Partial<Omit<ChildEnvironmentParts, 'settings'>> & { settings?: Partial<EnvironmentSettings> } = {},
) {
  return childEnvironment({
    command: { file: 'terraform', args: ['plan'] },
    home: '/run/slot/home',
    temporaryDirectory: '/tmp/slot/t',
    variables: new Map(),
    terraformVariables: new Map(),
    installed: [],
    platforms: [awsFacts],
    exists: () => false,
    ...changes,
    settings: { ...settings, ...changes.settings },
  });
}

function awsSet(tag: string | null, file: string): InstalledSet {
  return {
    platform: 'aws',
    tag,
    set: {
      environment: { AWS_ROLE_ARN: `arn:${tag}` },
      files: [],
      input: { shared_config_file: file },
      expiresAt: null,
    },
  };
}

const manual = (tag: string | null, name: string): InstalledSet => ({
  platform: 'manual',
  tag,
  set: { environment: { [name]: new Secret('t') }, files: [], input: null, expiresAt: null },
});

const existing = (...paths: string[]) => ({ exists: (path: string) => paths.includes(path) });

const withParent = (parentEnvironment: Record<string, string>) => ({
  settings: { parentEnvironment: { PATH: '/usr/bin', ...parentEnvironment } },
});

describe("the child's variables", () => {
  it('are made from nothing', () => {
    expect(Object.fromEntries(built().variables)).toEqual({
      PATH: '/usr/bin',
      PWD: '/work',
      HOME: '/run/slot/home',
      TMPDIR: '/tmp/slot/t',
      XDG_CONFIG_HOME: '/run/slot/home/.config',
      XDG_DATA_HOME: '/run/slot/home/.local/share',
      XDG_STATE_HOME: '/run/slot/home/.local/state',
      XDG_CACHE_HOME: '/run/slot/home/.cache',
      CLOUDSDK_CONFIG: '/run/slot/home/.config/gcloud',
      AZURE_CONFIG_DIR: '/run/slot/home/.azure',
      AWS_EC2_METADATA_DISABLED: 'true',
      NO_GCE_CHECK: 'true',
      METADATA_SERVER_DETECTION: 'none',
      CLOUDSDK_CORE_CHECK_GCE_METADATA: 'false',
    });
  });

  it("hold nothing of the runner's own identity", () => {
    const { variables } = built(
      withParent({ AWS_ACCESS_KEY_ID: 'AKIA', VAULT_TOKEN: 'v', HALLPASS_KEK_FILE: '/k', SECRET: 's' }),
    );
    for (const name of ['AWS_ACCESS_KEY_ID', 'VAULT_TOKEN', 'HALLPASS_KEK_FILE', 'SECRET'])
      expect(variables.has(name)).toBe(false);
  });

  it('hold what was passed by name, and a warning for what is not there', () => {
    const { variables, warnings } = built({
      settings: { parentEnvironment: { DATABASE: 'x' }, passEnvironment: ['DATABASE', 'MISSING'] },
    });
    expect(variables.get('DATABASE')).toBe('x');
    expect(warnings).toEqual([
      { what: '--pass-env MISSING: there is no such variable', mend: 'export MISSING, or leave it out' },
    ]);
  });

  it("never hold Hallpass' own variables, also when they are named", () => {
    const { variables, warnings } = built({
      settings: { parentEnvironment: { HALLPASS_KEK_FILE: '/k' }, passEnvironment: ['HALLPASS_KEK_FILE'] },
      variables: new Map([['HALLPASS_DATA_DIR', '/d']]),
    });
    expect([...variables.keys()].filter((name) => name.startsWith('HALLPASS_'))).toEqual([]);
    expect(warnings.map(({ what }) => what)).toEqual([
      "HALLPASS_KEK_FILE is one of Hallpass' own variables and does not reach the command",
      "HALLPASS_DATA_DIR is one of Hallpass' own variables and does not reach the command",
    ]);
  });

  it("let the workload's variables win over the caller's and over the defaults", () => {
    const { variables } = built({
      ...withParent({ AWS_REGION: 'eu-west-1', TF_VAR_size: '1' }),
      variables: new Map([
        ['AWS_REGION', 'eu-central-1'],
        ['AWS_EC2_METADATA_DISABLED', 'false'],
      ]),
      terraformVariables: new Map([['size', new Secret('2')]]),
    });
    expect(variables.get('AWS_REGION')).toBe('eu-central-1');
    expect(variables.get('AWS_EC2_METADATA_DISABLED')).toBe('false');
    expect((variables.get('TF_VAR_size') as Secret).reveal()).toBe('2');
  });

  it('keep the HOME of the caller when asked to, but not its cloud identities', () => {
    const { variables, links } = built({
      settings: { inheritHome: true, parentEnvironment: { XDG_CONFIG_HOME: '/home/me/conf' } },
      exists: () => true,
    });
    expect(variables.get('HOME')).toBe('/home/me');
    expect(variables.get('XDG_CONFIG_HOME')).toBe('/home/me/conf');
    expect(variables.get('TMPDIR')).toBe('/tmp/slot/t');
    expect(variables.get('AZURE_CONFIG_DIR')).toBe('/run/slot/home/.azure');
    expect(links).toEqual([]);
  });

  it('say that nobody is at the keyboard only where that is so', () => {
    expect(built().variables.has('TF_INPUT')).toBe(false);
    expect(built({ settings: { interactive: false } }).variables.get('TF_INPUT')).toBe('0');
  });
});

describe('platform credentials', () => {
  it('come as variables and as input while there is no tag', () => {
    const { variables } = built({ installed: [awsSet(null, '/d/config')] });
    expect(variables.get('AWS_ROLE_ARN')).toBe('arn:null');
    expect(variables.get('TF_VAR_tfc_aws_dynamic_credentials')).toBe(
      '{"default":{"shared_config_file":"/d/config"},"aliases":{}}',
    );
  });

  it('come only as input and as one shared file once there is a tag', () => {
    const { variables } = built({
      installed: [awsSet(null, '/d/config'), awsSet('AUDIT', '/a/config')],
      platforms: [{ ...awsFacts, together: { AWS_CONFIG_FILE: '/all/config' } }],
    });
    expect(variables.has('AWS_ROLE_ARN')).toBe(false);
    expect(variables.get('AWS_CONFIG_FILE')).toBe('/all/config');
    expect(JSON.parse(variables.get('TF_VAR_tfc_aws_dynamic_credentials') as string)).toEqual({
      default: { shared_config_file: '/d/config' },
      aliases: { AUDIT: { shared_config_file: '/a/config' } },
    });
  });

  it('have no default when there are only tags', () => {
    const { variables } = built({ installed: [awsSet('b', '/b')] });
    expect(JSON.parse(variables.get('TF_VAR_tfc_aws_dynamic_credentials') as string).default).toBeNull();
  });

  it('say nothing of a platform without a configuration', () => {
    expect(built().variables.has('TF_VAR_tfc_aws_dynamic_credentials')).toBe(false);
  });

  it('hold manual tokens whether there are tags or not', () => {
    const { variables } = built({
      installed: [manual(null, 'TFC_WORKLOAD_IDENTITY_TOKEN'), manual('X', 'TFC_WORKLOAD_IDENTITY_TOKEN_X')],
    });
    expect([...variables.keys()].filter((name) => name.startsWith('TFC_'))).toEqual([
      'TFC_WORKLOAD_IDENTITY_TOKEN',
      'TFC_WORKLOAD_IDENTITY_TOKEN_X',
    ]);
  });

  it('win over a variable of the same name, with a warning that names it', () => {
    const { variables, warnings } = built({
      installed: [awsSet(null, '/d')],
      variables: new Map([['AWS_ROLE_ARN', 'mine']]),
      terraformVariables: new Map([['tfc_aws_dynamic_credentials', '{}']]),
    });
    expect(variables.get('AWS_ROLE_ARN')).toBe('arn:null');
    expect(warnings.map(({ what }) => what.split(' ')[0])).toEqual([
      'AWS_ROLE_ARN',
      'TF_VAR_tfc_aws_dynamic_credentials',
    ]);
  });

  it('warn of a variable that may win over them', () => {
    const { warnings } = built({ installed: [awsSet(null, '/d')], variables: new Map([['AWS_PROFILE', 'mine']]) });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.what).toContain('AWS_PROFILE is set beside the aws configuration');
  });

  it('do not warn of it when the platform has no configuration', () => {
    expect(built({ variables: new Map([['AWS_PROFILE', 'mine']]) }).warnings).toEqual([]);
  });
});

describe("what stands for the caller's home", () => {
  it('names the roots of version managers that are there', () => {
    const { variables } = built(existing('/home/me/.asdf', '/home/me/.pyenv'));
    expect(variables.get('ASDF_DATA_DIR')).toBe('/home/me/.asdf');
    expect(variables.get('PYENV_ROOT')).toBe('/home/me/.pyenv');
    expect(variables.has('RBENV_ROOT')).toBe(false);
  });

  it("takes the caller's own root", () => {
    const { variables } = built({ ...withParent({ PYENV_ROOT: '/opt/pyenv' }), ...existing('/home/me/.pyenv') });
    expect(variables.get('PYENV_ROOT')).toBe('/opt/pyenv');
  });

  it('links the plugin folders and the CLI configuration into the private HOME', () => {
    const { links, variables } = built(existing('/home/me/.terraform.d', '/home/me/.terraformrc', '/home/me/.netrc'));
    expect(links).toEqual([
      { below: '.terraform.d', target: '/home/me/.terraform.d' },
      { below: '.terraformrc', target: '/home/me/.terraformrc' },
    ]);
    expect(variables.get('TF_CLI_CONFIG_FILE')).toBe('/home/me/.terraformrc');
  });

  it("sets the caller's own CLI configuration", () => {
    const { variables } = built({
      ...withParent({ TF_CLI_CONFIG_FILE: '/etc/tf.rc' }),
      ...existing('/home/me/.terraformrc'),
    });
    expect(variables.get('TF_CLI_CONFIG_FILE')).toBe('/etc/tf.rc');
  });

  it("takes OpenTofu's own configuration for OpenTofu only", () => {
    const files = existing('/home/me/.tofurc', '/home/me/.terraformrc');
    expect(
      built({ ...files, command: { file: '/usr/bin/tofu', args: ['plan'] } }).variables.get('TF_CLI_CONFIG_FILE'),
    ).toBe('/home/me/.tofurc');
    expect(built(files).variables.get('TF_CLI_CONFIG_FILE')).toBe('/home/me/.terraformrc');
  });

  it('finds what lies below XDG directories that were moved', () => {
    const { links, variables } = built({
      ...withParent({ XDG_DATA_HOME: '/data', XDG_CONFIG_HOME: '/conf' }),
      ...existing('/data/terraform', '/conf/git/config'),
    });
    expect(links).toEqual([{ below: '.local/share/terraform', target: '/data/terraform' }]);
    expect(variables.get('GIT_CONFIG_GLOBAL')).toBe('/conf/git/config');
  });

  it('keeps an empty GIT_CONFIG_GLOBAL, which means none', () => {
    const { variables } = built({ ...withParent({ GIT_CONFIG_GLOBAL: '' }), ...existing('/home/me/.gitconfig') });
    expect(variables.get('GIT_CONFIG_GLOBAL')).toBe('');
  });

  it('opens registries and repositories for downloads only', () => {
    const parts = { ...withParent({ TF_TOKEN_example_com: 't', SSH_AUTH_SOCK: '/s' }), ...existing('/home/me/.netrc') };
    const init = built({ ...parts, command: { file: 'terraform', args: ['-chdir=x', 'init'] } });
    expect(init.variables.get('TF_TOKEN_example_com')).toBe('t');
    expect(init.links).toEqual([{ below: '.netrc', target: '/home/me/.netrc' }]);
    const plan = built(parts);
    expect(plan.variables.has('TF_TOKEN_example_com')).toBe(false);
    expect(plan.variables.has('SSH_AUTH_SOCK')).toBe(false);
    expect(plan.links).toEqual([]);
  });

  it.each([
    [['terraform', 'init'], true],
    [['/opt/bin/terraform', '-chdir=a', 'get', '-update'], true],
    [['tofu', 'init', '-upgrade'], true],
    [['terraform', 'plan'], false],
    [['terraform', 'plan', 'init'], false],
    [['make', 'init'], false],
    [['terraform'], false],
  ] as const)('%j downloads: %s', ([file, ...args], expected) => {
    expect(downloads({ file, args })).toBe(expected);
  });
});

describe('a value that no process can be given', () => {
  it('is refused with the name of the variable when it is too long', () => {
    expect(() => built({ variables: new Map([['BIG', 'x'.repeat(131_072)]]) })).toThrow(/^BIG has 131072 bytes/);
  });

  it('may be as long as the system takes', () => {
    expect(() => built({ variables: new Map([['BIG', 'x'.repeat(131_072 - 5)]]) })).not.toThrow();
  });

  it('counts bytes, not characters', () => {
    expect(() => built({ variables: new Map([['BIG', 'ü'.repeat(65_600)]]) })).toThrow(/^BIG has 131200 bytes/);
  });

  it('is refused when it holds a NUL, without showing it', () => {
    expect(() => built({ variables: new Map([['BAD', new Secret('marked\0value')]]) })).toThrow(
      'BAD holds a NUL character, which no variable can',
    );
  });

  it.each(['', 'A=B', 'A\0B'])('is refused under the name %j', (name) => {
    expect(() => built({ variables: new Map([[name, 'x']]) })).toThrow(/cannot be the name of a variable/);
  });
});
