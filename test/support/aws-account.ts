import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import {
  type AwsIdentityPolicy,
  decideAwsAccess,
  readAwsIdentityPolicy,
} from '../../src/platforms/aws/identity-policy.ts';
import { xmlText } from './aws-client.ts';

/** A call that came, with the role that made it. */
export interface JudgedCall {
  readonly role: string;
  readonly action: string;
  readonly resource: string;
  readonly allowed: boolean;
}

/** One address for a whole account: STS and SSM of the stand-in, S3 and DynamoDB of moto, judged by the roles' policies. */
export interface AwsAccountProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Calls of S3 and DynamoDB, oldest first. */
  readonly calls: JudgedCall[];
  /** Endpoint of the stand-in; set before the first call. */
  standIn: string;
  /** Permission policies by role name. moto itself would allow everything. */
  policies: Record<string, object>;
}

interface Call {
  readonly request: IncomingMessage;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/** Opens the address in front of a moto server. */
export async function openAwsAccount(options: { moto: string; account: string }): Promise<AwsAccountProxy> {
  const roles = new Map<string, string>();
  const calls: JudgedCall[] = [];
  const state: { standIn: string; policies: Record<string, object> } = { standIn: '', policies: {} };

  const answer = async (call: Call): Promise<Answer> => {
    const judged = actionOf(call, options.account);
    if (judged === null) {
      const answered = await forward(call, state.standIn);
      learnRole(answered.body.toString(), roles);
      return answered;
    }
    const role = roles.get(accessKeyOf(call.request)) ?? 'nobody';
    const policies = state.policies[role] === undefined ? [] : [policyOf(state.policies[role])];
    const may = (action: string, resource: string): boolean =>
      decideAwsAccess(policies, { action, resource, context: {} }).allowed;
    const allowed = may(judged.action, judged.resource);
    calls.push({ role, ...judged, allowed });
    if (!allowed) return denied(judged.action);
    const answered = await forward(call, options.moto);
    // S3 hides whether an object exists from those who may not list the bucket.
    const hidden = judged.action === 's3:GetObject' && !may('s3:ListBucket', judged.resource.split('/')[0]!);
    return answered.status === 404 && hidden ? denied(judged.action) : answered;
  };

  const server = createServer((request, response) => {
    void serve(request, response, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (call: Call) => Promise<Answer>,
): Promise<void> {
  try {
    const { status, headers, body } = await answer({ request, body: await buffer(request) });
    response.writeHead(status, headers).end(body);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}

/** The action and resource of a call to S3 or DynamoDB; null for what the stand-in answers. */
function actionOf({ request, body }: Call, account: string): { action: string; resource: string } | null {
  const target = String(request.headers['x-amz-target'] ?? '');
  if (target.startsWith('DynamoDB_')) {
    const { TableName } = JSON.parse(body.toString()) as { TableName: string };
    return {
      action: `dynamodb:${target.split('.')[1]}`,
      resource: `arn:aws:dynamodb:eu-west-1:${account}:table/${TableName}`,
    };
  }
  const { pathname } = new URL(request.url!, 'http://s3');
  if (pathname === '/') return null;
  const [bucket = '', ...rest] = decodeURIComponent(pathname).slice(1).split('/');
  const key = rest.join('/');
  const verbs: Readonly<Record<string, string>> = { GET: 'Get', HEAD: 'Get', PUT: 'Put', DELETE: 'Delete' };
  return key === ''
    ? { action: 's3:ListBucket', resource: `arn:aws:s3:::${bucket}` }
    : { action: `s3:${verbs[request.method!]}Object`, resource: `arn:aws:s3:::${bucket}/${key}` };
}

function accessKeyOf(request: IncomingMessage): string {
  return /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? '';
}

/** The stand-in's answer to an exchange tells which key belongs to which role. */
function learnRole(answer: string, roles: Map<string, string>): void {
  const key = xmlText(answer, 'AccessKeyId');
  const role = /assumed-role\/([^/<]+)/.exec(answer)?.[1];
  if (key !== undefined && role !== undefined) roles.set(key, role);
}

function policyOf(document: object): AwsIdentityPolicy {
  return readAwsIdentityPolicy(JSON.stringify(document));
}

function denied(action: string): Answer {
  const isTable = action.startsWith('dynamodb:');
  const message = `not authorized to perform: ${action}`;
  return {
    status: isTable ? 400 : 403,
    headers: { 'content-type': isTable ? 'application/x-amz-json-1.0' : 'application/xml' },
    body: Buffer.from(
      isTable
        ? JSON.stringify({ __type: 'com.amazon.coral.service#AccessDeniedException', Message: message })
        : `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>${message}</Message></Error>`,
    ),
  };
}

/** Passes a call on as it came: its signature covers the host that the client named. */
function forward({ request, body }: Call, endpoint: string): Promise<Answer> {
  const { hostname, port } = new URL(endpoint);
  const { method, url: path, headers } = request;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, method, path, headers }, (response) => {
      const { statusCode: status = 500, headers: received } = response;
      const { 'transfer-encoding': _, ...kept } = received;
      buffer(response).then((read) => resolve({ status, headers: kept, body: read }), reject);
    });
    sent.once('error', reject).end(body);
  });
}
