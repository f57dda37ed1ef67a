import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hallpass, startHallpass } from '../support/hallpass.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const guides = join(import.meta.dirname, '../../docs/guides');

/** Starts the sandbox on a configuration, waits until it is ready, and gives what it said. */
async function start(config: object, flags: string[] = []) {
  const directory = temporaryDirectory('sandbox');
  writeFileSync(join(directory, 'sandbox.yaml'), JSON.stringify(config));
  const child = startHallpass(['sandbox', '--config', 'sandbox.yaml', ...flags], { cwd: directory });
  const output = { stdout: '', stderr: '' };
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  await once(child.stdout!, 'data');
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    const exited = once(child, 'close');
    child.kill(signal);
    return ((await exited) as [number | null])[0];
  };
  return { directory, output, stop };
}

describe('hallpass sandbox', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`prints one JSON line when ready, serves, and ends with 0 on ${signal}`, async () => {
      const { output, stop, directory } = await start({ aws: { region: 'eu-west-1' } }, [
        '--json',
        '--log',
        'log.jsonl',
      ]);
      const { ready, endpoints, environment } = JSON.parse(output.stdout) as Record<string, Record<string, string>>;
      expect(output.stdout.match(/\n/g)).toHaveLength(1);
      expect(ready).toBe(true);
      expect(environment).toEqual({
        AWS_ENDPOINT_URL: endpoints!['aws'],
        AWS_ENDPOINT_URL_STS: endpoints!['aws'],
        AWS_REGION: 'eu-west-1',
        AWS_DEFAULT_REGION: 'eu-west-1',
        AWS_EC2_METADATA_DISABLED: 'true',
      });
      expect(
        (
          await fetch(endpoints!['aws']!, {
            method: 'POST',
            body: new URLSearchParams({ Action: 'GetCallerIdentity', Version: '2011-06-15' }),
          })
        ).status,
      ).toBe(403);
      expect(await stop(signal)).toBe(0);
      const log = readFileSync(join(directory, 'log.jsonl'), 'utf8');
      expect(log).toBe(output.stderr);
      expect(JSON.parse(log)).toMatchObject({ action: 'sts:GetCallerIdentity', code: 'MissingAuthenticationToken' });
      expect(statSync(join(directory, 'log.jsonl')).mode & 0o777).toBe(0o600);
    });
  }

  it('prints lines to copy for people, and sentences as its log', async () => {
    const { output, stop } = await start({ aws: { session_seconds: 10 } });
    expect(output.stdout).toContain('The AWS stand-in plays account 111122223333 with 0 roles at http://127.0.0.1:');
    expect(output.stdout).toContain(
      'Credentials end after 10 s, whatever the caller asks for (AWS never gives less than 900 s).',
    );
    const endpoint = /^export AWS_ENDPOINT_URL=(.*)$/m.exec(output.stdout)![1]!;
    await fetch(endpoint);
    expect(await stop('SIGTERM')).toBe(0);
    expect(output.stderr).toMatch(
      /^\d\d:\d\d:\d\d refused {2}\?:GET request by somebody without credentials: 400 MissingAction/,
    );
    expect(output.stderr).toContain('\n           because the stand-in knows sts:AssumeRoleWithWebIdentity');
  });

  it('serves over https with a certificate that it names, and with --intercept under real names', async () => {
    const authentication = {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: [
        {
          issuer: { url: 'http://127.0.0.1:9', audiences: ['kubernetes'] },
          claimMappings: { username: { claim: 'sub', prefix: '' } },
        },
      ],
    };
    const { output, stop } = await start({ aws: {}, kubernetes: { authentication } }, ['--intercept']);
    const { stdout } = output;
    expect(stdout).toMatch(
      /^The Kubernetes stand-in plays a cluster that trusts 1 issuer at https:\/\/localhost:\d+,/m,
    );
    expect(stdout).toMatch(/^Its certificates end at \d{4}-.*; start it again for new ones\.$/m);
    expect(stdout).toMatch(/^export HTTPS_PROXY=http:\/\/hallpass:[\w-]{43}@127\.0\.0\.1:\d+$/m);
    // A certificate has several lines, and is copied as one word.
    expect(stdout).toMatch(/^export KUBE_CLUSTER_CA_CERT_DATA='-----BEGIN CERTIFICATE-----\n[^']*-----\n'$/m);
    expect(stdout).not.toContain('AWS_ENDPOINT_URL');
    const caFile = /^export SSL_CERT_FILE=(.*)$/m.exec(stdout)![1]!;
    expect(statSync(caFile).isFile()).toBe(true);
    expect(await stop('SIGTERM')).toBe(0);
    expect(() => statSync(caFile)).toThrow('ENOENT');
  });

  it('prints the JSON Schema of its file', async () => {
    const { stdout, code } = await hallpass(['sandbox', '--schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'object',
      properties: { aws: { type: 'object' } },
      additionalProperties: false,
    });
  });

  it.each(readdirSync(guides).flatMap((page) => /^sandbox-(\w+)\.md$/.exec(page)?.[1] ?? []))(
    'has every key of the part %s explained in its guide',
    async (part) => {
      const { properties } = JSON.parse((await hallpass(['sandbox', '--schema'])).stdout) as {
        properties: Record<string, { properties: Record<string, object> }>;
      };
      const guide = readFileSync(join(guides, `sandbox-${part}.md`), 'utf8');
      const keys = Object.keys(properties[part]!.properties);
      expect(keys.filter((key) => !guide.includes(`| \`${key}\` |`))).toEqual([]);
    },
  );

  it('takes the example of the repository as it is', async () => {
    const example = readFileSync(new URL('../../examples/sandbox.yaml', import.meta.url), 'utf8');
    const { readSandboxConfig } = await import('../../src/sandbox/config.ts');
    const { aws } = await readSandboxConfig(example, '/');
    expect(aws!.roles.map(({ name }) => name)).toEqual(['payments-plan', 'payments-apply']);
  });

  it('refuses a misspelt key with its place and the nearest known one', async () => {
    const directory = temporaryDirectory('sandbox');
    writeFileSync(join(directory, 'sandbox.yaml'), 'aws:\n  regoin: us-east-1\n');
    const { stdout, stderr, code } = await hallpass(['sandbox', '--config', 'sandbox.yaml'], { cwd: directory });
    expect({ stdout, stderr, code }).toEqual({
      stdout: '',
      stderr: 'error: aws.regoin is not a known key\n  where: sandbox.yaml:2:3\n  hint:  did you mean region?\n',
      code: 1,
    });
  });

  it('needs a configuration, and says where to find one', async () => {
    const { stderr, code } = await hallpass(['sandbox']);
    expect(stderr).toContain('hint:  give --config FILE; examples/sandbox.yaml is one to start from');
    expect(code).toBe(2);
  });

  it('says that its configuration is not there', async () => {
    const { stderr, code } = await hallpass(['sandbox', '--config', 'nowhere.yaml']);
    expect(stderr).toContain('ENOENT');
    expect(code).toBe(1);
  });

  it('says that its port is taken', async () => {
    const first = await start({ aws: {} }, ['--json']);
    const { port } = new URL((JSON.parse(first.output.stdout) as { endpoints: { aws: string } }).endpoints.aws);
    const directory = temporaryDirectory('sandbox');
    writeFileSync(join(directory, 'sandbox.yaml'), JSON.stringify({ aws: { port: Number(port) } }));
    const { stderr, code } = await hallpass(['sandbox', '--config', 'sandbox.yaml'], { cwd: directory });
    await first.stop('SIGTERM');
    expect(stderr).toContain('EADDRINUSE');
    expect(code).toBe(1);
  });
});
