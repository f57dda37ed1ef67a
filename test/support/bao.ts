import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { request as open, type IncomingMessage } from 'node:http';
import { request as openTls } from 'node:https';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanEnvironment } from './hallpass.ts';
import { requireProgram } from './programs.ts';
import { freePort } from './servers.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** What OpenBao answered. */
export interface BaoAnswer {
  readonly status: number;
  /** `null` where there is no body. */
  readonly body: {
    readonly data?: Record<string, unknown>;
    readonly auth?: { readonly client_token: string; readonly accessor: string };
    readonly errors?: readonly string[];
    readonly [member: string]: unknown;
  } | null;
}

/** A real OpenBao in dev mode on loopback; leaving the scope ends it, and so does the end of this process. */
export interface Bao extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** PEM of its private CA; null without TLS. */
  readonly ca: string | null;
  readonly unsealKey: string;
  /** One call of the API as root, or with another token; `namespace` goes into its header. */
  call(
    method: string,
    path: string,
    body?: unknown,
    how?: { readonly token?: string; readonly namespace?: string },
  ): Promise<BaoAnswer>;
  /** The same; anything but success is an error. */
  set(method: string, path: string, body?: unknown, namespace?: string): Promise<BaoAnswer>;
}

export const rootToken = 'root-of-a-test';

/** Starts `bao server -dev`; nothing of it is kept. */
export async function startBao(options: { readonly tls?: boolean } = {}): Promise<Bao> {
  const home = temporaryDirectory('bao');
  const port = await freePort();
  const certificates = join(home, 'tls');
  mkdirSync(certificates);
  const args = [
    'server',
    '-dev',
    '-dev-no-store-token',
    `-dev-root-token-id=${rootToken}`,
    `-dev-listen-address=127.0.0.1:${port}`,
    ...(options.tls ? ['-dev-tls', `-dev-tls-cert-dir=${certificates}`] : []),
  ];
  // The shell ends it when this process is gone, and with it the pipe.
  const script = '"$@" </dev/null & pid=$!; cat >/dev/null; kill "$pid"; wait "$pid"';
  const child = spawn('sh', ['-c', script, 'sh', requireProgram('bao'), ...args], {
    env: cleanEnvironment({ HOME: home }),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const close = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
    rmSync(home, { recursive: true, force: true });
  };
  for (let tries = 0; !output.includes('Root Token: '); tries += 1) {
    if (tries > 400 || child.exitCode !== null) {
      await close();
      throw new Error(`bao server did not start: ${output.slice(-2000)}`);
    }
    await delay(50);
  }
  const ca = options.tls ? readFileSync(join(certificates, 'vault-ca.pem'), 'utf8') : null;
  const address = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const call: Bao['call'] = (method, path, body, { token = rootToken, namespace } = {}) =>
    send(`${address}/v1/${path}`, { method, body, token, namespace, ca });
  return {
    address,
    port,
    ca,
    unsealKey: /^Unseal Key: (\S+)$/m.exec(output)![1]!,
    call,
    async set(method, path, body, namespace) {
      const answer = await call(method, path, body, namespace === undefined ? {} : { namespace });
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer;
    },
    [Symbol.asyncDispose]: close,
  };
}

interface Sent {
  readonly method: string;
  readonly body: unknown;
  readonly token: string;
  readonly namespace: string | undefined;
  readonly ca: string | null;
}

async function send(url: string, { method, body, token, namespace, ca }: Sent): Promise<BaoAnswer> {
  const headers = { 'x-vault-token': token, ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }) };
  const request = ca === null ? open(url, { method, headers }) : openTls(url, { method, headers, ca });
  request.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const text = (await response.toArray()).join('');
  return { status: response.statusCode!, body: text === '' ? null : (JSON.parse(text) as BaoAnswer['body']) };
}
