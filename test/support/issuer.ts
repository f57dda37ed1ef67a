import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';

/** An issuer of a test's own on loopback: ten lines of HTTP, and keys that a test may bend. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string;
  /** Documents by path; a test may replace any of them, or make one an HTTP status. */
  readonly documents: Map<string, unknown>;
  /** Requests that came, by path. */
  readonly requests: string[];
  /** Signs claims, filled up with sound ones. `header` replaces parts of the header; undefined takes one out. */
  sign(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export const testSubject = 'organization:acme:project:payments:workspace:payments-prod:run_phase:plan';
export const testAudience = 'aws.workload.identity';

/** Makes a key pair as a public JWK and a signing function. */
export async function testKey(algorithm = 'RS256', kid = `key-${algorithm}`) {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' };
  return { jwk, privateKey, kid, algorithm };
}

export type TestKey = Awaited<ReturnType<typeof testKey>>;

/** Serves discovery and keys; `now` gives the times of the tokens that it signs. */
export async function openTestIssuer(options: { key: TestKey; now?: () => Date }): Promise<TestIssuer> {
  const { key, now = () => new Date() } = options;
  const documents = new Map<string, unknown>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url!);
    const document = documents.get(request.url!);
    const status = document === undefined ? 404 : typeof document === 'number' ? document : 200;
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(typeof document === 'string' ? document : JSON.stringify(document ?? null));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  documents.set('/.well-known/openid-configuration', { issuer: url, jwks_uri: `${url}/.well-known/jwks` });
  documents.set('/.well-known/jwks', { keys: [key.jwk] });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url,
    documents,
    requests,
    close,
    [Symbol.asyncDispose]: close,
    sign(claims = {}, header = {}) {
      const at = Math.floor(now().getTime() / 1000);
      const standard = {
        iss: url,
        aud: testAudience,
        sub: testSubject,
        jti: 'jti-1',
        iat: at,
        nbf: at - 5,
        exp: at + 600,
      };
      return new SignJWT({ ...standard, ...claims })
        .setProtectedHeader({ typ: 'JWT', alg: key.algorithm, kid: key.kid, ...header })
        .sign(key.privateKey);
    },
  };
}
