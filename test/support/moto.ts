import { requireProgram } from './programs.ts';
import { startServer } from './servers.ts';

/** The account that moto plays. */
export const motoAccount = '123456789012';

/** A moto server with an empty account; leaving the scope ends it. */
export interface Moto extends AsyncDisposable {
  readonly endpoint: string;
  /** Variables that lead AWS clients to it, with keys that it takes like any others. */
  readonly env: Readonly<Record<string, string>>;
  createBucket(name: string, region: string): Promise<void>;
  /** A table with one key, a text, as Terraform's S3 backend wants it. */
  createTable(name: string, key: string, region: string): Promise<void>;
  /** Empties the account. */
  reset(): Promise<void>;
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
    createBucket: async (name, region) => {
      const body = `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;
      await call(`${endpoint}/${name}`, { method: 'PUT', body, headers: authorization('s3', region) });
    },
    createTable: async (name, key, region) => {
      const body = {
        TableName: name,
        KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: key, AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      };
      const headers = {
        ...authorization('dynamodb', region),
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': 'DynamoDB_20120810.CreateTable',
      };
      await call(endpoint, { method: 'POST', body: JSON.stringify(body), headers });
    },
    reset: async () => {
      await call(`${endpoint}/moto-api/reset`, { method: 'POST' });
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function query(endpoint: string, service: string, parameters: Readonly<Record<string, string>>): Promise<string> {
  return call(endpoint, {
    method: 'POST',
    headers: { ...authorization(service), 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(parameters),
  });
}

/** moto takes service and region from here and does not check the signature. */
function authorization(service: string, region = 'us-east-1'): { authorization: string } {
  const credential = `test/20260101/${region}/${service}/aws4_request`;
  return { authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0` };
}

async function call(url: string, request: RequestInit): Promise<string> {
  const response = await fetch(url, request);
  const text = await response.text();
  if (!response.ok) throw new Error(`moto: ${response.status} ${text}`);
  return text;
}
