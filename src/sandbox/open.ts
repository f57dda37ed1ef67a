import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { AppError } from '../domain/errors.ts';
import { errnoOf } from '../files/file-failure.ts';
import { loopbackNames, openCertificateAuthority, type CertificateAuthority } from './certificates.ts';
import type { SandboxConfig } from './config.ts';
import { readCall } from './http-call.ts';
import type { SandboxLogLine } from './log.ts';
import { standIns, type StandInId } from './registry.ts';
import type { StandIn, StandInAddress, StandInKind, StandInWorld } from './stand-in.ts';
import { writeTrustFiles, type TrustFiles } from './trust-files.ts';

export interface SandboxOptions {
  readonly config: SandboxConfig;
  readonly now?: () => Date;
  /** Fetches discovery and keys; replaced in tests only. */
  readonly fetch?: typeof fetch;
  /** Told of every request, just before its answer leaves. */
  readonly log: (line: SandboxLogLine) => void;
}

/** Stand-ins that are serving; everything that they know is in memory and ends with them. */
export interface Sandbox extends AsyncDisposable {
  /** Base address of each stand-in that the configuration names. */
  readonly endpoints: Readonly<Partial<Record<StandInId, string>>>;
  /** The same for one that is known to be there. */
  endpoint(id: StandInId): string;
  /** What each of them plays, in the order of the registry. */
  readonly playing: readonly { readonly title: string; readonly endpoint: string; readonly standIn: StandIn }[];
  /** Variables that point real clients at the stand-ins. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * Serves the stand-ins on loopback until closed.
 *
 * @throws {AppError} `settings_invalid` when a port is taken
 */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const world: StandInWorld = {
    now: options.now ?? (() => new Date()),
    fetch: options.fetch ?? fetch,
    log: options.log,
  };
  const opened = (Object.entries(standIns) as [StandInId, AnyStandInKind][]).flatMap(([id, kind]) => {
    const config = options.config[id];
    return config === undefined ? [] : [{ id, kind, port: config.port, standIn: kind.open(config, world) }];
  });
  await using scope = new AsyncDisposableStack();
  const trust = opened.some(({ kind }) => kind.isTls) ? await openTrust(scope) : null;
  const playing: { id: StandInId; title: string; endpoint: string; standIn: StandIn; address: StandInAddress }[] = [];
  for (const { id, kind, port, standIn } of opened) {
    const server = await serverOf(standIn, kind.isTls ? trust : null);
    const bound = await listen(server, port, { id, title: kind.title });
    scope.defer(() => closeServer(server));
    const endpoint = kind.isTls ? `https://localhost:${bound}` : `http://127.0.0.1:${bound}`;
    const address = {
      endpoint,
      ca: trust?.authority.pem ?? null,
      caFile: trust?.files.caFile ?? null,
      bundleFile: trust?.files.bundleFile ?? null,
    };
    playing.push({ id, title: kind.title, endpoint, standIn, address });
  }
  const endpoints: Readonly<Partial<Record<StandInId, string>>> = Object.fromEntries(
    playing.map(({ id, endpoint }) => [id, endpoint]),
  );
  const stack = scope.move();
  const close = () => stack.disposeAsync();
  return {
    endpoints,
    endpoint(id) {
      const endpoint = endpoints[id];
      if (endpoint === undefined) throw new TypeError(`the configuration has no ${id}`);
      return endpoint;
    },
    playing,
    environment: Object.assign({}, ...playing.map(({ standIn, address }) => standIn.environment(address))),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A kind whose own configuration type is not known here: each is opened with what it has read itself. */
type AnyStandInKind = StandInKind<{ port: number }, { port: number }>;

interface Trust {
  readonly authority: CertificateAuthority;
  readonly files: TrustFiles;
}

async function openTrust(scope: AsyncDisposableStack): Promise<Trust> {
  // By the machine's clock, not the sandbox's: clients judge certificates by theirs.
  const authority = await openCertificateAuthority({ hosts: [], at: new Date() });
  return { authority, files: scope.use(await writeTrustFiles(authority.pem, true)) };
}

async function serverOf(standIn: StandIn, trust: Trust | null): Promise<Server> {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // A caller that went away in the middle has nobody to answer.
    serve(request, response, standIn).catch(() => response.destroy());
  };
  return trust === null
    ? createServer(listener)
    : createTlsServer(await trust.authority.certificateFor(...loopbackNames), listener);
}

async function serve(request: IncomingMessage, response: ServerResponse, standIn: StandIn): Promise<void> {
  const answer = await standIn.answer(await readCall(request));
  response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

async function listen(server: Server, port: number, about: { id: string; title: string }): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    return (server.address() as AddressInfo).port;
  } catch (error) {
    throw new AppError(
      'settings_invalid',
      {
        what: `the ${about.title} stand-in cannot listen on 127.0.0.1:${port}: ${errnoOf(error)}`,
        where: `${about.id}.port`,
        mend: 'set another port, or 0 for a free one',
      },
      { cause: error },
    );
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
