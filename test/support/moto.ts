import { requireProgram } from './programs.ts';
import { startServer } from './servers.ts';

/** The account that moto plays. */
export const motoAccount = '123456789012';

/** A moto server with an empty account; leaving the scope ends it. */
export interface Moto extends AsyncDisposable {
  readonly endpoint: string;
  /** Variables that lead AWS clients to it, with keys that it takes like any others. */
  readonly env: Readonly<Record<string, string>>;
  /** A call of one of AWS' query APIs; gives the XML, or throws with it. */
  query(service: string, action: string, parameters?: Readonly<Record<string, string>>): Promise<string>;
}

const program = `
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
signal.pause()
`;

/** Starts moto on a free port of the loopback interface. */
export async function openMoto(): Promise<Moto> {
  const server = await startServer(requireProgram('moto'), ['-c', program]);
  const endpoint = `http://127.0.0.1:${server.firstLine}`;
  return {
    endpoint,
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    query: (service, action, parameters = {}) => query(endpoint, service, { Action: action, ...parameters }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function query(endpoint: string, service: string, parameters: Readonly<Record<string, string>>): Promise<string> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      // moto takes the service from here and does not check the signature.
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: new URLSearchParams(parameters),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${parameters['Action']}: ${response.status} ${text}`);
  return text;
}
