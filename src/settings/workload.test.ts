import { chmodSync, chownSync, lchownSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { AppError, type Problem } from '../domain/errors.ts';
import { derivedId } from '../domain/ids.ts';
import { revealed, Secret } from '../domain/secret.ts';
import { readSettings, type Settings } from './settings.ts';
import { resolveClaim, resolveWorkload, type WorkloadFlags } from './workload.ts';

const isRoot = process.getuid?.() === 0;

/** A home with a repository in it, and settings that stand in a directory of the repository. */
function place(files: Readonly<Record<string, string>>, variables: Record<string, string> = {}, directory = 'repo') {
  const home = temporaryDirectory('settings');
  mkdirSync(join(home, 'repo/.git'), { recursive: true });
  mkdirSync(join(home, directory), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text, { mode: 0o644 });
  }
  const settings: Settings = {
    ...readSettings({ HOME: home, USER: 'test', ...variables }),
    workingDirectory: join(home, directory),
  };
  return { home, settings };
}

async function problemOf(settings: Settings, flags: WorkloadFlags = {}): Promise<Problem & { code: string }> {
  const error = await resolveWorkload(settings, flags).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return { code: error.code, ...error.problem };
  throw error ?? new Error('it was accepted');
}

const full = 'issuer: https://id.example.com\norganization: acme\nproject: payments\nworkspace: web\n';
const variables = {
  HALLPASS_ISSUER: 'https://env.example.com',
  HALLPASS_ORGANIZATION: 'env-org',
  HALLPASS_PROJECT: 'env project',
  HALLPASS_WORKSPACE: 'env-web',
};
const flags = {
  issuer: 'https://flag.example.com',
  organization: 'flag-org',
  project: 'flag project',
  workspace: 'flag-web',
};

describe('the workload', () => {
  it('comes from hallpass.yaml alone', async () => {
    const { home, settings } = place({ 'repo/hallpass.yaml': full });
    const workload = await resolveWorkload(settings, {});
    expect(workload).toMatchObject({
      issuer: 'https://id.example.com',
      organization: { name: 'acme', id: derivedId('org', ['acme']) },
      project: { name: 'payments', id: derivedId('prj', ['acme', 'payments']) },
      workspace: { name: 'web', id: derivedId('ws', ['acme', 'payments', 'web']) },
      tokenLifetimeSeconds: null,
      tokenEndpoint: false,
      files: [join(home, 'repo/hallpass.yaml')],
      warnings: [],
    });
    expect(workload.sources.get('workspace')).toBe(`${join(home, 'repo/hallpass.yaml')}:4:12`);
  });

  it.each<[string, Record<string, string>, boolean | undefined, boolean, string | undefined]>([
    ['', {}, undefined, false, undefined],
    ['token_endpoint: true\n', {}, undefined, true, 'hallpass.yaml:5:17'],
    ['token_endpoint: true\n', { HALLPASS_TOKEN_ENDPOINT: 'false' }, undefined, false, 'HALLPASS_TOKEN_ENDPOINT'],
    ['token_endpoint: true\n', { HALLPASS_TOKEN_ENDPOINT: '' }, undefined, true, 'hallpass.yaml:5:17'],
    ['token_endpoint: false\n', { HALLPASS_TOKEN_ENDPOINT: 'true' }, undefined, true, 'HALLPASS_TOKEN_ENDPOINT'],
    ['token_endpoint: false\n', { HALLPASS_TOKEN_ENDPOINT: 'false' }, true, true, '--token-endpoint'],
  ])('has a token endpoint by flag, variable, file: %j %j %j', async (text, exported, flag, expected, source) => {
    const { settings } = place({ 'repo/hallpass.yaml': full + text }, exported);
    const workload = await resolveWorkload(settings, { tokenEndpoint: flag });
    expect(workload.tokenEndpoint).toBe(expected);
    expect(workload.sources.get('token_endpoint')?.replace(/.*\//, '')).toBe(source);
    expect(workload.warnings).toEqual([]);
  });

  it.each(['yes', '1', 'TRUE', ' true', 'on'])('refuses HALLPASS_TOKEN_ENDPOINT=%j', async (value) => {
    const { settings } = place({ 'repo/hallpass.yaml': full }, { HALLPASS_TOKEN_ENDPOINT: value });
    expect(await problemOf(settings)).toMatchObject({
      code: 'settings_invalid',
      what: expect.stringContaining('neither true nor false'),
      where: 'HALLPASS_TOKEN_ENDPOINT',
    });
  });

  it('comes from variables before files, and from flags before both', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': full }, variables);
    const byVariable = await resolveWorkload(settings, {});
    expect(byVariable).toMatchObject({ issuer: 'https://env.example.com', workspace: { name: 'env-web' } });
    expect(byVariable.sources.get('issuer')).toBe('HALLPASS_ISSUER');
    const byFlag = await resolveWorkload(settings, flags);
    expect(byFlag).toMatchObject({
      issuer: 'https://flag.example.com',
      organization: { name: 'flag-org' },
      project: { name: 'flag project' },
      workspace: { name: 'flag-web' },
    });
    expect(byFlag.sources.get('project')).toBe('--project');
  });

  it('needs no file, and claims nothing by one, when variables or flags say all', async () => {
    const { settings } = place({});
    expect((await resolveWorkload(settings, flags)).claimedByFile).toBeNull();
    const beside = place({ 'repo/hallpass.yaml': `${full}variables: { A: b }\n` }, variables);
    expect((await resolveWorkload(beside.settings, {})).claimedByFile).toBeNull();
  });

  it('still claims what a file takes of the caller, when variables or flags say who it is', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': 'variables: { A: { env: HOME } }\n' });
    expect((await resolveWorkload(settings, { ...flags, project: undefined })).claimedByFile?.statements).toMatchObject(
      [{ field: 'variables.A', value: '{ env: HOME }', isInForce: true }],
    );
  });

  it('belongs to the default project where nobody names one', async () => {
    const { settings } = place({});
    const workload = await resolveWorkload(settings, { ...flags, project: undefined });
    expect(workload.project.name).toBe('Default Project');
    expect(workload.sources.get('project')).toBe('default');
  });

  it('takes an empty HALLPASS_ variable for none', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': full }, { HALLPASS_WORKSPACE: '' });
    expect((await resolveWorkload(settings, {})).workspace.name).toBe('web');
  });

  it('names all that is missing, and every way to give it', async () => {
    const { home, settings } = place({}, { HALLPASS_ORGANIZATION: 'acme' });
    expect(await problemOf(settings)).toEqual({
      code: 'settings_invalid',
      what: 'nothing says which issuer, workspace this is',
      where: `no hallpass.yaml in ${join(home, 'repo')} or above it`,
      mend: 'write a hallpass.yaml ("hallpass init" asks and does it), or set HALLPASS_ISSUER, HALLPASS_WORKSPACE, or give --issuer, --workspace',
    });
    const partly = place({ 'repo/hallpass.yaml': 'organization: acme\nissuer: https://a.example\n' });
    expect((await problemOf(partly.settings)).mend).toMatch(/^add it to hallpass\.yaml, or set HALLPASS_WORKSPACE/);
  });

  it.each([
    [{ workspace: 'acme:project:x' }, {}, '--workspace'],
    [{ organization: 'a*' }, {}, '--organization'],
    [{ organization: '' }, {}, '--organization'],
    [{}, { HALLPASS_WORKSPACE: 'web\nprod' }, 'HALLPASS_WORKSPACE'],
    [{}, { HALLPASS_WORKSPACE: '${dir}' }, 'HALLPASS_WORKSPACE'],
    [{}, { HALLPASS_ISSUER: 'https://a.example/' }, 'HALLPASS_ISSUER'],
    [{ issuer: 'http://a.example' }, {}, '--issuer'],
  ])('refuses a forged name or a wrong issuer and says where it came from: %j %j', async (given, exported, where) => {
    const { settings } = place({ 'repo/hallpass.yaml': full }, exported);
    expect(await problemOf(settings, given)).toMatchObject({ where });
  });
});

describe('the search for hallpass.yaml', () => {
  it('goes up to the repository, nearer files winning key by key and variable by variable', async () => {
    const { home, settings } = place(
      {
        'hallpass.yaml': 'organization: outside\n',
        'repo/hallpass.yaml': `${full}variables: { A: root, B: root }\nterraform_variables: { x: root }\ntoken_lifetime: 15m\n`,
        'repo/live/hallpass.yaml': 'project: live\nvariables: { B: live }\n',
        'repo/live/web/hallpass.yaml': 'workspace: web-live\ntoken_lifetime: 1h\n',
      },
      {},
      'repo/live/web',
    );
    const workload = await resolveWorkload(settings, {});
    expect(workload).toMatchObject({
      organization: { name: 'acme' },
      project: { name: 'live' },
      workspace: { name: 'web-live' },
      tokenLifetimeSeconds: 3600,
    });
    expect(Object.fromEntries(workload.childVariables)).toEqual({ A: 'root', B: 'live' });
    expect(Object.fromEntries(workload.terraformVariables)).toEqual({ x: 'root' });
    expect(workload.files.map((file) => file.slice(home.length + 1))).toEqual([
      'repo/live/web/hallpass.yaml',
      'repo/live/hallpass.yaml',
      'repo/hallpass.yaml',
    ]);
    expect(workload.sources.get('B')).toBe(`${join(home, 'repo/live/hallpass.yaml')}:2:14`);
  });

  it('ends at a worktree, whose .git is a file', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': full, 'repo/tree/.git': 'gitdir: x\n' }, {}, 'repo/tree');
    expect((await resolveWorkload(settings, flags)).files).toEqual([]);
  });

  it('without a repository ends at the home directory', async () => {
    const { home, settings } = place({ 'hallpass.yaml': full, 'work/web/x': '' }, {}, 'work/web');
    expect((await resolveWorkload(settings, {})).files).toEqual([join(home, 'hallpass.yaml')]);
  });

  it('without a repository and outside the home directory goes to the root', async () => {
    const { home, settings } = place({ 'a/hallpass.yaml': full, 'a/b/x': '' }, {}, 'a/b');
    const elsewhere = { ...settings, homeDirectory: '/nowhere' };
    expect((await resolveWorkload(elsewhere, {})).files).toEqual([join(home, 'a/hallpass.yaml')]);
  });

  it('finds nothing else, and nothing misspelt', async () => {
    const { settings } = place({ 'repo/hallpass.yml': full, 'repo/.hallpass.yaml': full });
    expect((await problemOf(settings)).what).toMatch(/^nothing says which issuer/);
  });

  it('follows a link of ours', async () => {
    const { home, settings } = place({ 'shared.yaml': full });
    symlinkSync(join(home, 'shared.yaml'), join(home, 'repo/hallpass.yaml'));
    expect((await resolveWorkload(settings, {})).workspace.name).toBe('web');
  });

  it('refuses a link to nothing, a directory, a file that is too large, and text that is not UTF-8', async () => {
    const { home, settings } = place({});
    const path = join(home, 'repo/hallpass.yaml');
    symlinkSync('/nowhere/at/all', path);
    expect((await problemOf(settings)).what).toBe(`${path} is a link to a file that is not there`);
    rmSync(path);
    mkdirSync(path);
    expect((await problemOf(settings)).what).toBe(`${path} is not a regular file`);
    rmSync(path, { recursive: true });
    writeFileSync(path, `#${'x'.repeat(1024 * 1024)}`);
    expect((await problemOf(settings)).what).toContain('at most 1048576 are read');
    writeFileSync(path, Buffer.from([0x61, 0xff, 0xfe]));
    expect((await problemOf(settings)).what).toBe(`${path} is not UTF-8 text`);
  });

  it('refuses a file that everybody or a foreign group may write, with the mend', async () => {
    const { home, settings } = place({ 'repo/hallpass.yaml': full });
    const path = join(home, 'repo/hallpass.yaml');
    chmodSync(path, 0o666);
    expect(await problemOf(settings)).toMatchObject({
      what: `${path} may be written by everybody, so its words are not yours`,
      mend: `chmod go-w ${path}`,
    });
    chmodSync(path, 0o664);
    expect((await resolveWorkload(settings, {})).workspace.name).toBe('web');
  });

  it.runIf(isRoot)('refuses a file, or a link, of another user', async () => {
    const { home, settings } = place({ 'repo/hallpass.yaml': full, 'mine.yaml': full });
    const path = join(home, 'repo/hallpass.yaml');
    chownSync(path, 4242, 4242);
    expect((await problemOf(settings)).what).toBe(
      `${path} belongs to another user (uid 4242; you are 0), so its words are not yours`,
    );
    rmSync(path);
    symlinkSync(join(home, 'mine.yaml'), path);
    lchownSync(path, 4242, 4242);
    expect((await problemOf(settings)).what).toContain('belongs to another user');
    chownSync(join(home, 'mine.yaml'), 4242, 4242);
    lchownSync(path, 0, 0);
    expect((await problemOf(settings)).what).toContain('belongs to another user');
  });

  it.runIf(isRoot)('refuses a file that a foreign group may write', async () => {
    const { home, settings } = place({ 'repo/hallpass.yaml': full });
    const path = join(home, 'repo/hallpass.yaml');
    chownSync(path, 0, 4242);
    chmodSync(path, 0o664);
    expect((await problemOf(settings)).what).toContain('may be written by a group');
  });

  it.runIf(process.platform === 'linux')('does not wait for a named pipe', async () => {
    const { home, settings } = place({});
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [join(home, 'repo/hallpass.yaml')]);
    expect((await problemOf(settings)).what).toContain('is not a regular file');
  });
});

function template(workspace: string): string {
  return `issuer: https://id.example.com\norganization: acme\nproject: p\nworkspace: ${workspace}\n`;
}

describe('templates in the workspace name', () => {
  it('${dir} is the last part of the working directory', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': template('net-${dir}') }, {}, 'repo/live/eu-prod');
    expect((await resolveWorkload(settings, {})).workspace.name).toBe('net-eu-prod');
  });

  it('${dir} is checked as a name after filling', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': template('${dir}') }, {}, 'repo/a:project:b');
    expect(await problemOf(settings)).toMatchObject({ code: 'name_invalid' });
    const spelled = place({ 'repo/hallpass.yaml': template('${dir}') }, {}, 'repo/${terraform.workspace}');
    expect(await problemOf(spelled.settings)).toMatchObject({ code: 'name_invalid' });
  });

  it.each([
    [{}, 'default'],
    [{ TF_WORKSPACE: 'green' }, 'green'],
    [{ TF_DATA_DIR: 'other' }, 'blue-elsewhere'],
  ])('${terraform.workspace} is what Terraform would take: %j', async (exported: Record<string, string>, name) => {
    const { settings } = place(
      { 'repo/hallpass.yaml': template('web-${terraform.workspace}'), 'repo/other/environment': 'blue-elsewhere\n' },
      exported,
    );
    expect((await resolveWorkload(settings, {})).workspace.name).toBe(`web-${name}`);
  });

  it('${terraform.workspace} follows terraform workspace select', async () => {
    const { settings } = place({
      'repo/hallpass.yaml': template('web-${terraform.workspace}'),
      'repo/.terraform/environment': 'blue',
    });
    expect((await resolveWorkload(settings, {})).workspace.name).toBe('web-blue');
  });

  it('${terraform.workspace} that cannot be read is not taken for default', async () => {
    const { settings } = place({
      'repo/hallpass.yaml': template('web-${terraform.workspace}'),
      'repo/.terraform/environment/x': '',
    });
    expect((await problemOf(settings)).what).toContain('cannot be read');
  });
});

describe('variables', () => {
  it('are parted into switches of Hallpass and variables of the child', async () => {
    const { settings } = place(
      {
        'repo/hallpass.yaml': `${full}variables:
  TFC_AWS_PROVIDER_AUTH: "true"
  TFC_AWS_RUN_ROLE_ARN: { env: ROLE }
  GREETING: hello
  KEY: { value: k, sensitive: true }
  SHOWN: { value: v, sensitive: false }
`,
      },
      { ROLE: 'arn:aws:iam::111122223333:role/x' },
    );
    const workload = await resolveWorkload(settings, {});
    expect(Object.fromEntries(workload.variables)).toEqual({
      TFC_AWS_PROVIDER_AUTH: 'true',
      TFC_AWS_RUN_ROLE_ARN: 'arn:aws:iam::111122223333:role/x',
    });
    expect(workload.childVariables.get('GREETING')).toBe('hello');
    expect(workload.childVariables.get('SHOWN')).toBe('v');
    expect(workload.childVariables.get('KEY')).toBeInstanceOf(Secret);
  });

  it('of the environment win over the file, TFC_ ones only', async () => {
    const { settings } = place(
      { 'repo/hallpass.yaml': `${full}variables: { TFC_AWS_PROVIDER_AUTH: "true", GREETING: file }\n` },
      { TFC_AWS_PROVIDER_AUTH: 'false', GREETING: 'environment' },
    );
    const workload = await resolveWorkload(settings, {});
    expect(workload.variables.get('TFC_AWS_PROVIDER_AUTH')).toBe('false');
    expect(workload.sources.get('TFC_AWS_PROVIDER_AUTH')).toBe('environment');
    expect(workload.childVariables.get('GREETING')).toBe('file');
  });

  it('that nobody knows are a warning when they come from the environment', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': full }, { TFC_AWS_PROVIDER_AUHT: 'true' });
    const workload = await resolveWorkload(settings, {});
    expect(workload.variables.has('TFC_AWS_PROVIDER_AUHT')).toBe(false);
    expect(workload.warnings).toEqual([
      {
        what: 'the environment variable TFC_AWS_PROVIDER_AUHT is unknown and changes nothing',
        where: 'TFC_AWS_PROVIDER_AUHT',
        mend: 'did you mean TFC_AWS_PROVIDER_AUTH?',
      },
    ]);
  });

  it('of Hallpass itself that nobody knows are a warning too', async () => {
    const { settings } = place(
      { 'repo/hallpass.yaml': full },
      { HALLPASS_WORKSPCE: 'prod', HALLPASS_TEST_REQUIRE: 'x', HALLPASS_RUN_DIR: '/x' },
    );
    const { warnings } = await resolveWorkload(settings, {});
    expect(warnings.map(({ what, mend }) => `${what}; ${mend}`)).toEqual([
      'the environment variable HALLPASS_WORKSPCE is unknown and changes nothing; did you mean HALLPASS_WORKSPACE?',
    ]);
  });

  it('that do nothing as they stand are a warning', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': full }, { TFC_AWS_RUN_ROLE_ARN_AUDIT: 'x' });
    const { warnings } = await resolveWorkload(settings, {});
    expect(warnings.map(({ what }) => what)).toEqual([
      'TFC_AWS_RUN_ROLE_ARN_AUDIT does nothing, since TFC_AWS_PROVIDER_AUTH_AUDIT is not true',
    ]);
  });

  it('that are called sensitive although Hallpass shows them are a warning', async () => {
    const { settings } = place({
      'repo/hallpass.yaml': `${full}variables: { TFC_AWS_RUN_ROLE_ARN: { value: r, sensitive: true } }\n`,
    });
    expect((await resolveWorkload(settings, {})).warnings[0]?.what).toMatch(
      /^TFC_AWS_RUN_ROLE_ARN is called sensitive/,
    );
  });
});

function withValue(value: string): string {
  return `${full}variables: { X: ${value} }\n`;
}

async function valueOf(settings: Settings): Promise<string> {
  return revealed((await resolveWorkload(settings, {})).childVariables.get('X')!);
}

describe('references', () => {
  it('to the environment are secrets, also when empty', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': withValue('{ env: PASSWORD }') }, { PASSWORD: 'hunter2' });
    const workload = await resolveWorkload(settings, {});
    expect(workload.childVariables.get('X')).toBeInstanceOf(Secret);
    expect(JSON.stringify([...workload.childVariables])).not.toContain('hunter2');
    expect(await valueOf(settings)).toBe('hunter2');
    const empty = place({ 'repo/hallpass.yaml': withValue('{ env: PASSWORD }') }, { PASSWORD: '' });
    expect(await valueOf(empty.settings)).toBe('');
  });

  it('to a variable that is not set are an error with its name', async () => {
    const { home, settings } = place({ 'repo/hallpass.yaml': withValue('{ env: PASSWORD }') });
    expect(await problemOf(settings)).toEqual({
      code: 'settings_invalid',
      what: 'X is to come from the environment variable PASSWORD, which is not set',
      where: `${join(home, 'repo/hallpass.yaml')}:5:14`,
      mend: 'export PASSWORD=…',
    });
  });

  it.each([
    ['text', 'text'],
    ['text\n', 'text'],
    ['text\r\n', 'text'],
    ['text\n\n', 'text\n'],
    ['\n', ''],
    ['', ''],
    ['two\nlines\n', 'two\nlines'],
    [' kept \n', ' kept '],
  ])('to a file give its contents without one newline at the end: %j', async (contents, value) => {
    const { settings } = place({ 'repo/hallpass.yaml': withValue('{ file: secrets/x }'), 'repo/secrets/x': contents });
    expect(await valueOf(settings)).toBe(value);
  });

  it('to files are relative to the hallpass.yaml, or to the home directory', async () => {
    const { settings } = place(
      { 'repo/hallpass.yaml': withValue('{ file: x }'), 'repo/x': 'beside', 'repo/sub/x': 'below' },
      {},
      'repo/sub',
    );
    expect(await valueOf(settings)).toBe('beside');
    const home = place({ 'repo/hallpass.yaml': withValue('{ file: ~/x }'), x: 'home' });
    expect(await valueOf(home.settings)).toBe('home');
  });

  it('to a missing file, a directory, a huge file, or binary ones are errors', async () => {
    const { home, settings } = place({ 'repo/hallpass.yaml': withValue('{ file: x }') });
    const path = join(home, 'repo/x');
    expect((await problemOf(settings)).what).toBe(`X is to come from ${path}, which is not there`);
    mkdirSync(path);
    expect((await problemOf(settings)).what).toBe(`X is to come from ${path}, which is not a regular file`);
    rmSync(path, { recursive: true });
    writeFileSync(path, Buffer.alloc(1024 * 1024 + 1, 'x'));
    expect((await problemOf(settings)).what).toContain('which is larger than');
    writeFileSync(path, 'a\0b');
    expect((await problemOf(settings)).what).toContain('which holds a NUL character');
    writeFileSync(path, Buffer.from([0xff, 0xfe, 0x61]));
    expect((await problemOf(settings)).what).toContain('which is not UTF-8 text');
  });

  it("to Hallpass' own keys are refused, by whatever path", async () => {
    const { home, settings } = place({ 'repo/hallpass.yaml': withValue('{ file: x }') });
    const path = join(home, 'repo/x');
    mkdirSync(settings.dataDirectory, { recursive: true });
    mkdirSync(dirname(settings.keyEncryptionKeyFile), { recursive: true });
    writeFileSync(settings.keyEncryptionKeyFile, 'kek-marker');
    writeFileSync(join(settings.dataDirectory, 'keys.json'), 'key-marker');
    for (const target of [settings.keyEncryptionKeyFile, join(settings.dataDirectory, 'keys.json')]) {
      symlinkSync(target, path);
      const problem = await problemOf(settings);
      expect(problem.what).toContain("which holds Hallpass' own keys");
      expect(JSON.stringify(problem)).not.toContain('marker');
      rmSync(path);
    }
    linkSync(settings.keyEncryptionKeyFile, path);
    expect((await problemOf(settings)).what).toContain("which holds Hallpass' own keys");
    const direct = { ...settings, dataDirectory: join(home, 'repo') };
    rmSync(path);
    writeFileSync(path, 'inside');
    expect((await problemOf(direct)).what).toContain("which holds Hallpass' own keys");
  });

  it('need not lead anywhere to be allowed', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': withValue('{ env: NOT_SET }') });
    const claim = await resolveClaim(settings, {});
    expect(claim.claimedByFile?.statements.map(({ field, value }) => `${field}=${value}`)).toContain(
      'variables.X={ env: NOT_SET }',
    );
  });
});

async function idsOf(settings: Settings, given: WorkloadFlags = {}) {
  const { organization, project, workspace, warnings } = await resolveWorkload(settings, given);
  return { ids: [organization.id, project.id, workspace.id], warnings: warnings.length };
}

describe('ids', () => {
  const ids = 'ids: { organization: org-1, project: prj-2, workspace: ws-3 }\n';
  it('hold where the names beside them hold', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': full + ids });
    expect(await idsOf(settings)).toEqual({ ids: ['org-1', 'prj-2', 'ws-3'], warnings: 0 });
  });

  it('never come to stand beside a name from elsewhere', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': full + ids });
    const derived = derivedId('ws', ['acme', 'payments', 'other']);
    expect(await idsOf(settings, { workspace: 'other' })).toEqual({ ids: ['org-1', 'prj-2', derived], warnings: 1 });
    const { ids: all } = await idsOf(settings, { organization: 'evil' });
    expect(all).toEqual([
      derivedId('org', ['evil']),
      derivedId('prj', ['evil', 'payments']),
      derivedId('ws', ['evil', 'payments', 'web']),
    ]);
  });

  it('of a file further up do not hold for the names of a nearer one', async () => {
    const { settings } = place(
      { 'repo/hallpass.yaml': full + ids, 'repo/sub/hallpass.yaml': 'workspace: sub\n' },
      {},
      'repo/sub',
    );
    expect(await idsOf(settings)).toEqual({
      ids: ['org-1', 'prj-2', derivedId('ws', ['acme', 'payments', 'sub'])],
      warnings: 1,
    });
  });

  it('of a nearer file hold for names further up', async () => {
    const { settings } = place(
      { 'repo/hallpass.yaml': full, 'repo/sub/hallpass.yaml': 'ids: { workspace: ws-9 }\n' },
      {},
      'repo/sub',
    );
    expect((await idsOf(settings)).ids[2]).toBe('ws-9');
  });

  it('do not hold for a workspace that is filled in', async () => {
    const { settings } = place({ 'repo/hallpass.yaml': full.replace('web', '${dir}') + ids });
    expect((await idsOf(settings)).ids).toEqual(['org-1', 'prj-2', derivedId('ws', ['acme', 'payments', 'repo'])]);
  });
});
