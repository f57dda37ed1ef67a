import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAwsStory, type AwsStory } from '../support/aws-story.ts';
import { cleanEnvironment, type ChildResult } from '../support/hallpass.ts';
import { openTestIssuer, testKey, testSubject, type TestIssuer } from '../support/issuer.ts';
import { bound, kubernetesPart } from '../support/kubernetes-cluster.ts';
import { openLater } from '../support/later-cluster.ts';
import { describeWith, requireProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { readSandboxConfig } from '../../src/sandbox/config.ts';
import { openSandbox, type Sandbox } from '../../src/sandbox/open.ts';

const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_KUBERNETES_PROVIDER_AUTH: 'true',
  TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE: 'kubernetes',
};

/** A client that nobody here wrote: reads or makes a config map, and says who it is. */
interface KubernetesClient {
  readonly name: string;
  readonly program: 'kubectl' | 'python-kubernetes';
  readonly whoAmI: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** What it says to a token that is not accepted. */
  readonly refused: RegExp;
}

const python = (code: string): readonly string[] => [
  '-c',
  `from kubernetes import client, config\nconfig.load_kube_config()\nv1 = client.CoreV1Api()\n${code}`,
];

const clients: readonly KubernetesClient[] = [
  {
    name: 'kubectl',
    program: 'kubectl',
    whoAmI: ['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'],
    read: ['get', 'configmap', 'settings', '-n', 'payments', '-o', 'jsonpath={.data.region}'],
    write: ['create', 'configmap', 'made-by-kubectl', '-n', 'payments', '--from-literal=a=b'],
    refused: /You must be logged in to the server/,
  },
  {
    name: "Python's kubernetes",
    program: 'python-kubernetes',
    whoAmI: python('print(client.AuthenticationV1Api().create_self_subject_review({}).status.user_info.username)'),
    read: python("print(v1.read_namespaced_config_map('settings', 'payments').data['region'])"),
    write: python(
      "v1.create_namespaced_config_map('payments', client.V1ConfigMap(metadata={'name': 'made-by-python'}, data={'a': 'b'}))",
    ),
    refused: /"reason":"Unauthorized","code":401/,
  },
];

/** Shims of version managers have their roots in the machine's own home. */
const env = { PYENV_ROOT: process.env['PYENV_ROOT'] };

const openStory = (): Promise<AwsStory> =>
  openAwsStory(temporaryDirectory('kubernetes'), variables, {
    parts: (issuer) => ({ kubernetes: kubernetesPart(issuer) }),
  });

/** What a test looks for must not be anywhere in what people see. */
const token = /eyJ[A-Za-z0-9_-]{20,}\.eyJ/;

for (const client of clients) {
  describeWith([client.program], `exec with ${client.name}`, () => {
    let story: AwsStory;
    beforeAll(async () => {
      story = await openStory();
    });
    afterAll(() => story[Symbol.asyncDispose]());

    const exec = (args: readonly string[], command: readonly string[], more = {}): Promise<ChildResult> =>
      story.hallpass(['exec', ...args, '--', requireProgram(client.program), ...command], {
        env: { ...env, ...more },
      });

    it('gets in with the identity of the plan', async () => {
      const { stdout, stderr, code } = await exec(['--phase', 'plan'], client.whoAmI);
      expect({ stdout: stdout.trim(), code }).toEqual({ stdout: testSubject, code: 0 });
      expect(stderr).not.toMatch(token);
    });

    it('reads with the plan, and writes with the apply alone', async () => {
      const read = await exec(['--phase', 'plan'], client.read);
      expect({ stdout: read.stdout.trim(), code: read.code }).toEqual({ stdout: 'eu-north-1', code: 0 });
      const refused = await exec(['--phase', 'plan'], client.write);
      expect(refused.code).not.toBe(0);
      expect(refused.stdout + refused.stderr.replaceAll('\\"', '"')).toContain(
        `configmaps is forbidden: User "${testSubject}" cannot create resource "configmaps" in API group "" in the namespace "payments"`,
      );
      expect(await exec(['--phase', 'apply'], client.write)).toMatchObject({ code: 0 });
    });

    it('of a neighbour workspace is known, but may do nothing', async () => {
      const { stdout, stderr, code } = await exec(['--phase', 'plan', '--workspace', 'payments-prod2'], client.read);
      expect(code).not.toBe(0);
      expect((stdout + stderr).replaceAll('\\"', '"')).toMatch(
        /configmaps "settings" is forbidden: User "[^"]*payments-prod2[^"]*" cannot get/,
      );
    });

    it.each<[string, readonly string[], Record<string, string>, RegExp]>([
      [
        'another audience',
        [],
        { TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE: 'another' },
        /oidc: expected audience \\?"kubernetes\\?" got \[\\?"another\\?"\]/,
      ],
      ['another project', ['--project', 'shop'], {}, /project must be payments/],
    ])('of %s is refused, and told why', async (_, args, more, why) => {
      const { stderr, code } = await exec(['--phase', 'plan', ...args], client.read, more);
      expect(code).not.toBe(0);
      const [told, explanation = ''] = stderr.split("error: kubernetes refused this phase's token");
      expect(told).toMatch(client.refused);
      expect(explanation).toMatch(why);
      expect(explanation).toMatch(/likely: +1\. /);
      expect(stderr).not.toMatch(token);
    });

    it('is refused once the token has ended', async () => {
      // The token must last for the whole phase, since nobody reads it again; so it is the cluster that comes later.
      await using _later = await openLater(story);
      const { stderr, code } = await story.hallpass(
        ['exec', '--phase', 'plan', '--', requireProgram(client.program), ...client.read],
        { env },
      );
      expect(code).not.toBe(0);
      const [told, explanation = ''] = stderr.split("error: kubernetes refused this phase's token");
      expect(told).toMatch(client.refused);
      expect(explanation).toMatch(/oidc: token is expired \(Token Expiry: /);
    });
  });
}

describe('a token file that changes while a client runs', () => {
  let issuer: TestIssuer;
  let sandbox: Sandbox;
  let directory: string;
  const file = (name: string): string => join(directory, name);
  const write = async (claims: Record<string, unknown> = {}): Promise<void> =>
    writeFileSync(file('token'), await issuer.sign({ aud: 'kubernetes', ...claims }), { mode: 0o600 });

  beforeAll(async () => {
    directory = temporaryDirectory('kubeconfig');
    issuer = await openTestIssuer({ key: await testKey() });
    const kubernetes = kubernetesPart(issuer.url, [bound('both', 'view', `${testSubject}-later`)]);
    sandbox = await openSandbox({
      config: await readSandboxConfig(JSON.stringify({ kubernetes }), directory),
      log: () => {},
    });
    const { KUBE_HOST: server, KUBE_CLUSTER_CA_CERT_DATA: ca } = sandbox.environment;
    const name = 'h';
    const cluster = { server, 'certificate-authority-data': Buffer.from(ca!).toString('base64') };
    writeFileSync(
      file('kubeconfig'),
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name, cluster }],
        users: [{ name, user: { tokenFile: file('token') } }],
        contexts: [{ name, context: { cluster: name, user: name } }],
        'current-context': name,
      }),
    );
  });
  afterAll(async () => {
    await sandbox.close();
    await issuer.close();
  });

  /** Runs a client that goes on after each line of input; gives what it said before and after the token changed. */
  async function beforeAndAfter(command: string, args: readonly string[]): Promise<string[]> {
    await write();
    const child = spawn(command, args, {
      env: cleanEnvironment({ ...env, KUBECONFIG: file('kubeconfig') }),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    const closed = once(child, 'close');
    await once(child.stdout, 'data');
    await write({ sub: `${testSubject}-later` });
    child.stdin.end('\n');
    await closed;
    return said.trim().split('\n');
  }

  describeWith(['kubectl'], 'kubectl', () => {
    it('reads it again with each command', async () => {
      const [whoAmI] = [clients[0]!.whoAmI.map((part) => `'${part}'`).join(' ')];
      const script = `kubectl ${whoAmI}; echo; read -r line; kubectl ${whoAmI}; echo`;
      expect(await beforeAndAfter('sh', ['-c', script])).toEqual([testSubject, `${testSubject}-later`]);
    });
  });

  describeWith(['python-kubernetes'], "Python's kubernetes", () => {
    it('keeps the one that it read first', async () => {
      const [, setUp] = python('');
      const ask = 'print(a.create_self_subject_review({}).status.user_info.username, flush=True)';
      const code = `${setUp}\na = client.AuthenticationV1Api()\n${ask}\ninput()\n${ask}`;
      const said = await beforeAndAfter(requireProgram('python-kubernetes'), ['-c', code]);
      expect(said).toEqual([testSubject, testSubject]);
    });
  });
});
