import type { IssuerDocuments } from '../../identity/discovery.ts';
import { UsageError } from '../../domain/errors.ts';
import { isLoopbackIssuer, issuerPath } from '../../identity/issuer-url.ts';
import type { Issuer } from '../../identity/issuer.ts';
import { publishedKeys } from '../../identity/key-ring.ts';
import { serveWellKnown } from '../../server/well-known/serve.ts';
import type { CliContext } from '../context.ts';
import type { OpenKeys } from '../keys/open-keys.ts';
import { untilStopped } from '../until-stopped.ts';

/** An address to listen on. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

const loopback = '127.0.0.1';
const usualPort = 8300;

/**
 * Reads `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; without a host it is loopback.
 *
 * @throws {UsageError}
 */
export function parseListen(text: string): Listen {
  const found = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (found && port <= 65_535) return { host: found[1] || found[2] || loopback, port };
  throw new UsageError({
    what: `--listen ${JSON.stringify(text)} is not an address`,
    mend: `write HOST:PORT, such as ${loopback}:${usualPort}; port 0 picks a free one`,
  });
}

/** Where to listen when nobody says: at the issuer's own address if it is on loopback. */
export function usualListen(issuer: string): Listen {
  const { hostname, port, protocol } = new URL(issuer);
  if (!isLoopbackIssuer(issuer) || protocol !== 'http:') return { host: loopback, port: usualPort };
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) };
}

/** Serves the documents until SIGINT or SIGTERM, and records that their keys were published. */
export async function serveIssuer(
  { issuer, keys, listen, json }: { issuer: Issuer; keys: OpenKeys; listen: Listen; json: boolean },
  context: CliContext,
): Promise<void> {
  let recorded: IssuerDocuments | undefined;
  const documents = async (): Promise<IssuerDocuments> => {
    const current = await issuer.documents();
    if (current !== recorded) {
      recorded = current;
      const { ring } = await keys.ring();
      const kids = publishedKeys(ring, keys.keeper.seconds()).map((key) => key.kid);
      await keys.keeper.recordPublished(kids, 'serve', issuer.url);
    }
    return current;
  };
  const stopped = untilStopped();
  const server = await serveWellKnown({ listen, documents, issuerPath: issuerPath(issuer.url) });
  const url = `${server.url}${issuerPath(issuer.url)}`;
  context.stdout.write(
    json
      ? `${JSON.stringify({ ready: true, url, issuer: issuer.url })}\n`
      : `serving the documents of ${issuer.url} at ${url} until Ctrl-C\n`,
  );
  await stopped;
  await server.close();
}
