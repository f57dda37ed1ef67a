import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testCli } from '../../../test/support/cli.ts';
import { freePort } from '../../../test/support/servers.ts';
import { temporaryDirectory } from '../../../test/support/temporary-directory.ts';

async function problems(environment: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { stdout } = await testCli(environment).run(['doctor', '--json']);
  const { findings } = JSON.parse(stdout) as { findings: { check: string; state: string; what: string }[] };
  return findings.filter(({ check, state }) => check === 'variables' && state === 'problem').map(({ what }) => what);
}

describe('variables of a sandbox', () => {
  it('are a problem when its proxy has ended, and the secret is not shown', async () => {
    const port = await freePort();
    const [what, ...rest] = await problems({ HTTPS_PROXY: `http://hallpass:s3cret@127.0.0.1:${port}` });
    expect(rest).toEqual([]);
    expect(what).toBe(
      `HTTPS_PROXY leads to the proxy of a sandbox that has ended: nobody listens on 127.0.0.1:${port}`,
    );
  });

  it('are none while it runs', async () => {
    await using server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await problems({ https_proxy: `http://hallpass:s3cret@127.0.0.1:${port}` })).toEqual([]);
  });

  it.each([
    'http://proxy.example.com:8080',
    'http://somebody:x@127.0.0.1:9',
    'http://hallpass:x@192.0.2.1:9',
    'not a URL',
  ])('are none where the proxy is another: %s', async (HTTPS_PROXY) =>
    expect(await problems({ HTTPS_PROXY })).toEqual([]),
  );

  it('are a problem when its certificate is gone', async () => {
    const file = join(temporaryDirectory('leftover'), 'ca.pem');
    const environment = { SSL_CERT_FILE: file, AWS_CA_BUNDLE: file };
    expect(await problems(environment)).toEqual([
      `SSL_CERT_FILE names ${file}, which does not exist: clients will trust nobody`,
      `AWS_CA_BUNDLE names ${file}, which does not exist: clients will trust nobody`,
    ]);
    writeFileSync(file, '');
    expect(await problems(environment)).toEqual([]);
  });
});
