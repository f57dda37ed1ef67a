import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testCli, type TestCli } from '../../test/support/cli.ts';
import { startHallpass } from '../../test/support/hallpass.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { parseListen, usualListen } from './issuer/serve.ts';

const remote = 'https://id.example.com';

async function withKeys(issuer = remote): Promise<TestCli> {
  const cli = testCli();
  await cli.json(['keys', 'init', '--issuer', issuer, '--json']);
  return cli;
}

/** A static host that shows a directory. */
function host(directory: string): typeof fetch {
  return async (input) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    const headers = { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' };
    return new Response(readFileSync(join(directory, pathname)), { headers });
  };
}

const kidsOf = async (cli: TestCli): Promise<string[]> =>
  ((await cli.json(['keys', 'list', '--json'])) as { kid: string }[]).map(({ kid }) => kid);

describe('hallpass issuer show', () => {
  it('shows issuer, keys and documents, and warns of keys that nobody has seen', async () => {
    const cli = await withKeys();
    const { stdout, stderr } = await cli.run(['issuer', 'show', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      issuer: remote,
      keys: [{ state: 'active' }, { state: 'next' }],
      configuration: { issuer: remote },
    });
    expect(stderr).toContain('nobody has seen the signing key');
    expect((await cli.run(['issuer', 'show'])).stdout).toContain(`${remote}/.well-known/jwks`);
  });

  it('says how to make keys where there are none', async () => {
    expect((await testCli().run(['issuer', 'show'])).stderr).toContain('hallpass keys init');
  });
});

describe('hallpass issuer export', () => {
  it('writes the documents and counts the keys as published', async () => {
    const cli = await withKeys();
    const result = await cli.json(['issuer', 'export', 'public', '--json']);
    expect(result).toMatchObject({ directory: join(cli.work, 'public'), kids: await kidsOf(cli), kept: [] });
    const file = join(cli.work, 'public/.well-known/openid-configuration');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ issuer: remote });
    expect(statSync(file).mode & 0o777).toBe(0o644);
    const keys = (await cli.json(['keys', 'list', '--json'])) as { published_at: string }[];
    expect(keys.map((key) => key.published_at)).toEqual(['2026-03-01T12:00:00Z', '2026-03-01T12:00:00Z']);
  });

  it.each([
    [
      's3',
      [
        'aws s3 cp',
        "--cache-control 'public, max-age=300'",
        '--content-type application/json',
        's3://BUCKET/.well-known/jwks',
      ],
    ],
    ['cloudfront', ['aws cloudfront create-invalidation', "'/.well-known/*'"]],
    ['nginx', ['location /.well-known/ {', 'default_type application/json;', 'add_header Cache-Control']],
  ])('prints what brings them to %s', async (name, parts) => {
    const cli = await withKeys();
    const { stdout } = await cli.run(['issuer', 'export', 'public', '--for', name]);
    for (const part of parts) expect(stdout).toContain(part);
  });

  it('puts documents of an issuer with a path below that path', async () => {
    const cli = await withKeys(`${remote}/team`);
    expect((await cli.run(['issuer', 'export', 'x', '--for', 's3'])).stdout).toContain('s3://BUCKET/team/.well-known/');
  });

  it('takes out what a compromise has dropped, without being told', async () => {
    const cli = await withKeys();
    await cli.run(['issuer', 'export', 'public']);
    const [dropped] = await kidsOf(cli);
    await cli.run(['keys', 'compromise', dropped!, '--yes']);
    await cli.run(['issuer', 'export', 'public']);
    expect(readFileSync(join(cli.work, 'public/.well-known/jwks'), 'utf8')).not.toContain(dropped);
  });

  it.each(['/proc/hallpass', '/dev/null/documents'])('says at once that %s cannot be made', async (directory) => {
    const cli = await withKeys();
    const { code, stderr } = await cli.run(['issuer', 'export', directory]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^error: cannot (?:make|read) .*\n {2}where: .*\n {2}hint: {2}check the path\n$/),
    ]);
  });

  it('refuses a directory with foreign keys, and keeps them with --merge', async () => {
    const [cli, other] = [await withKeys(), await withKeys()];
    const target = join(cli.work, 'public');
    await other.run(['issuer', 'export', target]);
    const { code, stderr } = await cli.run(['issuer', 'export', 'public']);
    expect(code).toBe(1);
    expect(stderr).toContain('--merge');
    expect(await cli.json(['issuer', 'export', 'public', '--merge', '--json'])).toMatchObject({
      kept: await kidsOf(other),
    });
  });
});

describe('hallpass issuer check', () => {
  it('passes what was exported, records what it saw, and says what platforms think', async () => {
    const cli = await withKeys();
    await cli.run(['issuer', 'export', 'public']);
    cli.clock.advance(60);
    const { code, stdout } = await cli.run(['issuer', 'check', remote], { fetch: host(join(cli.work, 'public')) });
    expect(code).toBe(0);
    expect(stdout).toContain(`${remote}: good`);
    expect(stdout).toContain('can use it     AWS');
    const keys = (await cli.json(['keys', 'list', '--json'])) as { published_at: string }[];
    expect(keys.map((key) => key.published_at)).toEqual(['2026-03-01T12:01:00Z', '2026-03-01T12:01:00Z']);
  });

  it('ends with 1 and every finding after a rotation that was not exported', async () => {
    const cli = await withKeys();
    await cli.run(['issuer', 'export', 'public']);
    await cli.run(['keys', 'rotate', '--now']);
    const { code, stdout } = await cli.run(['issuer', 'check', '--json'], { fetch: host(join(cli.work, 'public')) });
    expect(code).toBe(1);
    const [, , next] = await kidsOf(cli);
    expect(JSON.parse(stdout)).toMatchObject({
      url: remote,
      passed: false,
      findings: [{ severity: 'error', what: expect.stringContaining(next!) }],
    });
  });

  it('needs no data directory, and makes none', async () => {
    const [cli, other] = [testCli(), await withKeys()];
    await other.run(['issuer', 'export', 'public']);
    const { code, stdout } = await cli.run(['issuer', 'check', remote], { fetch: host(join(other.work, 'public')) });
    expect(code).toBe(0);
    expect(stdout).toContain('only the form was checked');
    expect(() => statSync(cli.dataDirectory)).toThrow(/ENOENT/);
  });

  it('ends with 1 when nothing can be fetched', async () => {
    const { code, stdout } = await testCli().run(['issuer', 'check', remote]);
    expect(code).toBe(1);
    expect(stdout).toContain('cannot be fetched: no network in this test');
  });
});

describe('hallpass issuer withdraw', () => {
  it('needs no data directory', async () => {
    const [cli, other] = [testCli(), await withKeys()];
    const target = join(other.work, 'public');
    await other.run(['issuer', 'export', target]);
    const [first, second] = await kidsOf(other);
    const { stdout } = await cli.run(['issuer', 'withdraw', first!, target]);
    expect(stdout).toContain(`Took ${first} out`);
    expect(readFileSync(join(target, '.well-known/jwks'), 'utf8')).not.toContain(first);
    const last = await cli.run(['issuer', 'withdraw', second!, target]);
    expect(last).toMatchObject({ code: 1, stderr: expect.stringContaining('is the only key') });
    expect(() => statSync(cli.dataDirectory)).toThrow(/ENOENT/);
  });
});

async function start(env: Record<string, string>, args: readonly string[] = []) {
  const child = startHallpass(['issuer', 'serve', '--listen', '127.0.0.1:0', '--json', ...args], { env });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [line] = (await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])) as [unknown];
  if (!Buffer.isBuffer(line)) throw new Error(`it ended: ${stderr}`);
  return { child, ready: JSON.parse(line.toString()) as { ready: boolean; url: string } };
}
function place(issuer: string) {
  const root = temporaryDirectory('serve');
  mkdirSync(join(root, 'config'), { mode: 0o700 });
  return {
    HALLPASS_DATA_DIR: join(root, 'data'),
    HALLPASS_KEK_FILE: join(root, 'config/kek'),
    HALLPASS_ISSUER: issuer,
  };
}

describe('hallpass issuer serve', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'prints one line when ready, serves the documents, and ends with %s',
    async (signal) => {
      const { child, ready } = await start(place('http://127.0.0.1:8300/team'));
      expect(ready).toMatchObject({ ready: true, url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/team$/) });
      const response = await fetch(`${ready.url}/.well-known/openid-configuration`);
      expect(await response.json()).toMatchObject({ issuer: 'http://127.0.0.1:8300/team' });
      expect((await fetch(`${ready.url}/keys.json`)).status).toBe(404);
      child.kill(signal);
      expect(await once(child, 'exit')).toEqual([0, null]);
    },
  );

  it('follows a change of the keys', async () => {
    const env = place('http://127.0.0.1:8300');
    const { ready } = await start(env);
    const kids = async (): Promise<string[]> => {
      const { keys } = (await (await fetch(`${ready.url}/.well-known/jwks`)).json()) as { keys: { kid: string }[] };
      return keys.map(({ kid }) => kid);
    };
    const before = await kids();
    const dropped = startHallpass(['keys', 'compromise', '--all', '--yes'], { env });
    expect(await once(dropped, 'exit')).toEqual([0, null]);
    // Ends by the test's own time limit, if ever one stays.
    while ((await kids()).some((kid) => before.includes(kid))) await sleep(20);
    expect(await kids()).toHaveLength(2);
  });

  it('counts the keys that it serves as published', async () => {
    const env = place(remote);
    const made = startHallpass(['keys', 'init'], { env });
    expect(await once(made, 'exit')).toEqual([0, null]);
    const { ready } = await start(env);
    await fetch(`${ready.url}/.well-known/jwks`);
    const text = readFileSync(join(env.HALLPASS_DATA_DIR, 'keys.json'), 'utf8');
    const { keys } = JSON.parse(text) as { keys: { published_by: string }[] };
    expect(keys.map((key) => key.published_by)).toEqual(['serve', 'serve']);
  });

  it('makes no keys for an issuer that is not on loopback', async () => {
    await expect(start(place(remote))).rejects.toThrow(/hallpass keys init --issuer https:\/\/id.example.com/);
  });

  it('refuses to serve for another issuer than that of the keys', async () => {
    const env = place('http://127.0.0.1:8300');
    const { child } = await start(env);
    child.kill('SIGTERM');
    await once(child, 'exit');
    await expect(start(env, ['--issuer', 'http://127.0.0.1:9'])).rejects.toThrow(/were made for/);
  });

  it('refuses keys that others can read', async () => {
    const cli = await withKeys();
    chmodSync(join(cli.dataDirectory, 'keys.json'), 0o644);
    const { code, stderr } = await cli.run(['issuer', 'serve', '--listen', '127.0.0.1:0']);
    expect(code).toBe(1);
    expect(stderr).toContain('chmod 600');
  });
});

describe('parseListen', () => {
  it.each([
    ['127.0.0.1:8300', { host: '127.0.0.1', port: 8300 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    [':80', { host: '127.0.0.1', port: 80 }],
    ['8300', { host: '127.0.0.1', port: 8300 }],
    ['localhost:1', { host: 'localhost', port: 1 }],
  ])('reads %s', (text, expected) => {
    expect(parseListen(text)).toEqual(expected);
  });

  it.each(['', 'host', 'host:', '1.2.3.4:65536', '::1:80', 'a b:1', 'http://x:1', '[::1]', '-1'])(
    'refuses %j',
    (text) => {
      expect(() => parseListen(text)).toThrow(/is not an address/);
    },
  );
});

describe('usualListen', () => {
  it.each([
    ['http://127.0.0.1:8300/x', { host: '127.0.0.1', port: 8300 }],
    ['http://[::1]:1', { host: '::1', port: 1 }],
    ['http://localhost', { host: 'localhost', port: 80 }],
    ['https://id.example.com', { host: '127.0.0.1', port: 8300 }],
    ['https://127.0.0.1:8443', { host: '127.0.0.1', port: 8300 }],
  ])('is right for %s', (issuer, expected) => {
    expect(usualListen(issuer)).toEqual(expected);
  });
});

describe('hallpass issuer', () => {
  it.each(['show', 'export', 'check', 'serve', 'withdraw'])('%s has help with an example', async (name) => {
    const { code, stdout } = await testCli().run(['issuer', name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`$ hallpass issuer ${name}`);
  });
});
