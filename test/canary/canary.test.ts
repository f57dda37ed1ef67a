import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { decryptKey } from '../../src/identity/key-store/encrypted-key.ts';
import { readKeyEncryptionKeys } from '../../src/identity/key-encryption-key.ts';
import { readRingFile } from '../../src/identity/key-store/ring-file.ts';
import { worldParts } from '../../src/cli/demo/world.ts';
import { openAwsStory, type AwsStory } from '../support/aws-story.ts';
import { startHallpass, type ChildResult } from '../support/hallpass.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { needles, searchDirectories, searchTexts, type Needle } from './search.ts';

const child = fileURLToPath(new URL('child.mjs', import.meta.url));

const names = { organization: 'acme', project: 'payments', workspace: 'payments-prod' };

const marked = {
  'sensitive variable': 'canary-sensitive-7Jx/Qm+2',
  'variable from a file': 'canary-file-Zt9 wP"4&',
  'Terraform variable': 'canary-terraform-k3Vb8Lr1',
  "caller's own variable": 'canary-parent-Yw5Ns0Hd6',
};

/** Everything that the child of a phase saw, as it told the test alone. */
interface Witness {
  readonly token: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Of the other platforms, by what they are. */
  readonly others: Readonly<Record<string, string>>;
  readonly names: readonly string[];
}

it('leaves no secret in output, audit, data or temporary files', { timeout: 120_000 }, async () => {
  // Only what lies in `searched` is searched: the witnesses and the secrets' own files are outside.
  const outside = temporaryDirectory('canary-outside');
  const searched = temporaryDirectory('canary');
  const runDirectory = join(searched, 'run');
  mkdirSync(runDirectory, { mode: 0o700 });
  writeFileSync(join(outside, 'secret'), marked['variable from a file'], { mode: 0o600 });
  const variables = {
    ...(Object.assign({}, ...worldParts.map((part) => part.variables)) as Record<string, string>),
    CANARY_SENSITIVE: { env: 'CANARY_SENSITIVE_HERE' },
    CANARY_FILE: { file: join(outside, 'secret') },
  };
  await using story = await openAwsStory(searched, variables, {
    file: { terraform_variables: { canary: { env: 'CANARY_TERRAFORM_HERE' } }, token_endpoint: true },
    parts: (issuer) => Object.fromEntries(worldParts.map((part) => [part.id, part.sandbox(issuer, names)])),
    env: {
      HALLPASS_RUN_DIR: runDirectory,
      HALLPASS_KEK_FILE: join(outside, 'kek'),
      CANARY_PARENT: marked["caller's own variable"],
      CANARY_SENSITIVE_HERE: marked['sensitive variable'],
      CANARY_TERRAFORM_HERE: marked['Terraform variable'],
    },
  });

  const shown: Record<string, string> = {};
  const note = (name: string, { stdout, stderr, code }: ChildResult): number => {
    Object.assign(shown, { [`${name}, stdout`]: stdout, [`${name}, stderr`]: stderr });
    return code;
  };
  const run = async (name: string, ...args: string[]): Promise<number> => note(name, await story.hallpass(args));
  const witness = (name: string) => join(outside, `${name}.json`);
  const exec = (phase: string, name: string, ...more: string[]) =>
    run(name, 'exec', '--phase', phase, '--', process.execPath, child, witness(name), ...more);

  expect(await exec('plan', 'plan')).toBe(0);
  expect(await exec('apply', 'failing apply', '3')).toBe(3);
  const neighbour = ['exec', '--phase', 'plan', '--workspace', 'neighbour', '--', 'sh', '-c', 'exit 1'];
  // Vault refuses before the command; without it, the others are asked why after it.
  expect(await run('refused before', ...neighbour)).toBe(125);
  const withoutVault = await story.hallpass(neighbour, { env: { TFC_VAULT_PROVIDER_AUTH: 'false' } });
  expect(note('refused', withoutVault)).toBe(1);
  await killed(story);
  // The next command clears what the killed one left.
  expect(await run('after', 'exec', '--phase', 'plan', '--', 'true')).toBe(0);
  expect(await run('rotate', 'keys', 'rotate', '--now')).toBe(0);
  expect(
    await run('after rotation', 'exec', '--phase', 'plan', '--', process.execPath, child, witness('after rotation')),
  ).toBe(0);
  expect(await run('keys', 'keys', 'list', '--json')).toBe(0);
  expect(await run('issuer', 'issuer', 'export', join(searched, 'export'))).toBe(0);
  expect(await run('audit', 'audit')).toBe(0);
  expect(await run('audit as JSON', 'audit', '--json')).toBe(0);
  expect(await run('audit export', 'audit', 'export')).toBe(0);
  expect(await run('verify', 'audit', 'verify')).toBe(0);
  await run('doctor', 'doctor', '--phase', 'plan');

  const witnesses = readdirSync(outside)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ name, ...(JSON.parse(readFileSync(join(outside, name), 'utf8')) as Witness) }));
  expect(witnesses.map(({ name }) => name)).toEqual(['after rotation.json', 'failing apply.json', 'plan.json']);
  const all = [
    ...Object.entries(marked).flatMap(([name, secret]) => needles(name, secret)),
    ...witnesses.flatMap(({ name, token, secretAccessKey, sessionToken, others }) => [
      ...Object.entries(others).flatMap(([what, secret]) => needles(`${what} of ${name}`, secret)),
      ...needles(`token of ${name}`, token),
      ...needles(`signature of the token of ${name}`, token.split('.')[2]!),
      ...needles(`secret access key of ${name}`, secretAccessKey),
      ...needles(`session token of ${name}`, sessionToken),
    ]),
    ...(await keyNeedles(story)),
  ];

  for (const { others } of witnesses) {
    expect(Object.values(others).map((secret) => secret.length > 20)).toEqual(Object.keys(others).map(() => true));
  }
  expect(searchTexts(shown, all)).toEqual([]);
  expect(searchDirectories([searched], all)).toEqual([]);
  // Directories of other phases on this machine may come and go; ours must be gone.
  expect(readdirSync(runDirectory)).toEqual([]);
  const elsewhere = ['/dev/shm', '/tmp'].flatMap((base) =>
    readdirSync(base)
      .filter((name) => name.startsWith('hallpass-') && !name.startsWith('hallpass-test-'))
      .map((name) => join(base, name)),
  );
  expect(searchDirectories(elsewhere, all)).toEqual([]);
  expect(witnesses.flatMap((seen) => seen.names)).not.toContain('CANARY_PARENT');
  // The search can find, and there was something to find.
  expect(searchTexts({ witness: witnesses.map(({ token }) => token).join(' ') }, all).length).toBeGreaterThan(3);
  expect(shown['plan, stdout']).toMatch(/^out /m);
});

/** Starts a phase and kills Hallpass in the middle of it, as an out-of-memory killer would. */
async function killed(story: AwsStory): Promise<void> {
  const { env, workDirectory } = story;
  const hallpass = startHallpass(['exec', '--phase', 'apply', '--', 'sh', '-c', 'echo started; exec sleep 30'], {
    cwd: workDirectory,
    env,
  });
  const started = Promise.withResolvers<void>();
  hallpass.stdout?.on('data', () => started.resolve());
  hallpass.once('exit', () => started.reject(new Error('exec ended before its command started')));
  await started.promise;
  const ended = once(hallpass, 'exit');
  hallpass.kill('SIGKILL');
  await ended;
  await delay(100);
}

/** The key-encryption key and the private members of every signing key, retired ones too. */
async function keyNeedles(story: AwsStory): Promise<readonly Needle[]> {
  const place = { file: story.keyEncryptionKeyFile, dataDirectory: story.dataDirectory };
  const [kek] = await readKeyEncryptionKeys(place);
  const path = join(story.dataDirectory, 'keys.json');
  const { records } = readRingFile(readFileSync(path, 'utf8'), path);
  const found: Needle[] = [...needles('key-encryption key', Buffer.from(kek!.bytes).toString('base64url'))];
  for (const [kid, record] of records) {
    const jwk = await decryptKey(record, kid, kek!, path);
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
      found.push(...needles(`${member} of ${kid}`, jwk[member]!));
      // As bytes too: a DER or PEM form would hold them so.
      found.push({ name: `${member} of ${kid} (bytes)`, bytes: Buffer.from(jwk[member]!, 'base64url') });
    }
  }
  expect(found.length).toBeGreaterThan(20);
  return found;
}
