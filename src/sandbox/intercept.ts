import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { dirname } from 'node:path';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { Secret } from '../domain/secret.ts';
import type { CertificateAuthority } from './certificates.ts';
import { hostFits } from './host-pattern.ts';
import type { SandboxLogLine } from './log.ts';
import { closeServer, requestListener } from './serve.ts';
import type { StandIn } from './stand-in.ts';

/** What the proxy needs of the sandbox around it. */
export interface InterceptOptions {
  readonly standIns: readonly StandIn[];
  /** Constrained to the hosts of these stand-ins. */
  readonly authority: CertificateAuthority;
  readonly now: () => Date;
  /** Told of every refused tunnel; what goes through one is logged by its stand-in. */
  readonly log: (line: SandboxLogLine) => void;
}

/** A CONNECT proxy on loopback that answers for platforms under their real names. */
export interface Intercept extends AsyncDisposable {
  /** `http://hallpass:SECRET@127.0.0.1:PORT`, for `HTTPS_PROXY`. */
  readonly url: Secret;
}

/** The user of the proxy; `hallpass doctor` knows a left-over variable by it. */
export const proxyUser = 'hallpass';

const mostConnections = 256;
const handshakeMilliseconds = 10_000;
const idleMilliseconds = 120_000;

/**
 * Serves `CONNECT HOST:443` for the hosts of the stand-ins that are open, on loopback, to whoever knows this start's secret.
 * A tunnel ends here: TLS is answered with a certificate for that host, and its requests go to the stand-in. Nothing is ever
 * passed on, so that what no stand-in plays is refused.
 *
 * @see RFC 9110 section 9.3.6 (CONNECT)
 */
export async function openIntercept(options: InterceptOptions): Promise<Intercept> {
  const secret = new Secret(randomBytes(32).toString('base64url'));
  const expected = Buffer.from(`${proxyUser}:${secret.reveal()}`).toString('base64');
  const sockets = new Set<Socket>();
  const tunnels = new WeakMap<object, Tunnel>();
  const inner = createServer((request, response) => {
    const { host, standIn } = tunnels.get(request.socket)!;
    if (!isAddressedTo(request, host)) {
      const body = `This tunnel leads to ${host}; the request names another host.\n`;
      response.writeHead(421, textHeaders(body)).end(body);
      return;
    }
    requestListener(standIn)(request, response);
  });
  const proxy = createServer({ headersTimeout: 10_000, requestTimeout: 30_000 }, (request, response) => {
    const refusal = isKnown(request, expected) ? refusedPlainHttp : refusedStranger;
    log(options, request, refusal);
    response.writeHead(refusal.status, { ...textHeaders(refusal.sentence), ...refusal.headers, connection: 'close' });
    response.end(refusal.sentence);
  });
  proxy.maxConnections = mostConnections;
  proxy.on('connection', (socket: Socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    socket.setTimeout(idleMilliseconds, () => socket.destroy());
  });
  proxy.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const decision = isKnown(request, expected) ? decide(request.url ?? '', options.standIns) : refusedStranger;
    if ('status' in decision) {
      log(options, request, decision);
      refuse(socket, decision);
      return;
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    // A client need not wait for the answer before it starts TLS.
    if (head.length > 0) socket.unshift(head);
    answerTls(socket, decision, options.authority, (tls) => {
      tunnels.set(tls, decision);
      inner.emit('connection', tls);
    });
  });
  await new Promise<void>((resolve, reject) => {
    proxy.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = proxy.address() as AddressInfo;
  return {
    url: new Secret(`http://${proxyUser}:${secret.reveal()}@127.0.0.1:${port}`),
    async [Symbol.asyncDispose]() {
      inner.closeAllConnections();
      const closed = closeServer(proxy);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Variables that lead real clients through the proxy, and make them trust the sandbox's CA and nobody else. */
export function interceptEnvironment({ url }: Intercept, caFile: string): Readonly<Record<string, string>> {
  const rest = 'localhost,127.0.0.1,::1';
  return {
    HTTPS_PROXY: url.reveal(),
    // curl and Python's clients look at this one first.
    https_proxy: url.reveal(),
    NO_PROXY: rest,
    no_proxy: rest,
    // Go and OpenSSL, so Terraform and its providers, and Python.
    SSL_CERT_FILE: caFile,
    // Go would add what the machine trusts.
    SSL_CERT_DIR: dirname(caFile),
    REQUESTS_CA_BUNDLE: caFile,
    CURL_CA_BUNDLE: caFile,
    AWS_CA_BUNDLE: caFile,
    CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE: caFile,
    NODE_EXTRA_CA_CERTS: caFile,
    // Node looks at proxy variables only then; Hallpass itself runs on it.
    NODE_USE_ENV_PROXY: '1',
  };
}

interface Tunnel {
  readonly host: string;
  readonly standIn: StandIn;
}

interface Refusal {
  readonly status: number;
  readonly words: string;
  readonly code: string;
  readonly sentence: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const refusedStranger: Refusal = {
  status: 407,
  words: 'Proxy Authentication Required',
  code: 'WrongProxySecret',
  sentence: "This proxy serves one sandbox only: take HTTPS_PROXY as that start of 'hallpass sandbox' printed it.\n",
  headers: { 'proxy-authenticate': 'Basic realm="hallpass sandbox"' },
};

const refusedPlainHttp: Refusal = {
  status: 403,
  words: 'Forbidden',
  code: 'PlainHttp',
  sentence: 'The sandbox answers CONNECT only: platforms are reached over https.\n',
};

function decide(target: string, standIns: readonly StandIn[]): Tunnel | Refusal {
  const [, name, port] = /^([A-Za-z0-9.-]{1,253}):(\d{1,5})$/.exec(target) ?? [];
  const host = name?.toLowerCase();
  const standIn =
    host === undefined ? undefined : standIns.find(({ hosts }) => hosts.some((one) => hostFits(host, one)));
  if (host !== undefined && standIn !== undefined && port === '443') return { host, standIn };
  const played = standIns.flatMap(({ hosts }) => hosts).join(', ');
  return {
    status: 403,
    words: 'Forbidden',
    code: standIn === undefined ? 'HostNotPlayed' : 'PortNotPlayed',
    sentence: `The sandbox plays ${played || 'no host'} on port 443, and passes nothing on to other places.\n`,
  };
}

/** In constant time: only the secret tells who may use the proxy. */
function isKnown(request: IncomingMessage, expected: string): boolean {
  const [, given = ''] = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(request.headers['proxy-authorization'] ?? '') ?? [];
  return timingSafeEqual(sha256(given), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Becomes the server of a tunnel's TLS; the name that the client asks for must be the tunnel's. */
function answerTls(
  socket: Socket,
  { host }: Tunnel,
  authority: CertificateAuthority,
  onSecure: (tls: TLSSocket) => void,
): void {
  const tls = new TLSSocket(socket, {
    isServer: true,
    ALPNProtocols: ['http/1.1'],
    SNICallback(asked, answer: (error: Error | null, context?: SecureContext) => void) {
      if (asked.toLowerCase() !== host) return answer(new Error('another name than the tunnel has'));
      authority
        .certificateFor(host)
        .then((certificate) => answer(null, createSecureContext({ ...certificate, minVersion: 'TLSv1.2' })))
        .catch(answer);
    },
  });
  const tooSlow = setTimeout(() => socket.destroy(), handshakeMilliseconds);
  tls.once('close', () => clearTimeout(tooSlow));
  tls.on('error', () => socket.destroy());
  // Nothing flows before the handshake is done, so that an end would not be noticed.
  const leave = () => socket.destroy();
  tls.once('end', leave).resume();
  tls.once('secure', () => {
    clearTimeout(tooSlow);
    tls.pause().off('end', leave);
    // A client that asks for no name has not been shown a certificate either.
    if ((tls as { servername?: unknown }).servername === undefined) socket.destroy();
    else onSecure(tls);
  });
}

/** Whether there is one `Host`, and it is that of the tunnel. */
function isAddressedTo(request: IncomingMessage, host: string): boolean {
  const named = request.headersDistinct['host'] ?? [];
  return named.length === 1 && [host, `${host}:443`].includes(named[0]!.toLowerCase());
}

function refuse(socket: Socket, { status, words, sentence, headers }: Refusal): void {
  const lines = Object.entries({ ...textHeaders(sentence), ...headers, connection: 'close' });
  socket.end(
    [`HTTP/1.1 ${status} ${words}`, ...lines.map(([name, value]) => `${name}: ${value}`), '', sentence].join('\r\n'),
  );
  // Whatever the client sends after a refusal is read by nobody.
  socket.resume();
}

function textHeaders(body: string): Record<string, string> {
  return { 'content-type': 'text/plain; charset=utf-8', 'content-length': String(Buffer.byteLength(body)) };
}

function log({ log: tell, now }: InterceptOptions, request: IncomingMessage, refusal: Refusal): void {
  tell({
    at: now().toISOString(),
    request_id: randomBytes(8).toString('hex'),
    platform: 'intercept',
    action: request.method ?? '?',
    role: null,
    principal: refusal === refusedStranger ? null : proxyUser,
    // The address of a plain http request may hold a secret.
    resource: request.method === 'CONNECT' ? (request.url ?? null) : null,
    outcome: 'refused',
    status: refusal.status,
    code: refusal.code,
    message: refusal.sentence.trim(),
    reasons: [],
    checks: [],
    expires_at: null,
  });
}
