import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { openAuditLog } from '../audit/log.ts';
import { AppError } from '../domain/errors.ts';
import { allowancesFile, changesSinceAllowed } from './allowance.ts';
import { readSettings, type Settings } from './settings.ts';
import { recordAllowed, requireAllowed, resolveClaim, resolveWorkload, type WorkloadFlags } from './workload.ts';

const issuer = 'issuer: https://id.example.com\n';
const full = `${issuer}organization: acme\nproject: payments\nworkspace: web\n`;

function place(text: string, variables: Record<string, string> = {}, below = '.') {
  const home = temporaryDirectory('allow');
  const repo = join(home, 'repo');
  mkdirSync(join(repo, '.git'), { recursive: true });
  mkdirSync(join(repo, below), { recursive: true });
  const write = (contents: string, path = 'hallpass.yaml') => writeFileSync(join(repo, path), contents);
  write(text);
  const settings: Settings = {
    ...readSettings({ HOME: home, USER: 'ada', ...variables }),
    workingDirectory: join(repo, below),
  };
  return { repo, settings, write };
}

async function allow(settings: Settings, flags: WorkloadFlags = {}): Promise<void> {
  const audit = await openAuditLog({ dataDirectory: settings.dataDirectory, now: () => new Date() });
  await recordAllowed(settings, await resolveClaim(settings, flags), audit);
  await audit.close();
}

async function refusal(settings: Settings, flags: WorkloadFlags = {}) {
  const error = await requireAllowed(settings, await resolveClaim(settings, flags)).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error === null) return null;
  if (error instanceof AppError) return { code: error.code, ...error.problem };
  throw error;
}

describe('an identity that a file claims', () => {
  it('is refused until it was allowed', async () => {
    const { repo, settings } = place(full);
    expect(await refusal(settings)).toEqual({
      code: 'identity_not_allowed',
      what: `${join(repo, 'hallpass.yaml')} chooses an identity, and you have not allowed it: issuer "https://id.example.com", organization "acme", project "payments", workspace "web"`,
      where: repo,
      mend: 'read the file, then run "hallpass allow"',
    });
    await allow(settings);
    expect(await refusal(settings)).toBeNull();
  });

  it.each([
    [full.replace('web', 'web-prod'), 'workspace "web" → "web-prod"'],
    [full.replace('acme', 'evil'), 'organization "acme" → "evil"'],
    [full.replace('id.example', 'evil.example'), 'issuer "https://id.example.com" → "https://evil.example.com"'],
    [full.replace('project: payments\n', ''), 'project "payments" → "Default Project"'],
    [`${full}ids: { workspace: ws-1 }\n`, 'ids.workspace (nothing) → "ws-1"'],
    [`${full}variables: { X: { env: AWS_SECRET } }\n`, 'variables.X (nothing) → "{ env: AWS_SECRET }"'],
    [
      `${full}terraform_variables: { x: { file: ~/.ssh/id } }\n`,
      'terraform_variables.x (nothing) → "{ file: ~/.ssh/id }"',
    ],
    [full.replace('web', '${dir}'), 'workspace "web" → "${dir}"'],
  ])('is refused again after a change, which is shown: %j', async (changed, words) => {
    const { repo, settings, write } = place(full);
    await allow(settings);
    write(changed);
    const problem = await refusal(settings);
    expect(problem?.what).toBe(`${join(repo, 'hallpass.yaml')} has changed since you allowed it: ${words}`);
    await allow(settings);
    expect(await refusal(settings)).toBeNull();
  });

  it('stays allowed when something else in the file changes', async () => {
    const { settings, write } = place(full);
    await allow(settings);
    write(`# a comment\n${full}token_lifetime: 15m\nvariables: { A: b, TFC_AWS_PROVIDER_AUTH: "true" }\n`);
    expect(await refusal(settings)).toBeNull();
  });

  it('stays allowed in the directories below, and when a variable or flag takes a field over', async () => {
    const { settings } = place(full, {}, 'a/b');
    await allow(settings);
    expect(await refusal(settings)).toBeNull();
    expect(await refusal(settings, { workspace: 'other' })).toBeNull();
    expect(await refusal({ ...settings, parentEnvironment: { HALLPASS_PROJECT: 'other' } })).toBeNull();
  });

  it('is not allowed by what a flag hid from view, if the file changes there', async () => {
    const { settings, write } = place(full);
    await allow(settings, { workspace: 'shown' });
    expect(await refusal(settings)).toBeNull();
    write(full.replace('web', 'admin'));
    expect((await refusal(settings))?.what).toContain('workspace "web" → "admin"');
  });

  it('needs no allowance when variables and flags say all', async () => {
    const { settings } = place(full);
    const flags = { issuer: 'https://a.example', organization: 'o', project: 'p', workspace: 'w' };
    expect(await refusal(settings, flags)).toBeNull();
    expect((await refusal(settings, { ...flags, project: undefined }))?.code).toBe('identity_not_allowed');
  });

  it("is needed for references all the same: a file must not take what is the caller's", async () => {
    const { repo, settings, write } = place('variables: { X: { env: DEPLOY_KEY } }\n');
    const flags = { issuer: 'https://a.example', organization: 'o', workspace: 'w' };
    expect(await refusal(settings, flags)).toEqual({
      code: 'identity_not_allowed',
      what: `${join(repo, 'hallpass.yaml')} hands values of yours to commands, and you have not allowed it: variables.X "{ env: DEPLOY_KEY }"`,
      where: repo,
      mend: 'read the file, then run "hallpass allow"',
    });
    await allow(settings, flags);
    expect(await refusal(settings, flags)).toBeNull();
    write('variables: { X: { env: DEPLOY_KEY }, Y: { file: ~/.ssh/id } }\n');
    expect((await refusal(settings, flags))?.what).toContain('variables.Y (nothing) → "{ file: ~/.ssh/id }"');
  });

  it.each([
    'AWS_ENDPOINT_URL',
    'AWS_ENDPOINT_URL_STS',
    'CLOUDSDK_API_ENDPOINT_OVERRIDES_STS',
    'CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS',
    'ARM_METADATA_HOST',
    'ARM_METADATA_HOSTNAME',
    'AZURE_AUTHORITY_HOST',
    'KUBE_HOST',
    'TFC_VAULT_ADDR',
    'TFC_VAULT_ADDR_PROD',
    'TFC_DEFAULT_VAULT_ADDR',
  ])('is needed for %s: Hallpass itself sends a token there', async (name) => {
    const { repo, settings, write } = place(full);
    await allow(settings);
    write(`${full}variables: { ${name}: "https://theirs.example" }\n`);
    expect(await refusal(settings)).toEqual({
      code: 'identity_not_allowed',
      what: `${join(repo, 'hallpass.yaml')} has changed since you allowed it: variables.${name} (nothing) → "https://theirs.example"`,
      where: repo,
      mend: 'read the file, then run "hallpass allow"',
    });
    await allow(settings);
    expect(await refusal(settings)).toBeNull();
    write(`${full}variables: { ${name}: "https://theirs.example.evil.example" }\n`);
    expect((await refusal(settings))?.code).toBe('identity_not_allowed');
  });

  it('is needed for such an address also where variables and flags say who it is', async () => {
    const { repo, settings } = place('variables: { TFC_VAULT_ADDR: "https://theirs.example" }\n');
    const flags = { issuer: 'https://a.example', organization: 'o', project: 'p', workspace: 'w' };
    expect((await refusal(settings, flags))?.what).toBe(
      `${join(repo, 'hallpass.yaml')} chooses where tokens are sent, and you have not allowed it: variables.TFC_VAULT_ADDR "https://theirs.example"`,
    );
  });

  it('does not record an address that is called sensitive', async () => {
    const { settings } = place(
      `${full}variables: { AWS_ENDPOINT_URL: { value: "https://u:hush@a.example", sensitive: true } }\n`,
    );
    await allow(settings);
    expect(readFileSync(allowancesFile(settings.dataDirectory), 'utf8')).not.toContain('hush');
    expect(await refusal(settings)).toBeNull();
  });

  it('is not needed for roles and audiences: what a token says of itself is up to the platform', async () => {
    const { settings, write } = place(full);
    await allow(settings);
    write(
      `${full}variables: { TFC_VAULT_RUN_ROLE: r, TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE: a, VAULT_ADDR: "https://a.example" }\n`,
    );
    expect(await refusal(settings)).toBeNull();
  });

  it('may be incomplete: what a pipeline adds is its own word', async () => {
    const { settings } = place(issuer);
    await allow(settings);
    expect(await refusal({ ...settings, parentEnvironment: { HALLPASS_WORKSPACE: 'web' } })).toBeNull();
  });

  it('in a nearer file is not covered by the allowance for one further up', async () => {
    const { repo, settings, write } = place(full, {}, 'sub');
    await allow({ ...settings, workingDirectory: repo });
    write('workspace: sub\n', 'sub/hallpass.yaml');
    expect((await refusal(settings))?.where).toBe(join(repo, 'sub'));
    await allow(settings);
    expect(await refusal(settings)).toBeNull();
    expect(await refusal({ ...settings, workingDirectory: repo })).toBeNull();
  });

  it('in a file further up that changes must be allowed in each directory that builds on it', async () => {
    const { settings, write } = place(full, {}, 'sub');
    write('workspace: sub\n', 'sub/hallpass.yaml');
    await allow(settings);
    write(full.replace('payments', 'secrets'));
    expect((await refusal(settings))?.what).toContain('project "payments" → "secrets"');
  });

  it('with ${dir} is allowed for one directory at a time', async () => {
    const { repo, settings } = place(full.replace('web', '${dir}'), {}, 'live');
    mkdirSync(join(repo, 'prod'));
    await allow(settings);
    expect(await refusal(settings)).toBeNull();
    expect((await refusal({ ...settings, workingDirectory: join(repo, 'prod') }))?.code).toBe('identity_not_allowed');
  });

  it('with ${dir} is the same through a link: another name for the directory is no other workspace', async () => {
    const { repo, settings } = place(full.replace('web', '${dir}'), {}, 'dev');
    await allow(settings);
    symlinkSync('dev', join(repo, 'prod'));
    const linked = { ...settings, workingDirectory: join(repo, 'prod') };
    expect(await refusal(linked)).toBeNull();
    expect((await resolveWorkload(linked, {})).workspace.name).toBe('dev');
  });

  it('is allowed for one directory: a copy elsewhere is not', async () => {
    const { settings } = place(full);
    await allow(settings);
    const copy = place(full);
    const elsewhere = { ...settings, workingDirectory: copy.settings.workingDirectory };
    expect((await refusal(elsewhere))?.code).toBe('identity_not_allowed');
  });
});

describe('the record of allowed identities', () => {
  it('is private, names who allowed what, and the audit tells of it', async () => {
    const { repo, settings } = place(full);
    await allow(settings);
    const file = allowancesFile(settings.dataDirectory);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      version: 1,
      allowed: {
        [repo]: {
          statements: { issuer: 'https://id.example.com', workspace: 'web' },
          files: [join(repo, 'hallpass.yaml')],
          allowed_by: 'ada',
        },
      },
    });
    const month = new Date().toISOString().slice(0, 7);
    const lines = readFileSync(join(settings.dataDirectory, `audit/${month}.jsonl`), 'utf8')
      .trim()
      .split('\n');
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({
      type: 'identity_allowed',
      outcome: 'ok',
      actor: { name: 'ada', source: 'operating_system' },
      identity: { directory: repo, organization: 'acme' },
    });
  });

  it.each([
    '{',
    '{}',
    '{"version":2,"allowed":{}}',
    '{"version":1,"allowed":{"/x":{}}}',
    '{"version":1,"allowed":[]}',
    '{"version":1,"allowed":{"/x":{"digest":"d","statements":{"a":1}}}}',
    'null',
    '',
  ])('allows nothing when it is damaged: %j', async (text) => {
    const { settings } = place(full);
    await allow(settings);
    const file = allowancesFile(settings.dataDirectory);
    writeFileSync(file, text);
    expect(await refusal(settings)).toMatchObject({
      code: 'identity_not_allowed',
      where: file,
      mend: expect.stringContaining(`rm ${file}`),
    });
  });

  it('is refused when others can read or write it', async () => {
    const { settings } = place(full);
    await allow(settings);
    chmodSync(allowancesFile(settings.dataDirectory), 0o644);
    expect(await refusal(settings)).toMatchObject({ code: 'data_directory_insecure' });
  });

  it('keeps every entry when many write at once', async () => {
    const first = place(full);
    const places = Array.from({ length: 8 }, () => place(full));
    await Promise.all(
      places.map(({ settings }) => allow({ ...settings, dataDirectory: first.settings.dataDirectory })),
    );
    for (const { settings } of places) {
      const shared = { ...settings, dataDirectory: first.settings.dataDirectory };
      expect(await changesSinceAllowed(shared, await resolveClaim(shared, {}))).toBe('allowed');
    }
  });
});
