import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { AppError } from '../domain/errors.ts';
import { errnoOf } from '../files/file-failure.ts';
import { loopbackNames, openCertificateAuthority, type CertificateAuthority } from './certificates.ts';
import type { SandboxConfig } from './config.ts';
import { acceptList } from './list-method.ts';
import { withoutTokens, type SandboxLogLine } from './log.ts';
import { standIns, type StandInId } from './registry.ts';
import { closeServer, requestListener } from './serve.ts';
import type { StandIn, StandInAddress, StandInKind, StandInWorld } from './stand-in.ts';
import { writeTrustFiles, type TrustFiles } from './trust-files.ts';

/** What to play, and how. */
export interface SandboxOptions {
  readonly config: SandboxConfig;
  readonly now?: () => Date;
  /** Whether to answer for the platforms under their real names as well, through a proxy. */
  readonly intercept?: boolean;
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
  /** The certificate authority of what is served over TLS, as PEM; null while nothing is. */
  readonly ca: string | null;
  /** When clients stop to trust what is served over TLS; null while nothing is. */
  readonly certificatesEndAt: Date | null;
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
    log: (line) => options.log(withoutTokens(line)),
  };
  const opened = (Object.entries(standIns) as [StandInId, AnyStandInKind][]).flatMap(([id, kind]) => {
    const config = options.config[id];
    return config === undefined ? [] : [{ id, kind, port: config.port, standIn: kind.open(config, world) }];
  });
  await using scope = new AsyncDisposableStack();
  const played = opened.map(({ standIn }) => standIn);
  const isIntercepting = options.intercept === true;
  const trust =
    isIntercepting || opened.some(({ kind }) => kind.isTls)
      ? await openTrust(scope, isIntercepting ? played.flatMap(({ hosts }) => hosts) : null)
      : null;
  const playing: Playing[] = [];
  for (const one of opened) playing.push(await play(one, trust, scope));
  const endpoints: Readonly<Partial<Record<StandInId, string>>> = Object.fromEntries(
    playing.map(({ id, endpoint }) => [id, endpoint]),
  );
  const environment = Object.assign(
    {},
    ...playing
      // Under its real name a stand-in needs no variable that points at it.
      .filter(({ standIn }) => !isIntercepting || standIn.hosts.length === 0)
      .map(({ standIn, address }) => standIn.environment(address)),
  ) as Record<string, string>;
  if (isIntercepting && trust !== null) {
    const { openIntercept, interceptEnvironment } = await import('./intercept.ts');
    const proxy = await openIntercept({ standIns: played, authority: trust.authority, now: world.now, log: world.log });
    scope.use(proxy);
    Object.assign(environment, interceptEnvironment(proxy, trust.files.caFile));
  }
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
    environment,
    ca: trust?.authority.pem ?? null,
    certificatesEndAt: trust?.authority.expiresAt ?? null,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A stand-in whose configuration was read. */
interface Opened {
  readonly id: StandInId;
  readonly kind: AnyStandInKind;
  readonly port: number;
  readonly standIn: StandIn;
}

/** One that is served. */
interface Playing {
  readonly id: StandInId;
  readonly title: string;
  readonly endpoint: string;
  readonly standIn: StandIn;
  readonly address: StandInAddress;
}

async function play(
  { id, kind, port, standIn }: Opened,
  trust: Trust | null,
  scope: AsyncDisposableStack,
): Promise<Playing> {
  const server = await serverOf(standIn, kind.isTls ? trust : null);
  if (kind.hasListMethod) acceptList(server);
  const bound = await listen(server, port, { id, title: kind.title });
  scope.defer(() => closeServer(server));
  const endpoint = kind.isTls ? `https://localhost:${bound}` : `http://127.0.0.1:${bound}`;
  const address = {
    endpoint,
    ca: trust?.authority.pem ?? null,
    caFile: trust?.files.caFile ?? null,
    bundleFile: trust?.files.bundleFile ?? null,
  };
  return { id, title: kind.title, endpoint, standIn, address };
}

/** A kind whose own configuration type is not known here: each is opened with what it has read itself. */
type AnyStandInKind = StandInKind<{ port: number }, { port: number }>;

interface Trust {
  readonly authority: CertificateAuthority;
  readonly files: TrustFiles;
}

/** @param hosts  those to answer for under their real names; null when nothing is intercepted */
async function openTrust(scope: AsyncDisposableStack, hosts: readonly string[] | null): Promise<Trust> {
  // By the machine's clock, not the sandbox's: clients judge certificates by theirs.
  const authority = await openCertificateAuthority({ hosts: hosts ?? [], at: new Date() });
  return { authority, files: scope.use(await writeTrustFiles(authority.pem, hosts === null)) };
}

async function serverOf(standIn: StandIn, trust: Trust | null): Promise<Server> {
  return trust === null
    ? createServer(requestListener(standIn))
    : createTlsServer(await trust.authority.certificateFor(...loopbackNames), requestListener(standIn));
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
