import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { assert, asyncProperty, stringMatching } from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { readSandboxConfig } from './config.ts';
import type { SandboxLogLine } from './log.ts';
import { openSandbox, type Sandbox } from './open.ts';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

const log: SandboxLogLine[] = [];
let sandbox: Sandbox;
let proxy: URL;
let ca: string;

beforeAll(async () => {
  const config = await readSandboxConfig('aws: { account: "111122223333" }', '/');
  sandbox = await openSandbox({ config, intercept: true, log: (line) => log.push(line) });
  proxy = new URL(sandbox.environment['HTTPS_PROXY']!);
  ca = await readFile(sandbox.environment['SSL_CERT_FILE']!, 'utf8');
});
afterAll(() => sandbox.close());
beforeEach(() => void (log.length = 0));

const sts = 'sts.amazonaws.com';

interface Ask {
  readonly method?: string;
  readonly target?: string;
  readonly user?: string;
  /** The line as a whole; undefined is the right one, null none. */
  readonly authorization?: string | null;
}

function dial(): Socket {
  const socket = connectTcp({ host: '127.0.0.1', port: Number(proxy.port) });
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Sends the head of a proxy request, and gives the head of the answer. */
async function ask(asked: Ask = {}): Promise<{ socket: Socket; answer: string }> {
  const socket = dial();
  socket.write(headOf(asked));
  return { socket, answer: await untilHead(socket) };
}

function headOf({ method = 'CONNECT', target = `${sts}:443`, user = 'hallpass', authorization }: Ask): string {
  const basic = `Basic ${Buffer.from(`${user}:${proxy.password}`).toString('base64')}`;
  const line = authorization === null ? [] : [`proxy-authorization: ${authorization ?? basic}`];
  return [`${method} ${target} HTTP/1.1`, `host: ${target}`, ...line, '', ''].join('\r\n');
}

async function untilHead(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  while (!text.includes('\r\n\r\n')) await Promise.race([once(socket, 'data'), once(socket, 'close').then(ended)]);
  socket.removeAllListeners('data');
  return text;
}

function ended(): never {
  throw new Error('the connection ended');
}

async function tls(socket: Socket, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const secure = connectTls({ socket, servername: sts, ca, ...options });
  onTestFinished(() => void secure.destroy());
  await once(secure, 'secureConnect');
  return secure;
}

async function request(secure: TLSSocket, host: string): Promise<string> {
  secure.write(`GET /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1\r\n${host}\r\n`);
  return untilHead(secure);
}

/** What came of a handshake: trusted, or the error's name. */
async function handshake(options: ConnectionOptions): Promise<string> {
  const { socket } = await ask();
  try {
    await tls(socket, options);
    return 'trusted';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
}

describe('the environment under --intercept', () => {
  it('leads through the proxy and trusts the CA alone, with no variable of the stand-in', () => {
    const { environment } = sandbox;
    const caFile = environment['SSL_CERT_FILE'];
    expect(environment).toEqual({
      HTTPS_PROXY: expect.stringMatching(/^http:\/\/hallpass:[\w-]{43}@127\.0\.0\.1:\d+$/),
      https_proxy: environment['HTTPS_PROXY'],
      NO_PROXY: 'localhost,127.0.0.1,::1',
      no_proxy: 'localhost,127.0.0.1,::1',
      SSL_CERT_FILE: caFile,
      SSL_CERT_DIR: dirname(caFile!),
      REQUESTS_CA_BUNDLE: caFile,
      CURL_CA_BUNDLE: caFile,
      AWS_CA_BUNDLE: caFile,
      CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE: caFile,
      NODE_EXTRA_CA_CERTS: caFile,
      NODE_USE_ENV_PROXY: '1',
    });
    expect(ca.match(/BEGIN/g)).toHaveLength(1);
  });

  it('keeps the certificate in a directory of its own, which goes with the sandbox', async () => {
    const config = await readSandboxConfig('aws: {}', '/');
    const other = await openSandbox({ config, intercept: true, log: () => {} });
    const directory = dirname(other.environment['SSL_CERT_FILE']!);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(other.environment['HTTPS_PROXY']).not.toContain(proxy.password);
    await other.close();
    await expect(stat(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a tunnel', () => {
  it.each([sts, 'sts.eu-west-1.amazonaws.com', 'ssm.us-east-1.amazonaws.com', 'STS.AmazonAWS.com'])(
    'to %s is answered by the stand-in',
    async (host) => {
      const { socket, answer } = await ask({ target: `${host}:443` });
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      const secure = await tls(socket, { servername: host.toLowerCase() });
      expect(await request(secure, `Host: ${host}\r\n`)).toMatch(/^HTTP\/1\.1 40[03] [^]*x-amzn-requestid/i);
      expect(log).toHaveLength(1);
      expect(log[0]).toMatchObject({ platform: 'aws', outcome: 'refused' });
    },
  );

  it('serves several requests', async () => {
    const secure = await tls((await ask()).socket);
    for (let count = 0; count < 3; count += 1) {
      const answer = await request(secure, `Host: ${sts}:443\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    }
    expect(log).toHaveLength(3);
  });

  it('takes a client that starts TLS without waiting for the answer', async () => {
    const early = connectTls({ host: '127.0.0.1', port: Number(proxy.port), servername: sts, ca });
    early.on('error', () => undefined).destroy();
    const socket = dial();
    await once(socket, 'connect');
    // The hello of a client whose socket writes nowhere yet is taken down, and sent together with CONNECT.
    const hello = await clientHello();
    socket.write(Buffer.concat([Buffer.from(headOf({})), hello]));
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    // 22 is a handshake record: the server's hello follows the head of the answer.
    while (!received.includes(Buffer.from('\r\n\r\n\u0016\u0003'))) await once(socket, 'data');
    expect(received.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('offers no HTTP/2, which it does not speak', async () => {
    const secure = await tls((await ask()).socket, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(secure.alpnProtocol).toBe('http/1.1');
  });

  it.each([
    ['another host', `Host: ssm.us-east-1.amazonaws.com\r\n`],
    ['a host beside', `Host: ${sts}\r\nHost: example.com\r\n`],
    ['another port', `Host: ${sts}:444\r\n`],
    ['an address', `Host: 127.0.0.1\r\n`],
  ])('refuses a request for %s', async (_, host) => {
    const secure = await tls((await ask()).socket);
    expect(await request(secure, host)).toMatch(/^HTTP\/1\.1 4(?:21 |00 )/);
    expect(log).toEqual([]);
  });

  it('refuses a tunnel inside it', async () => {
    const secure = await tls((await ask()).socket);
    secure.on('error', () => undefined).write(`CONNECT example.com:443 HTTP/1.1\r\nHost: ${sts}\r\n\r\n`);
    await once(secure.resume(), 'close');
    expect(log).toEqual([]);
  });

  it('ends when the name that TLS asks for is another one', async () => {
    expect(await handshake({ servername: 'ssm.us-east-1.amazonaws.com' })).not.toBe('trusted');
    expect(await handshake({ servername: 'example.com' })).not.toBe('trusted');
  });

  it('ends when TLS asks for no name', async () => {
    expect(await handshake({ servername: '', checkServerIdentity: () => undefined })).not.toBe('trusted');
  });

  it('ends when what comes is no TLS', async () => {
    const { socket } = await ask();
    socket.on('error', () => undefined).write('GET / HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n');
    await once(socket.resume(), 'close');
    expect(log).toEqual([]);
  });

  it('ends when the client ends its half of it', async () => {
    const { socket } = await ask();
    socket.on('error', () => undefined).end();
    await once(socket.resume(), 'close');
    expect(log).toEqual([]);
  });

  it('is not trusted by whoever does not know the CA', async () => {
    expect(await handshake({ ca: [] })).toMatch(/UNABLE_TO|SELF_SIGNED/);
  });

  it('does not outlive a client that goes away', async () => {
    for (let count = 0; count < 20; count += 1) (await ask()).socket.destroy();
    for (let count = 0; count < 20; count += 1) (await tls((await ask()).socket)).destroy();
    expect((await ask()).answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('the proxy refuses', () => {
  it.each([
    ['no secret', null],
    ['an empty one', ''],
    ['another one', `Basic ${Buffer.from('hallpass:x').toString('base64')}`],
    ['a bearer', 'Bearer x'],
    ['no base64', 'Basic %%%'],
  ])('%s with 407', async (_, authorization) => {
    const { answer } = await ask({ authorization });
    expect(answer).toMatch(/^HTTP\/1\.1 407 /);
    expect(answer.toLowerCase()).toContain('proxy-authenticate: basic realm="hallpass sandbox"');
    expect(log).toMatchObject([{ platform: 'intercept', code: 'WrongProxySecret', status: 407, principal: null }]);
  });

  it('the secret under another user, or a part of it', async () => {
    expect((await ask({ user: 'somebody' })).answer).toMatch(/ 407 /);
    const short = Buffer.from(`hallpass:${proxy.password.slice(0, -1)}`).toString('base64');
    expect((await ask({ authorization: `Basic ${short}` })).answer).toMatch(/ 407 /);
  });

  it.each([
    's3.amazonaws.com:443',
    'example.com:443',
    'amazonaws.com:443',
    'sts.amazonaws.com.:443',
    'sts.a.b.amazonaws.com:443',
    '127.0.0.1:443',
    '[::1]:443',
    'localhost:443',
    'sts.amazonaws.com:',
    'sts.amazonaws.com:443:443',
    'user@sts.amazonaws.com:443',
  ])('%s, which nobody plays', async (target) => {
    const { answer, socket } = await ask({ target });
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain(
      'The sandbox plays sts.amazonaws.com, sts.*.amazonaws.com, ssm.*.amazonaws.com on port 443',
    );
    expect(log).toMatchObject([{ code: 'HostNotPlayed', resource: target, principal: 'hallpass' }]);
    await once(socket.resume(), 'close');
  });

  it.each(['80', '0', '444', '8443', '00443'])('port %s of a host that is played', async (port) => {
    expect((await ask({ target: `${sts}:${port}` })).answer).toMatch(/ 403 /);
    expect(log).toMatchObject([{ code: 'PortNotPlayed' }]);
  });

  it.each(['GET', 'POST', 'HEAD'])('plain http with %s, and does not fetch it', async (method) => {
    const { answer } = await ask({ method, target: `http://127.0.0.1:${proxy.port}/?secret=x` });
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(log).toMatchObject([{ code: 'PlainHttp' }]);
    expect(JSON.stringify(log)).not.toContain('secret=x');
  });

  it('any target that is not the name of a stand-in', async () => {
    const target = stringMatching(/^[a-z0-9.:*-]{1,40}$/);
    await assert(
      asyncProperty(target, async (text) => {
        expect((await ask({ target: text })).answer).toMatch(/^HTTP\/1\.1 40[03] /);
      }),
      { numRuns: 50 },
    );
  });

  it('more than 256 connections at a time, and goes on when they are gone', async () => {
    const many = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const socket = dial().on('error', () => undefined);
        await once(socket, 'connect');
        return socket;
      }),
    );
    await expect.poll(() => many.filter(({ closed }) => closed).length).toBeGreaterThanOrEqual(44);
    for (const socket of many) socket.destroy();
    await expect
      .poll(async () =>
        ask().then(
          ({ answer }) => answer,
          () => 'closed',
        ),
      )
      .toMatch(/ 200 /);
  });

  it('never writes its secret to the log', async () => {
    await ask({ target: 'example.com:443' });
    await ask({ user: 'somebody' });
    expect(JSON.stringify(log)).not.toContain(proxy.password);
  });
});

/** The first bytes that a TLS client sends. */
async function clientHello(): Promise<Buffer> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = connectTls({ host: '127.0.0.1', port, servername: sts, ca }).on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  server.close();
  return hello;
}
