import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testCli, type TestCli } from '../../test/support/cli.ts';
import { documentMaxAgeSeconds as maxAge } from '../identity/key-ring.ts';

const remote = 'https://id.example.com';

async function withKeys(issuer = remote): Promise<TestCli> {
  const cli = testCli();
  await cli.json(['keys', 'init', '--issuer', issuer, '--json']);
  return cli;
}

interface Key {
  readonly kid: string;
  readonly state: string;
  readonly published_at: string | null;
}

const list = async (cli: TestCli): Promise<Key[]> => (await cli.json(['keys', 'list', '--json'])) as Key[];

describe('hallpass keys init', () => {
  it('makes keys for an issuer, which list shows', async () => {
    const cli = testCli();
    const { stdout } = await cli.run(['keys', 'init', '--issuer', remote]);
    expect(stdout).toContain(`Made two keys for ${remote}`);
    expect(await list(cli)).toEqual([
      {
        kid: expect.any(String),
        state: 'active',
        published_at: null,
        activated_at: '2026-03-01T12:00:00Z',
        retired_at: null,
      },
      { kid: expect.any(String), state: 'next', published_at: null, activated_at: null, retired_at: null },
    ]);
  });

  it('changes nothing when they are there, and refuses another issuer', async () => {
    const cli = await withKeys();
    const before = await list(cli);
    const { stdout, code } = await cli.run(['keys', 'init', '--issuer', remote]);
    expect({ stdout, code }).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing was changed') });
    expect(await list(cli)).toEqual(before);
    const other = await cli.run(['keys', 'init', '--issuer', 'https://other.example.com']);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining(`were made for ${remote}`) });
  });

  it('takes the issuer from HALLPASS_ISSUER', async () => {
    const cli = testCli({ HALLPASS_ISSUER: remote });
    expect((await cli.run(['keys', 'init'])).stdout).toContain(remote);
  });

  it.each([
    [[], 'no issuer is named'],
    [['--issuer', `${remote}/`], 'ends with a slash'],
    [['--issuer', 'http://id.example.com'], 'only allowed on loopback'],
  ])('refuses %j', async (args, reason) => {
    const { code, stderr } = await testCli().run(['keys', 'init', ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(reason);
  });
});

describe('hallpass keys list', () => {
  it('says how to make keys where there are none', async () => {
    const { code, stderr } = await testCli().run(['keys', 'list']);
    expect(code).toBe(1);
    expect(stderr).toContain('hint:  make them: hallpass keys init');
  });

  it('says when the next key can sign', async () => {
    const cli = await withKeys();
    expect((await cli.run(['keys', 'list'])).stdout).toContain('can sign once it was seen published');
    const loopback = await withKeys('http://127.0.0.1:8300');
    expect((await loopback.run(['keys', 'list'])).stdout).toContain('can sign from 2026-03-01T12:05:01Z on (in 5m1s)');
  });
});

describe('hallpass keys rotate', () => {
  it('ends with 0 and says what is missing while nobody has seen the next key', async () => {
    const cli = await withKeys();
    const { code, stdout } = await cli.run(['keys', 'rotate']);
    expect(code).toBe(0);
    expect(stdout).toContain('Not rotated');
    expect(stdout).toContain(`hallpass issuer check ${remote}`);
  });

  it('says when, then promotes the next key', async () => {
    const cli = await withKeys();
    const [active, next] = await list(cli);
    await cli.run(['issuer', 'export', 'public']);
    expect(await cli.json(['keys', 'rotate', '--json'])).toMatchObject({
      rotated: false,
      next_ready_at: '2026-03-01T12:05:01Z',
    });
    cli.clock.advance(maxAge + 1);
    expect(await cli.json(['keys', 'rotate', '--json'])).toMatchObject({ rotated: true, active: next!.kid });
    expect((await list(cli)).map(({ kid, state }) => [kid, state])).toEqual([
      [active!.kid, 'retired'],
      [next!.kid, 'active'],
      [expect.any(String), 'next'],
    ]);
  });

  it('can be forced, with a warning of what may break', async () => {
    const cli = await withKeys();
    const { code, stdout, stderr } = await cli.run(['keys', 'rotate', '--now']);
    expect(code).toBe(0);
    expect(stdout).toContain('signs now');
    expect(stderr).toContain('warning:');
    expect(stderr).toContain('tokens are refused until it is');
  });

  it('does not warn when there is nothing to force', async () => {
    const cli = await withKeys('http://127.0.0.1:8300');
    cli.clock.advance(maxAge + 1);
    expect((await cli.run(['keys', 'rotate', '--now'])).stderr).toBe('');
  });
});

describe('hallpass keys compromise', () => {
  it('drops a key, lets the next one sign, and says what is left to do by hand', async () => {
    const cli = await withKeys();
    const [active, next] = await list(cli);
    const { code, stdout } = await cli.run(['keys', 'compromise', active!.kid, '--yes']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Dropped ${active!.kid}`);
    for (const part of [
      'hallpass issuer export',
      '"aws:TokenIssueTime": "2026-03-01T12:00:00Z"',
      'jwks_json',
      'Forged tokens pass until caches end: 5m',
      'not in that list and cannot be',
    ]) {
      expect(stdout).toContain(part);
    }
    expect((await list(cli)).map(({ kid, state }) => [kid, state])).toEqual([
      [next!.kid, 'active'],
      [expect.any(String), 'next'],
    ]);
  });

  it('drops all keys and makes new ones', async () => {
    const cli = await withKeys();
    const before = (await list(cli)).map(({ kid }) => kid);
    const result = await cli.json(['keys', 'compromise', '--all', '--yes', '--json']);
    expect(result).toMatchObject({ dropped: before, keys: [{ state: 'active' }, { state: 'next' }] });
    expect((await list(cli)).some(({ kid }) => before.includes(kid))).toBe(false);
  });

  it('is the way out when the key-encryption key is lost', async () => {
    const cli = await withKeys('http://127.0.0.1:8300');
    rmSync(cli.keyEncryptionKeyFile);
    expect((await cli.run(['keys', 'compromise', '--all', '--yes'])).code).toBe(0);
    expect((await cli.run(['keys', 'rotate', '--now'])).code).toBe(0);
  });

  it.each([
    [['--yes'], 2, 'name one key, or --all'],
    [['x', '--all', '--yes'], 2, 'name one key, or --all'],
    [['x', '--yes'], 1, 'there is no key "x"'],
    [['--all'], 2, 'hallpass keys compromise --all --yes'],
  ])('refuses %j', async (args, expected, reason) => {
    const cli = await withKeys();
    const before = readFileSync(join(cli.dataDirectory, 'keys.json'), 'utf8');
    const { code, stderr } = await cli.run(['keys', 'compromise', ...args]);
    expect(code).toBe(expected);
    expect(stderr).toContain(reason);
    expect(readFileSync(join(cli.dataDirectory, 'keys.json'), 'utf8')).toBe(before);
  });
});

describe('hallpass keys rewrap', () => {
  it('changes the key-encryption key; keys stay', async () => {
    const cli = await withKeys();
    const [keys, kek] = [await list(cli), readFileSync(cli.keyEncryptionKeyFile, 'utf8')];
    await cli.run(['keys', 'rewrap']);
    expect(readFileSync(cli.keyEncryptionKeyFile, 'utf8').endsWith(kek)).toBe(true);
    await cli.run(['keys', 'rewrap', '--forget-earlier']);
    expect(readFileSync(cli.keyEncryptionKeyFile, 'utf8')).toMatch(/^[\w-]{43}\n$/);
    expect(await list(cli)).toEqual(keys);
  });
});

describe('hallpass keys', () => {
  it('records every change in the audit, with who did it', async () => {
    const cli = await withKeys();
    const [active] = await list(cli);
    await cli.run(['keys', 'rotate', '--now']);
    await cli.run(['keys', 'compromise', active!.kid, '--yes']);
    await cli.run(['keys', 'rewrap']);
    const lines = readFileSync(join(cli.dataDirectory, 'audit', '2026-03.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const events = lines.map((line) => JSON.parse(line) as { type: string; actor: { source: string } });
    expect(events.map(({ type }) => type)).toEqual([
      'key_created',
      'key_created',
      'key_activated',
      'key_retired',
      'key_activated',
      'key_created',
      'key_compromised',
      'keys_rewrapped',
    ]);
    expect(events.every(({ actor }) => actor.source === 'operating_system')).toBe(true);
  });

  it.each(['init', 'list', 'rotate', 'compromise', 'rewrap'])('%s has help with an example', async (name) => {
    const { code, stdout } = await testCli().run(['keys', name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`$ hallpass keys ${name}`);
  });
});
