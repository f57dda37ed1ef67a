import { readFile } from 'node:fs/promises';
import { AppError } from '../../domain/errors.ts';
import type { JsonObject } from '../../domain/json.ts';
import { isLoopbackIssuer } from '../../identity/issuer-url.ts';
import type { HttpCall } from '../http-call.ts';
import { signatureOf } from './sigv4.ts';

/**
 * A client of the stand-in for machines without any AWS program: exchanges the phase's token as the SDKs do, and
 * makes one signed call. It speaks to loopback only; for the real AWS there are the real programs.
 */
export interface StandInCall {
  /** `sts:GetCallerIdentity`, or `ssm:PutParameter` and its kin. */
  readonly action: string;
  readonly input: JsonObject;
}

export interface ClientIo {
  /** AWS_ENDPOINT_URL, AWS_REGION, AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_SESSION_NAME. */
  readonly environment: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly now: () => Date;
}

export interface StandInAnswer {
  readonly status: number;
  readonly body: string;
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/**
 * Makes one call with the identity that the environment offers.
 *
 * @throws {AppError} `exchange_refused` when the token is refused, with the stand-in's code and words
 */
export async function callStandIn(call: StandInCall, io: ClientIo): Promise<StandInAnswer> {
  const endpoint = loopbackEndpoint(io.environment);
  const credentials = await exchange(endpoint, io);
  const [service, name] = call.action.split(':');
  const isQuery = service === 'sts';
  const headers: Record<string, string> = {
    host: endpoint.host,
    'content-type': isQuery ? 'application/x-www-form-urlencoded' : 'application/x-amz-json-1.1',
    'x-amz-date': io
      .now()
      .toISOString()
      .replace(/[-:]|\.\d{3}/g, ''),
    'x-amz-security-token': credentials.sessionToken,
    ...(isQuery ? {} : { 'x-amz-target': `AmazonSSM.${name}` }),
  };
  const body = isQuery ? `Action=${name}&Version=2011-06-15` : JSON.stringify(call.input);
  const authorization = sign({ service: service!, region: regionOf(io.environment), headers, body }, credentials);
  const answer = await io.fetch(new URL('/', endpoint), {
    method: 'POST',
    headers: { ...headers, authorization },
    body,
  });
  return { status: answer.status, body: await answer.text() };
}

function loopbackEndpoint(environment: ClientIo['environment']): URL {
  const text = environment['AWS_ENDPOINT_URL'] ?? '';
  // A name such as 127.example.com is not loopback: the token must not go there.
  if (URL.canParse(text) && isLoopbackIssuer(text)) return new URL(text);
  throw new AppError('unsupported', {
    what: `AWS_ENDPOINT_URL is ${text === '' ? 'not set' : JSON.stringify(text)}, and this client speaks to a stand-in on loopback only`,
    where: 'AWS_ENDPOINT_URL',
    mend: 'start "hallpass sandbox" and set the variables that it prints; for the real AWS use its own command line',
  });
}

async function exchange(endpoint: URL, io: ClientIo): Promise<Credentials> {
  const [role, tokenFile] = [needed(io, 'AWS_ROLE_ARN'), needed(io, 'AWS_WEB_IDENTITY_TOKEN_FILE')];
  const form = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    RoleSessionName: io.environment['AWS_ROLE_SESSION_NAME'] ?? 'hallpass',
    WebIdentityToken: await readFile(tokenFile, 'utf8'),
  });
  const answer = await io.fetch(new URL('/', endpoint), { method: 'POST', body: form });
  const xml = await answer.text();
  if (!answer.ok) {
    throw new AppError('exchange_refused', {
      what: `the stand-in refused the token: ${answer.status} ${element(xml, 'Code')}: ${element(xml, 'Message')}`,
      where: role,
      mend: 'its log says which condition failed',
    });
  }
  return {
    accessKeyId: element(xml, 'AccessKeyId'),
    secretAccessKey: element(xml, 'SecretAccessKey'),
    sessionToken: element(xml, 'SessionToken'),
  };
}

function needed(io: ClientIo, name: string): string {
  const value = io.environment[name];
  if (value) return value;
  throw new AppError('configuration_invalid', {
    what: `${name} is not set`,
    where: name,
    mend: 'run this under "hallpass exec", with an AWS configuration and no tags',
  });
}

function regionOf(environment: ClientIo['environment']): string {
  return environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? 'us-east-1';
}

interface Unsigned {
  readonly service: string;
  readonly region: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function sign({ service, region, headers, body }: Unsigned, credentials: Credentials): string {
  const timestamp = headers['x-amz-date']!;
  const date = timestamp.slice(0, 8);
  const signedHeaders = Object.keys(headers).sort();
  const call: HttpCall = {
    method: 'POST',
    path: '/',
    query: '',
    headers: new Map(Object.entries(headers).map(([name, value]) => [name, [value]])),
    body: Buffer.from(body),
    remoteAddress: '127.0.0.1',
  };
  const signature = signatureOf(call, { date, region, service, timestamp, signedHeaders }, credentials.secretAccessKey);
  const scope = `${credentials.accessKeyId}/${date}/${region}/${service}/aws4_request`;
  return `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
}

/** The text of an element of the stand-in's own XML, which is flat and not nested in itself. */
function element(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => entities[entity]!);
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
