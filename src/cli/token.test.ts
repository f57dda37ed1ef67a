import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testCli, type TestCli } from '../../test/support/cli.ts';

const issuer = 'http://127.0.0.1:8300';
const workload = {
  HALLPASS_ISSUER: issuer,
  HALLPASS_ORGANIZATION: 'acme',
  HALLPASS_PROJECT: 'payments',
  HALLPASS_WORKSPACE: 'payments-prod',
};
const minting = ['token', 'mint', '--audience', 'aws.workload.identity', '--phase', 'plan'];

/** A token, and a directory with the documents to verify it by. */
async function minted(extra: readonly string[] = []): Promise<{ cli: TestCli; token: string }> {
  const cli = testCli(workload);
  const { stdout, stderr, code } = await cli.run([...minting, ...extra]);
  if (code !== 0) throw new Error(stderr);
  await cli.run(['issuer', 'export', 'public']);
  return { cli, token: stdout.trim() };
}

const verify = (cli: TestCli, token: string, extra: readonly string[] = []) =>
  cli.run(['token', 'verify', '--issuer', 'public', ...extra, '-'], { input: `${token}\n` });

describe('hallpass token mint', () => {
  it('prints the compact token and nothing else', async () => {
    const cli = testCli(workload);
    const { stdout, stderr } = await cli.run(minting);
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(stderr).toBe('');
  });

  it('prints claims and expiry with --json', async () => {
    const cli = testCli(workload);
    const result = await cli.json([...minting, '--lifetime', '15m', '--json']);
    expect(Object.keys(result)).toEqual(['token', 'claims', 'expires_at']);
    expect(result).toMatchObject({
      expires_at: '2026-03-01T12:15:00.000Z',
      claims: { sub: 'organization:acme:project:payments:workspace:payments-prod:run_phase:plan', iss: issuer },
    });
  });

  it('warns of what the audit has noticed', async () => {
    const cli = testCli(workload);
    await cli.run(minting);
    cli.clock.advance(-3600);
    const { stderr, code } = await cli.run(minting);
    expect(stderr).toContain('warning: the clock stands 1h before the last audit record');
    expect(code).toBe(0);
  });

  it.each([
    [['--audience', 'a'], 2, '--phase'],
    [['--phase', 'plan'], 2, '--audience'],
    [['--audience', 'a', '--phase', 'destroy'], 2, 'plan, apply'],
    [['--audience', 'a', '--phase', 'plan', '--lifetime', '5'], 1, 'not a duration'],
    [['--audience', 'a', '--phase', 'plan', '--lifetime', '9s'], 1, 'lifetime of 9 seconds'],
    [['--audience', 'a', '--phase', 'plan', '--lifetime', '25h'], 1, 'lifetime of 90000 seconds'],
    [['--audience', 'a b', '--phase', 'plan'], 1, 'audience'],
    [['--audience', 'a', '--phase', 'plan', '--workspace', 'w:x'], 1, 'workspace name'],
    [['--audience', 'a', '--phase', 'plan', '--issuer', 'https://id.example.com'], 1, 'hallpass keys init'],
  ])('refuses %j', async (args, expected, reason) => {
    const { code, stdout, stderr } = await testCli(workload).run(['token', 'mint', ...args]);
    expect(stdout).toBe('');
    expect(code).toBe(expected);
    expect(stderr).toContain(reason);
  });

  it('leaves the token nowhere on disk', async () => {
    const { cli, token } = await minted();
    const signature = token.split('.')[2]!;
    const files = readdirSync(cli.root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) expect(readFileSync(join(file.parentPath, file.name)).includes(signature)).toBe(false);
  });
});

describe('hallpass token inspect', () => {
  it('decodes and says that it does not verify', async () => {
    const { cli, token } = await minted();
    const { stdout } = await cli.run(['token', 'inspect', '-'], { input: token });
    expect(stdout).toContain('not verified');
    expect(stdout).toContain('"terraform_run_phase": "plan"');
    const { stdout: json } = await cli.run(['token', 'inspect', token, '--json']);
    expect(JSON.parse(json)).toMatchObject({ verified: false, header: { alg: 'RS256' } });
  });

  it('refuses what is no token, without quoting it', async () => {
    const { code, stderr } = await testCli().run(['token', 'inspect', '-'], { input: 'hunter2.hunter2' });
    expect(code).toBe(1);
    expect(stderr).toContain('2 parts instead of three');
    expect(stderr).not.toContain('hunter2');
  });

  it('refuses endless input', async () => {
    const { code, stderr } = await testCli().run(['token', 'inspect', '-'], { input: 'a'.repeat(100_000) });
    expect(code).toBe(2);
    expect(stderr).toContain('too long for a token');
  });
});

describe('hallpass token verify', () => {
  it('accepts a token by exported documents', async () => {
    const { cli, token } = await minted();
    expect(await verify(cli, token, ['--audience', 'aws.workload.identity'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Valid: signed by'),
    });
  });

  it('accepts a token by the issuer URL', async () => {
    const { cli, token } = await minted();
    const serve: typeof fetch = async (input) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      const body = readFileSync(join(cli.work, 'public', pathname));
      return new Response(body, { headers: { 'content-type': 'application/json' } });
    };
    const args = ['token', 'verify', '--issuer', issuer, '--json', token];
    const { stdout, code } = await cli.run(args, { fetch: serve });
    expect(JSON.parse(stdout)).toMatchObject({ valid: true, reason: null });
    expect(code).toBe(0);
  });

  it('refuses another audience, an expired token, and a changed one, each with 1 and the reason', async () => {
    const { cli, token } = await minted(['--lifetime', '10s']);
    expect(await verify(cli, token, ['--audience', 'vault'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('its audience is "aws.workload.identity" instead of "vault"'),
    });
    const [header, claims, signature] = token.split('.') as [string, string, string];
    const changed = Buffer.from(Buffer.from(claims, 'base64url').toString().replace('prod', 'test')).toString(
      'base64url',
    );
    expect(await verify(cli, `${header}.${changed}.${signature}`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('signature'),
    });
    cli.clock.advance(11);
    expect(await verify(cli, token)).toMatchObject({ code: 1, stderr: expect.stringContaining('it expired') });
    const { stdout, code } = await verify(cli, token, ['--json']);
    expect(JSON.parse(stdout)).toMatchObject({ valid: false, reason: expect.stringContaining('it expired') });
    expect(code).toBe(1);
  });

  it('refuses a token of a withdrawn key', async () => {
    const { cli, token } = await minted();
    const [{ kid }] = (await cli.json(['keys', 'list', '--json'])) as [{ kid: string }];
    await cli.run(['issuer', 'withdraw', kid, 'public']);
    expect(await verify(cli, token)).toMatchObject({ code: 1, stderr: expect.stringContaining('not in the issuer') });
  });

  it('says that a directory holds no documents, and that a URL gives none', async () => {
    const cli = testCli();
    expect((await cli.run(['token', 'verify', '--issuer', '.', 'a.b.c'])).stderr).toContain('exported documents');
    const { code, stderr } = await cli.run(['token', 'verify', '--issuer', issuer, 'a.b.c']);
    expect(code).toBe(1);
    expect(stderr).toContain('cannot be fetched');
  });
});

describe('hallpass token', () => {
  it.each(['mint', 'inspect', 'verify'])('%s has help with an example', async (name) => {
    const { code, stdout } = await testCli().run(['token', name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`$ hallpass token ${name}`);
  });
});
