import type { IncomingMessage } from 'node:http';

/** One HTTP request as it came: what a signature covers, and what it asks for. */
export interface HttpCall {
  readonly method: string;
  /** Path as sent, without the query. */
  readonly path: string;
  /** Query as sent, without "?". */
  readonly query: string;
  /** Names in lower case; several values of one name in the order they came. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: Buffer;
  readonly remoteAddress: string;
}

/** How the caller speaks, and so how it must be answered. */
export type Protocol = 'query' | 'json';

/** What a call asks for. */
export interface Operation {
  readonly protocol: Protocol;
  /** Prefix of IAM actions, such as `sts`; null when nothing tells. */
  readonly service: string | null;
  /** Such as `GetCallerIdentity`; null when nothing tells. */
  readonly name: string | null;
}

const mostBytes = 1024 * 1024;

/** Reads a request; null when it is larger than any that the stand-in serves. */
export async function readCall(request: IncomingMessage): Promise<HttpCall | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= mostBytes) chunks.push(chunk);
  }
  if (size > mostBytes) return null;
  const headers = new Map<string, string[]>();
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]!.toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), request.rawHeaders[index + 1]!]);
  }
  const [path, query] = splitOnce(request.url ?? '/', '?');
  return {
    method: request.method ?? 'GET',
    path,
    query,
    headers,
    body: Buffer.concat(chunks),
    remoteAddress: request.socket.remoteAddress ?? '127.0.0.1',
  };
}

/** The first value of a header. */
export function header(call: HttpCall, name: string): string | undefined {
  return call.headers.get(name)?.[0];
}

/** Parameters of the query protocol: from the form, and from the query string without what signs it. */
export function queryParameters(call: HttpCall): URLSearchParams {
  const parameters = new URLSearchParams(isForm(call) ? call.body.toString('utf8') : '');
  for (const [name, value] of new URLSearchParams(call.query)) {
    if (!/^x-amz-/i.test(name) && !parameters.has(name)) parameters.append(name, value);
  }
  return parameters;
}

/** Finds out what a call asks for, before anything about it is verified. */
export function operationOf(call: HttpCall): Operation {
  const scope = scopeService(call);
  const target = header(call, 'x-amz-target');
  if (target !== undefined) {
    const [prefix, name] = splitOnce(target, '.');
    return { protocol: 'json', service: scope ?? servicePrefixes[prefix] ?? null, name: name || null };
  }
  if (/json|cbor/.test(header(call, 'content-type') ?? '')) return { protocol: 'json', service: scope, name: null };
  const parameters = queryParameters(call);
  const isRest = !parameters.has('Action') && scope !== null && !xmlServices.has(scope);
  if (isRest) return { protocol: 'json', service: scope, name: null };
  const service = scope ?? versions[parameters.get('Version') ?? ''] ?? null;
  return { protocol: 'query', service, name: parameters.get('Action') };
}

/** Services that answer in XML without being asked by an Action; all other REST services answer in JSON. */
const xmlServices: ReadonlySet<string> = new Set(['s3', 'route53', 'cloudfront']);

/** Services told by the first half of `X-Amz-Target`, for calls without a signature. */
const servicePrefixes: Readonly<Record<string, string>> = { AmazonSSM: 'ssm' };
/** Services told by their API version, for calls without a signature. */
const versions: Readonly<Record<string, string>> = { '2011-06-15': 'sts', '2010-05-08': 'iam' };

/** The service that the signature's scope names: `…/DATE/REGION/SERVICE/aws4_request`. */
function scopeService(call: HttpCall): string | null {
  const credential =
    /Credential=([^,\s]+)/.exec(header(call, 'authorization') ?? '')?.[1] ??
    new URLSearchParams(call.query).get('X-Amz-Credential');
  const service = credential?.split('/').at(-2);
  return service !== undefined && /^[a-z0-9-]{1,40}$/.test(service) ? service : null;
}

function isForm(call: HttpCall): boolean {
  return /^application\/x-www-form-urlencoded/i.test(header(call, 'content-type') ?? '');
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
