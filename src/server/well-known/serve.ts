import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '../../domain/errors.ts';
import { errnoOf } from '../../files/file-failure.ts';
import { wellKnownPaths, type IssuerDocuments } from '../../identity/discovery.ts';

export interface WellKnownOptions {
  /** Port 0 picks a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /**
   * Asked with the server's own URL, once it listens, and again when an answer is older than a quarter of a second, so
   * that a dropped key leaves soon.
   */
  readonly documents: (url: string) => Promise<IssuerDocuments> | IssuerDocuments;
  /** Path of the issuer URL, such as `/team`; the documents lie below it. */
  readonly issuerPath?: string;
}

export interface WellKnownServer {
  /** `http://HOST:PORT`, without the issuer's path. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Everything about an answer that does not depend on the request. */
interface Answer {
  readonly body: string;
  readonly etag: string;
  readonly full: readonly string[];
  readonly unchanged: readonly string[];
}

const freshMilliseconds = 250;

/**
 * Serves discovery document and keys over plain HTTP, from memory, and nothing else: no file is looked up, nothing of the
 * request is echoed, no URL is made from `Host`.
 *
 * @throws {AppError} `listen_failed` when the address cannot be used
 */
export async function serveWellKnown(options: WellKnownOptions): Promise<WellKnownServer> {
  const { host } = options.listen;
  let opening: Promise<Site> | undefined;
  let site: Site | undefined;
  const server = createServer(
    { keepAliveTimeout: 65_000, requestTimeout: 10_000, optimizeEmptyRequests: true },
    (request, response) => {
      if (site?.isFresh()) answer(request, response, site.answers());
      else void answerLater(opening!, request, response);
    },
  );
  const { port } = await listen(server, options.listen);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  try {
    opening = openSite(() => options.documents(url), options.issuerPath);
    site = await opening;
  } catch (error) {
    await close(server);
    throw error;
  }
  return { url, port, close: () => close(server) };
}

/** A request in the first moment waits for the documents; one that finds them old waits for new ones. */
async function answerLater(opening: Promise<Site>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const site = await opening;
    if (!site.isFresh()) await site.refresh();
    answer(request, response, site.answers());
  } catch {
    refuse(response, 503, 'no documents');
  }
}

type Answers = ReadonlyMap<string, Answer>;

interface Site {
  answers(): Answers;
  isFresh(): boolean;
  refresh(): Promise<void>;
}

async function openSite(documents: () => Promise<IssuerDocuments> | IssuerDocuments, issuerPath = ''): Promise<Site> {
  let source = await documents();
  let answers = answersFor(source, issuerPath);
  let askedAt = performance.now();
  let asking: Promise<void> | undefined;

  const ask = async (): Promise<void> => {
    try {
      const news = await documents();
      if (news !== source) [source, answers] = [news, answersFor(news, issuerPath)];
    } catch {
      // What was good a moment ago is better for every running job than no keys; the next request asks again.
    }
    askedAt = performance.now();
    asking = undefined;
  };
  return {
    answers: () => answers,
    isFresh: () => performance.now() - askedAt < freshMilliseconds,
    refresh: () => (asking ??= ask()),
  };
}

function answersFor(documents: IssuerDocuments, issuerPath: string): Answers {
  const configuration = answerFor(documents.configuration, documents.maxAgeSeconds);
  const jwks = answerFor(documents.jwks, documents.maxAgeSeconds);
  return new Map([
    [`${issuerPath}${wellKnownPaths.configuration}`, configuration],
    [`${issuerPath}${wellKnownPaths.jwks}`, jwks],
    [`${issuerPath}${wellKnownPaths.jwksJson}`, jwks],
  ]);
}

function answerFor(body: string, maxAgeSeconds: number): Answer {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
  const common = ['ETag', etag, 'Cache-Control', `public, max-age=${maxAgeSeconds}`];
  return {
    // ASCII, as a string: node then sends head and body in one piece.
    body,
    etag,
    full: [...common, 'Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))],
    unchanged: common,
  };
}

function answer(request: IncomingMessage, response: ServerResponse, answers: Answers): void {
  const { method } = request;
  const found = answers.get(pathOf(request.url ?? ''));
  if (found === undefined) return refuse(response, 404, 'not found');
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, 'method not allowed', ['Allow', 'GET, HEAD']);
  if (holdsTag(request.rawHeaders, found.etag)) {
    response.writeHead(304, found.unchanged as string[]).end();
    return undefined;
  }
  response.writeHead(200, found.full as string[]);
  if (method === 'HEAD') response.end();
  else response.end(found.body, 'latin1');
  return undefined;
}

function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/**
 * Whether the request knows this version already: `If-None-Match` is `*`, or a list with our tag in it, weak or strong.
 * Looks at the raw headers, since most requests have none of it and the parsed ones are made when first asked for.
 *
 * @see RFC 9110 section 13.1.2
 */
function holdsTag(rawHeaders: readonly string[], etag: string): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length !== 13 || name.toLowerCase() !== 'if-none-match') continue;
    const tags = rawHeaders[index + 1]!.split(',').map((entry) => entry.trim().replace(/^W\//, ''));
    if (tags.includes(etag) || tags.includes('*')) return true;
  }
  return false;
}

function refuse(response: ServerResponse, status: number, title: string, headers: readonly string[] = []): void {
  const body = `${JSON.stringify({ errors: [{ status: String(status), title }] })}\n`;
  response.writeHead(status, [
    ...headers,
    'Content-Type',
    'application/json',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
  ]);
  response.end(body);
}

async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(listenFailure(error, host, port));
    });
    server.listen(port, host, () => {
      resolve(server.address() as AddressInfo);
    });
  });
}

function listenFailure(error: Error, host: string, port: number): AppError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'something else listens there',
    EACCES: 'the system does not permit it (ports below 1024 are reserved)',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOTFOUND: 'the host is not known',
  };
  return new AppError(
    'listen_failed',
    {
      what: `cannot listen on ${host}:${port}: ${reasons[errnoOf(error) ?? ''] ?? error.message}`,
      where: `${host}:${port}`,
      mend: 'choose another port; 0 picks a free one',
    },
    { cause: error },
  );
}

/** Ends open connections too: keep-alive would hold the process for a minute. */
async function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
