import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { CredentialRequest, CredentialSet, PlatformIo } from '../../src/domain/credential.ts';
import { AppError } from '../../src/domain/errors.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { Platform } from '../../src/platforms/platform.ts';

/** What a lease server can be made to do, per path (`login`, `renew`, `revoke`); may be changed while it runs. */
export interface LeaseBehaviour {
  /** Status instead of 200. */
  status?: number;
  /** Never answers. */
  hangs?: boolean;
  /** Called before the answer; what it awaits, the caller awaits. */
  before?: () => unknown;
}

/** A platform over HTTP: gives tokens, renews them, and ends them. */
export interface LeaseServer {
  readonly url: string;
  /** Tokens that are alive. */
  readonly alive: Set<string>;
  /** Calls as they came, such as `login` and `revoke`. */
  readonly calls: string[];
  readonly login: LeaseBehaviour;
  readonly renew: LeaseBehaviour;
  readonly revoke: LeaseBehaviour;
  /** Waits for the next call of a path. */
  called(path: 'login' | 'renew' | 'revoke'): Promise<void>;
}

/** Starts a lease server on loopback; ends with the test. */
export async function startLeaseServer(): Promise<LeaseServer> {
  const alive = new Set<string>();
  const calls: string[] = [];
  const waiting: { path: string; resolve: () => void }[] = [];
  const behaviours: Record<string, LeaseBehaviour> = { login: {}, renew: {}, revoke: {} };
  const answer = async (call: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (call.url ?? '').slice(1);
    const behaviour = behaviours[path] ?? { status: 404 };
    calls.push(path);
    for (const one of waiting.filter((each) => each.path === path)) one.resolve();
    await behaviour.before?.();
    if (behaviour.hangs) return;
    const status = behaviour.status ?? 200;
    const token = path === 'login' ? `lease-${randomBytes(12).toString('hex')}` : call.headers.authorization!;
    if (status === 200 && path === 'login') alive.add(token);
    if (status === 200 && path === 'revoke') alive.delete(token);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ token }));
  };
  const server = createServer((call, response) => void answer(call, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { login, renew, revoke } = behaviours as Record<'login' | 'renew' | 'revoke', LeaseBehaviour>;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    alive,
    calls,
    login,
    renew,
    revoke,
    called: (path) => new Promise((resolve) => waiting.push({ path, resolve })),
  };
}

async function post(url: string, path: string, token: string, io: Pick<PlatformIo, 'fetch'>): Promise<string> {
  const response = await io.fetch(`${url}/${path}`, { method: 'POST', headers: { authorization: token } });
  if (!response.ok) {
    const code = response.status === 403 ? 'exchange_refused' : 'exchange_failed';
    throw new AppError(code, { what: `${path}: HTTP ${response.status}` });
  }
  return ((await response.json()) as { token: string }).token;
}

/** The platform of lease servers, as the registry would hold it. */
export const leasePlatform: Platform = {
  id: 'lease',
  title: 'Lease',
  prefix: 'LEASE',
  variables: [],
  rereadsToken: false,
  conflicts: [],
  addresses: [],
  trust: {
    document: 'it has none',
    judge: async () => {
      throw new Error('a lease server judges nobody');
    },
  },
  causes: async () => ({ rows: [], otherwise: ['', '', ''] }),
  request: () => {
    throw new Error('requests for it are made by leaseRequest');
  },
  revoke: async (revocation, io) => {
    const { url, token } = JSON.parse(revocation) as { url: string; token: string };
    await post(url, 'revoke', token, io);
  },
};

function moment(io: PlatformIo, seconds: number): Date {
  return new Date(io.now().getTime() + seconds * 1000);
}

/** How long a lease lives, and when it is to be renewed. */
export interface LeaseTimes {
  readonly lifetimeSeconds?: number;
  readonly renewAfterSeconds?: number;
}

/** A configuration that logs in at a lease server and hands out a file and a variable. */
export function leaseRequest(
  url: string,
  tag: string | null = null,
  times: LeaseTimes = {},
  changes: Partial<CredentialSet> = {},
): CredentialRequest {
  const { lifetimeSeconds = 3600, renewAfterSeconds } = times;
  const setOf = (token: string, io: PlatformIo): CredentialSet => ({
    environment: { LEASE: new Secret(token) },
    files: [{ name: 'lease', contents: new Secret(token) }],
    input: { path: `${io.directory}/lease` },
    expiresAt: moment(io, lifetimeSeconds),
    revocation: new Secret(JSON.stringify({ url, token })),
    ...(renewAfterSeconds === undefined
      ? {}
      : {
          renewAt: moment(io, renewAfterSeconds),
          renew: async () => ({ ...setOf(await post(url, 'renew', token, io), io), files: [] }),
        }),
    ...changes,
  });
  return {
    platform: 'lease',
    tag,
    audience: `${url}/`,
    offered: 'role',
    rereadsToken: false,
    obtain: async (token, io) => setOf(await post(url, 'login', token.compact.reveal(), io), io),
  };
}
