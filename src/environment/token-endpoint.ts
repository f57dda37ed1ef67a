import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { leaseRecord } from '../audit/event-members.ts';
import type { AuditLog } from '../audit/log.ts';
import type { CredentialRequest, TokenEndpoint } from '../domain/credential.ts';
import type { Problem } from '../domain/errors.ts';
import type { Lease } from '../domain/lease.ts';
import { printable } from '../domain/printable.ts';
import { Secret } from '../domain/secret.ts';
import type { IdentityToken } from '../domain/token.ts';
import { Turns } from './turns.ts';

/** What an endpoint hands out, and to whom it tells. */
export interface TokenEndpointOf {
  readonly request: CredentialRequest;
  readonly lease: Lease;
  readonly audit: AuditLog;
  /** Mints a token for the request's own audience; audited by the issuer. */
  readonly mint: () => Promise<IdentityToken>;
  readonly warn: (problem: Problem) => void;
}

/** A token endpoint that is being served. */
export interface OpenTokenEndpoint extends TokenEndpoint {
  /** Answers nothing more; calls under way are cut off. */
  close(): Promise<void>;
}

const path = '/token';
/** Of callers that have not shown the bearer yet. */
const strangersAtOnce = 128;
const slowMilliseconds = 5000;
const longestHeader = 8192;
/** A plan of azurerm asks three times within a second. */
const turns = { atOnce: 3, perSecond: 1, mostWaiting: 10 };

/**
 * Serves fresh identity tokens of one configuration on 127.0.0.1, in the form of GitHub's ID-token request:
 * `GET /token?audience=…` with the bearer gives `{ "value": "<token>" }`. One audience, exact `Host`, nothing cached.
 */
export async function openTokenEndpoint(of: TokenEndpointOf): Promise<OpenTokenEndpoint> {
  const bearer = new Secret(randomBytes(32).toString('base64url'));
  const inTurn = new Turns(turns);
  const refusals = new RefusalRecord(of);
  let host = '';
  const answer = async (call: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refusal = judge(call, { host, bearer, audience: of.request.audience });
    if (refusal !== null) return refuse(call, response, refusal, refusals);
    strangers.delete(call.socket);
    const turn = await inTurn.take();
    if (turn === 'closed') return void response.destroy();
    if (turn === 'full') return refuse(call, response, tooMany, refusals);
    const token = await of.mint();
    // The phase has ended meanwhile, and with it the right to a token.
    if (inTurn.isClosed) return void response.destroy();
    send(response, 200, { count: token.compact.reveal().length, value: token.compact.reveal() });
  };
  const server = createServer({
    maxHeaderSize: longestHeader,
    headersTimeout: slowMilliseconds,
    requestTimeout: slowMilliseconds,
    keepAliveTimeout: slowMilliseconds,
    connectionsCheckingInterval: 1000,
  });
  const strangers = letFewStrangersWait(server);
  server.on('request', (call, response) => {
    answer(call, response).catch((error: unknown) => {
      of.warn({ what: `a token for ${of.request.platform} could not be given: ${(error as Error).message}` });
      send(response, 503, { error: 'token_unavailable', message: 'Hallpass could not make a token; it says why' });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // The command keeps Hallpass running, not this.
  server.unref();
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}${path}`,
    bearer,
    close: async () => {
      inTurn.close();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await refusals.close();
    },
  };
}

/**
 * Other users of the machine can open connections, and must not keep the command out with them: when there are too many,
 * the oldest that has not shown the bearer goes. Gives those that have not.
 */
function letFewStrangersWait(server: Server): Set<Socket> {
  const strangers = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    strangers.add(socket.once('close', () => strangers.delete(socket)));
    if (strangers.size <= strangersAtOnce) return;
    const [oldest] = strangers;
    strangers.delete(oldest!);
    oldest!.destroy();
  });
  return strangers;
}

interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly message: string;
}

const tooMany: Refusal = {
  status: 429,
  error: 'too_many_requests',
  message: 'one token a second is given, and too many callers wait for theirs',
};

/** Checks a call, in an order in which a stranger learns no more than that there is a port. Null: it may have a token. */
function judge(
  call: IncomingMessage,
  own: { readonly host: string; readonly bearer: Secret; readonly audience: string },
): Refusal | null {
  // A web page whose name leads here (DNS rebinding) brings its own host.
  if (call.headers.host !== own.host)
    return { status: 421, error: 'wrong_host', message: 'this address is not asked by another name' };
  if (!isBearer(call.headers.authorization, own.bearer))
    return { status: 401, error: 'unauthorized', message: 'the bearer of this phase is missing or wrong' };
  if (call.method !== 'GET') return { status: 405, error: 'method_not_allowed', message: 'only GET' };
  const { target, query } = partsOf(call);
  if (target !== path) return { status: 404, error: 'not_found', message: `only ${path}` };
  const asked = query.getAll('audience');
  // Without one the only audience that there is, as GitHub has a default too.
  if (asked.length === 0 || (asked.length === 1 && asked[0] === own.audience)) return null;
  return {
    status: 403,
    error: 'audience_not_allowed',
    message: `only the audience ${own.audience} is given here`,
  };
}

function isBearer(authorization: string | undefined, bearer: Secret): boolean {
  const given = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
  // Hashes are of one length, whatever was sent.
  return timingSafeEqual(digest(given), digest(bearer.reveal()));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refuse(call: IncomingMessage, response: ServerResponse, refusal: Refusal, record: RefusalRecord): void {
  const { status, error, message } = refusal;
  record.add(`HTTP ${status} (${error})`, askedAudience(call));
  const headers: Record<string, string> = {
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(status === 405 ? { allow: 'GET' } : {}),
    ...(status === 429 ? { 'retry-after': '5' } : {}),
  };
  send(response, status, { error, message }, headers);
}

function askedAudience(call: IncomingMessage): string | null {
  return partsOf(call).query.get('audience');
}

/** By hand: a target such as `//x/token` would be another host to a URL parser. */
function partsOf({ url = '' }: IncomingMessage): { readonly target: string; readonly query: URLSearchParams } {
  const end = url.indexOf('?');
  return end < 0
    ? { target: url, query: new URLSearchParams() }
    : { target: url.slice(0, end), query: new URLSearchParams(url.slice(end + 1)) };
}

function send(
  response: ServerResponse,
  status: number,
  body: Readonly<Record<string, string | number>>,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
    ...headers,
  });
  response.end(JSON.stringify(body));
}

const recordedOneByOne = 10;

/** Refusals in the audit: the first ones each, then their number, so that a flood does not fill the disk. */
class RefusalRecord {
  readonly #of: TokenEndpointOf;
  #count = 0;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(of: TokenEndpointOf) {
    this.#of = of;
  }

  add(why: string, audience: string | null): void {
    this.#count += 1;
    if (this.#count <= recordedOneByOne) this.#append(`the token endpoint answered ${why}`, audience);
  }

  async close(): Promise<void> {
    const more = this.#count - recordedOneByOne;
    if (more > 0) this.#append(`the token endpoint refused ${more} more ${more === 1 ? 'call' : 'calls'}`, null);
    await this.#writing;
  }

  #append(reason: string, audience: string | null): void {
    const { request, lease, audit, warn } = this.#of;
    const { platform, tag, offered } = request;
    const event = {
      type: 'token_refused',
      outcome: 'refused',
      ...leaseRecord(lease),
      known_by: 'runner',
      platform,
      tag,
      offered,
      audience: printable((audience ?? request.audience).slice(0, 200)),
      code: 'token_endpoint',
      reason,
    } as const;
    this.#writing = this.#writing
      .then(() => audit.append(event))
      .catch((error: unknown) => warn({ what: `a refusal was not recorded: ${(error as Error).message}` }));
  }
}
