import { signatureOf, type StatedSignature } from '../../src/sandbox/aws/sigv4.ts';

/** Temporary credentials as STS hands them out. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export interface SignedRequest {
  readonly service: string;
  readonly region?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  readonly at?: Date;
}

/** A small AWS client of the tests' own: what it sends can be bent at any place before it leaves. */
export function signRequest(
  endpoint: string,
  credentials: AwsCredentials,
  request: SignedRequest,
): { headers: Record<string, string>; body: string } {
  const { service, region = 'us-east-1', body, at = new Date() } = request;
  const timestamp = at.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const headers: Record<string, string> = {
    ...request.headers,
    host: new URL(endpoint).host,
    'x-amz-date': timestamp,
    'x-amz-security-token': credentials.sessionToken,
  };
  const signedHeaders = Object.keys(headers).sort();
  const scope = {
    date: timestamp.slice(0, 8),
    region,
    service,
    timestamp,
    signedHeaders,
  } satisfies Partial<StatedSignature>;
  const call = {
    method: 'POST',
    path: '/',
    query: '',
    headers: new Map(Object.entries(headers).map(([name, value]) => [name, [value]])),
    body: Buffer.from(body),
    remoteAddress: '127.0.0.1',
  };
  const signature = signatureOf(call, scope, credentials.secretAccessKey);
  const credential = `${credentials.accessKeyId}/${scope.date}/${region}/${service}/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
  return { headers: { ...headers, authorization }, body };
}

/** `GetCallerIdentity`, signed. */
export function callerIdentityRequest(endpoint: string, credentials: AwsCredentials, at?: Date) {
  return signRequest(endpoint, credentials, {
    service: 'sts',
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: 'Action=GetCallerIdentity&Version=2011-06-15',
    at,
  });
}

/** An SSM action, signed. */
export function ssmRequest(
  endpoint: string,
  credentials: AwsCredentials,
  action: string,
  parameters: object,
  options: { at?: Date; region?: string } = {},
) {
  return signRequest(endpoint, credentials, {
    service: 'ssm',
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AmazonSSM.${action}` },
    body: JSON.stringify(parameters),
    ...options,
  });
}

/** The text of the first XML element of a name. */
export function xmlText(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

/** The reasons that a stand-in gives beside AWS' own words. */
export function reasonsOf(response: Response): string[] {
  const header = response.headers.get('x-hallpass-reasons');
  return header === null ? [] : (JSON.parse(Buffer.from(header, 'base64url').toString()) as string[]);
}
