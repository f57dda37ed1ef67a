import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBao, type Bao } from '../support/bao.ts';
import { startHallpass, type ChildResult } from '../support/hallpass.ts';
import { describeWith, requireProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { setRole } from '../support/vault-set-up.ts';
import { boundTo, openVaultStory, type VaultStory } from '../support/vault-story.ts';

const require = createRequire(import.meta.url);
const nodeVault = require.resolve('node-vault');

/** Each prints the region, or the server's words, and can wait in between: a client that lives for the whole phase. */
const pythonSource = `
import hvac, sys, time
client = hvac.Client()
for pause in sys.argv[1:]:
    time.sleep(float(pause))
    try:
        secret = client.secrets.kv.v2.read_secret_version(path='payments', raise_on_deleted_version=True)
        print('region', secret['data']['data']['region'])
    except hvac.exceptions.Forbidden as error:
        print('forbidden', error)
`;
const nodeSource = `
const vault = require(${JSON.stringify(nodeVault)})();
(async () => {
  for (const pause of process.argv.slice(1)) {
    await new Promise((resolve) => setTimeout(resolve, Number(pause) * 1000));
    try {
      const { data } = await vault.read('secret/data/payments');
      console.log('region', data.data.region);
    } catch (error) {
      console.log(error.response?.statusCode === 403 ? 'forbidden' : 'failed', error.message);
    }
  }
})();
`;
const shellSource = `
for pause in "$@"; do
  sleep "$pause"
  region=$(bao kv get -field=region secret/payments 2>&1) && echo "region $region" || echo "forbidden $region"
done
`;

/** A command that reads the secret after each of these pauses, in seconds. */
type Client = (...pauses: readonly number[]) => readonly string[];

const clients: Readonly<Record<string, Client>> = {
  hvac: (...pauses) => [requireProgram('python-hvac'), '-c', pythonSource, ...pauses.map(String)],
  'node-vault': (...pauses) => [process.execPath, '-e', nodeSource, ...pauses.map(String)],
  bao: (...pauses) => ['sh', '-c', shellSource, 'sh', ...pauses.map(String)],
};

/** Notes its token's accessor, by which a test sees whether it lives without holding the token itself. */
const accessorLine =
  'echo "accessor $(bao token lookup -format=json | sed -n \'s/.*"accessor": "\\([^"]*\\)".*/\\1/p\')"';

async function isAlive(bao: Bao, accessor: string): Promise<boolean> {
  const { status } = await bao.call('POST', 'auth/token/lookup-accessor', { accessor });
  return status === 200;
}

function accessorIn(text: string): string {
  const accessor = /accessor (\S+)/.exec(text)?.[1];
  if (accessor === undefined) throw new Error(`no accessor in: ${text}`);
  return accessor;
}

function audit(story: VaultStory): string {
  const directory = join(story.dataDirectory, 'audit');
  return readdirSync(directory)
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('');
}

/** Neither the identity token nor one of Vault's is in what people see. */
function expectNoToken(text: string): void {
  expect(text).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}\.eyJ/);
  expect(text).not.toMatch(/\b[sb]\.[A-Za-z0-9]{24}/);
}

let bao: Bao;
let story: VaultStory;

async function open(tls: boolean): Promise<void> {
  bao = await startBao({ tls });
  story = await openVaultStory(temporaryDirectory('vault'), bao);
}

async function close(): Promise<void> {
  await story?.[Symbol.asyncDispose]();
  await bao?.[Symbol.asyncDispose]();
  if (story !== undefined) rmSync(join(story.workDirectory, '..'), { recursive: true, force: true });
}

describeWith(['bao', 'python-hvac'], 'exec with a real OpenBao', () => {
  beforeAll(() => open(false));
  afterAll(close);

  describe.each(Object.entries(clients))('and %s', (_, client) => {
    it('gets in with the plan identity, and lives on when its token is renewed', async () => {
      await setRole(bao, 'short', { ...boundTo('plan'), token_ttl: '3s' });
      const { stdout, stderr, code } = await story.exec('plan', client(0, 4.5), { TFC_VAULT_PLAN_ROLE: 'short' });
      expect(stdout).toBe('region eu-north-1\nregion eu-north-1\n');
      expect(code).toBe(0);
      expect(stderr).toContain(`vault → ${bao.address}/v1/auth/jwt/role/short`);
      expectNoToken(stdout + stderr);
    });

    it('is shut out once the token has ended, since token_max_ttl cannot be moved', async () => {
      await setRole(bao, 'ending', { ...boundTo('plan'), token_ttl: '2s', token_max_ttl: '3s' });
      const { stdout, stderr } = await story.exec('plan', client(0, 4.5), { TFC_VAULT_PLAN_ROLE: 'ending' });
      expect(stdout).toMatch(/^region eu-north-1\nforbidden [^]*permission denied/);
      expect(stderr).toMatch(/warning: the Vault token cannot be prolonged any further: token_max_ttl ends it/);
    });
  });

  it.each<[string, string, Record<string, string>, string[], RegExp]>([
    ['the other phase', 'apply', { TFC_VAULT_APPLY_ROLE: 'plan' }, [], /invalid subject \(sub\) claim/],
    ['another workspace', 'plan', {}, ['--workspace', 'payments-dev'], /invalid subject \(sub\) claim/],
    [
      'another audience',
      'plan',
      { TFC_VAULT_WORKLOAD_IDENTITY_AUDIENCE: 'other' },
      [],
      /invalid audience \(aud\) claim/,
    ],
    ['a role that is not there', 'plan', { TFC_VAULT_PLAN_ROLE: 'nope' }, [], /role "nope" could not be found/],
  ])('stops before the command for %s, and says why', async (_, phase, variables, flags, words) => {
    const { stdout, stderr, code } = await story.exec(phase, ['echo', 'never'], variables, flags);
    expect({ stdout, code }).toEqual({ stdout: '', code: 125 });
    expect(stderr).toMatch(/^error: vault refused this phase's token$/m);
    expect(stderr).toMatch(/^ {2}role: {4}http.*\/v1\/auth\/jwt\/role\/\w+$/m);
    expect(stderr).toContain(`  iss:     ${story.issuer}`);
    expect(stderr).toMatch(/^ {2}aud: {5}\S+$/m);
    expect(stderr).toMatch(/^ {2}sub: {5}organization:acme:project:payments:workspace:/m);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/^ {2}likely: {2}1\. /m);
    expect(stderr).toMatch(/^ {2}next: {4}hallpass doctor --phase/m);
    expect(stderr.match(/^error:/gm)).toHaveLength(1);
    expectNoToken(stderr);
    expect(audit(story)).toContain('"exchange_refused"');
  });

  it('revokes at the end, and nothing secret is in the audit', async () => {
    const { stdout, stderr, code } = await story.exec('apply', ['sh', '-c', `${accessorLine}; exit 3`]);
    expect({ code, stderr }).toMatchObject({ code: 3 });
    expect(await isAlive(bao, accessorIn(stdout))).toBe(false);
    expect(audit(story)).toContain('"credentials_revoked"');
    expectNoToken(audit(story));
  });

  it('hides the token in output that is not a terminal', async () => {
    const { stdout } = await story.exec('plan', [
      'sh',
      '-c',
      'echo "token $VAULT_TOKEN"; cat "$(dirname "$HOME")"/vault/*/token',
    ]);
    expectNoToken(stdout);
    expect(stdout).toMatch(/^token \S+/);
  });

  it('gives each tag its own token in a private file, and no variable that all would take', async () => {
    const script = `
      env | grep -c '^VAULT_' || true
      python3 -c '
import json, os, stat, hvac
value = json.loads(os.environ["TF_VAR_tfc_vault_dynamic_credentials"])
for tag, one in [("default", value["default"]), *value["aliases"].items()]:
    mode = stat.S_IMODE(os.stat(one["token_filename"]).st_mode)
    client = hvac.Client(url=one["address"], token=open(one["token_filename"]).read(), namespace=one["namespace"])
    print(tag, oct(mode), client.lookup_token()["data"]["meta"]["role"], one["ca_cert_file"])
'`;
    const tags = {
      TFC_VAULT_PROVIDER_AUTH_BLUE: 'true',
      TFC_VAULT_RUN_ROLE_BLUE: 'blue',
      TFC_VAULT_ADDR_BLUE: bao.address,
    };
    await setRole(bao, 'blue', boundTo('plan'));
    const { stdout, stderr, code } = await story.exec('plan', ['sh', '-c', script], tags);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toBe('0\ndefault 0o600 plan None\nBLUE 0o600 blue None\n');
  });

  it('warns of a VAULT_TOKEN of the user beside it', async () => {
    const { stderr } = await story.exec('plan', ['true'], { VAULT_TOKEN: 'mine', VAULT_CAPATH: '/etc/ssl' }, [
      '--pass-env',
      'VAULT_TOKEN',
      '--pass-env',
      'VAULT_CAPATH',
    ]);
    expect(stderr).toContain('VAULT_TOKEN is set, but Hallpass supplies it');
    expect(stderr).toContain('VAULT_CAPATH is set beside the vault configuration');
  });
});

interface Running {
  readonly pid: number;
  readonly output: () => string;
  readonly ended: Promise<ChildResult['code']>;
}

function start(command: readonly string[], variables: Readonly<Record<string, string>> = {}): Running {
  const child = startHallpass(['exec', '--phase', 'plan', '--', ...command], {
    cwd: story.workDirectory,
    env: { ...story.env, ...variables },
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = once(child, 'exit').then(([code]) => code as number);
  return { pid: child.pid!, output: () => output, ended };
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it did not come to pass: ${what}`);
    await sleep(50);
  }
}

describeWith(['bao'], 'a phase with an OpenBao that ends badly', () => {
  beforeAll(() => open(false));
  afterAll(close);

  it('revokes when it is interrupted', async () => {
    const running = start(['sh', '-c', `${accessorLine}; exec sleep 60`]);
    await until(() => /accessor \S+/.test(running.output()), 'the command has begun');
    process.kill(running.pid, 'SIGTERM');
    expect(await running.ended).toBe(143);
    expect(await isAlive(bao, accessorIn(running.output()))).toBe(false);
  });

  it('revokes at the next start when it was killed', async () => {
    const running = start(['sh', '-c', `${accessorLine}; exec sleep 60`]);
    await until(() => /accessor \S+/.test(running.output()), 'the command has begun');
    const accessor = accessorIn(running.output());
    process.kill(running.pid, 'SIGKILL');
    await running.ended;
    expect(await isAlive(bao, accessor)).toBe(true);
    const next = await story.exec('plan', ['true']);
    expect(next.code).toBe(0);
    expect(await isAlive(bao, accessor)).toBe(false);
  });

  it('waits for a sealed server, can be interrupted at once, and goes on when it is unsealed', async () => {
    await bao.set('PUT', 'sys/seal');
    const stopped = start(['true']);
    await sleep(2500);
    process.kill(stopped.pid, 'SIGINT');
    expect(await stopped.ended).toBe(130);

    const { stderr, code } = await story.exec('plan', ['echo', 'never'], { TFC_VAULT_CLIENT_TIMEOUT: '1' });
    expect(code).toBe(125);
    expect(stderr).toMatch(/error: Vault at \S+ is still sealed after 1 s/);

    const waiting = start(['echo', 'it is open']);
    await sleep(1500);
    await bao.set('PUT', 'sys/unseal', { key: bao.unsealKey });
    expect(await waiting.ended).toBe(0);
    expect(waiting.output()).toContain('it is open');
  });
});

describeWith(['bao', 'python-hvac'], 'exec with an OpenBao behind a private CA', () => {
  beforeAll(() => open(true));
  afterAll(close);

  it.each(['hvac', 'bao'])('lets %s in by VAULT_CACERT', async (name) => {
    const { stdout, stderr, code } = await story.exec('plan', clients[name]!(0));
    expect({ stdout, code, stderr }).toMatchObject({ stdout: 'region eu-north-1\n', code: 0 });
  });

  it('lets node-vault in by NODE_EXTRA_CA_CERTS, since it does not know VAULT_CACERT', async () => {
    const script = 'NODE_EXTRA_CA_CERTS="$VAULT_CACERT" exec "$@"';
    const { stdout } = await story.exec('plan', ['sh', '-c', script, 'sh', ...clients['node-vault']!(0)]);
    expect(stdout).toBe('region eu-north-1\n');
    expect((await story.exec('plan', clients['node-vault']!(0))).stdout).toMatch(/^failed .*certificate/);
  });

  it.each([
    ['plan', {}, 0, /accept/],
    ['plan', { TFC_VAULT_PLAN_ROLE: 'apply' }, 1, /invalid subject \(sub\) claim/],
  ])('is asked by doctor for the %s phase with %j', async (phase, env, code, words) => {
    const said = await story.hallpass(['doctor', '--phase', phase, '--platform', 'vault'], { env });
    expect(said.stdout + said.stderr).toMatch(words);
    expect(said.code).toBe(code);
    expectNoToken(said.stdout + said.stderr);
  });

  it('stops before the command without the CA', async () => {
    const wrong = { TFC_VAULT_ENCODED_CACERT: Buffer.from('nothing').toString('base64') };
    expect((await story.exec('plan', ['true'], wrong)).stderr).toContain('TFC_VAULT_ENCODED_CACERT');
    const { code, stderr } = await story.hallpass(['exec', '--phase', 'plan', '--', 'true'], {
      env: { TFC_VAULT_ENCODED_CACERT: undefined },
    });
    expect(code).toBe(125);
    expect(stderr).toMatch(/has a certificate that no CA we know has signed/);
  });
});
