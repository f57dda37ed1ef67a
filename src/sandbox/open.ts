import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError, SettingsError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import { errnoOf } from '../files/file-failure.ts';
import type { AwsAccount } from './aws/action.ts';
import { readCall } from './aws/call.ts';
import { openParameterStore, type ParameterStore } from './aws/parameter-store.ts';
import { openSessions } from './aws/sessions.ts';
import { answerCall, knownActions } from './aws/stand-in.ts';
import type { AwsConfig, SandboxConfig } from './config.ts';
import type { SandboxLogLine } from './log.ts';
import { openIssuerKeys } from './relying-party/issuer-keys.ts';

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
  readonly endpoints: { readonly aws: string };
  /** Variables that point real clients at the stand-ins. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * Serves the stand-ins on loopback until closed.
 *
 * @throws {AppError} `settings_invalid` when the port is taken
 */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { aws } = options.config;
  requireKnownActions(Object.keys(aws.latency_milliseconds));
  const account = openAccount(aws, options);
  const server = createServer((request, response) => {
    // A caller that went away in the middle has nobody to answer.
    serve(request, response, account, options.log).catch(() => response.destroy());
  });
  await listen(server, aws.port);
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => closeServer(server);
  return {
    endpoints: { aws: endpoint },
    environment: {
      AWS_ENDPOINT_URL: endpoint,
      // Terraform's AWS provider takes only this one for its own exchange of a web identity token.
      AWS_ENDPOINT_URL_STS: endpoint,
      AWS_REGION: aws.region,
      // The AWS CLI and boto3 know only this one.
      AWS_DEFAULT_REGION: aws.region,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A misspelt action would be a latency that never comes. */
function requireKnownActions(actions: readonly string[]): void {
  const unknown = actions.find((action) => !knownActions.includes(action));
  if (unknown === undefined) return;
  const close = nearest(unknown, knownActions);
  throw new SettingsError({
    what: `${unknown} is not an action of the stand-in`,
    where: 'aws.latency_milliseconds',
    mend: close ? `did you mean ${close}?` : `it has ${knownActions.join(', ')}`,
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  account: AwsAccount,
  log: SandboxOptions['log'],
): Promise<void> {
  const answer = await answerCall(await readCall(request), account, log);
  response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

function openAccount(config: AwsConfig, options: SandboxOptions): AwsAccount {
  const now = options.now ?? (() => new Date());
  const stores = new Map<string, ParameterStore>();
  const keys = new Map(
    config.providers.map((provider) => [
      provider.url,
      openIssuerKeys({
        issuer: provider.url,
        fetchFrom: provider.fetch_from ?? null,
        fetch: options.fetch ?? fetch,
        now,
        cacheSeconds: config.key_cache_seconds,
        refetchSeconds: config.key_refetch_seconds,
      }),
    ]),
  );
  return {
    config,
    now,
    sessions: openSessions(),
    keysOf: (url) => keys.get(url)!,
    parametersIn(region) {
      const store =
        stores.get(region) ??
        openParameterStore(region === config.region ? config.parameters : {}, config.account, now());
      stores.set(region, store);
      return store;
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
  } catch (error) {
    throw new AppError(
      'settings_invalid',
      {
        what: `the AWS stand-in cannot listen on 127.0.0.1:${port}: ${errnoOf(error)}`,
        where: 'aws.port',
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
