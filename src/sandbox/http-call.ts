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

/** An answer ready for the wire. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
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

/** Whether the body is a form (`application/x-www-form-urlencoded`). */
export function isForm(call: HttpCall): boolean {
  return /^application\/x-www-form-urlencoded/i.test(header(call, 'content-type') ?? '');
}

/** Both sides of the first separator; the second is empty when there is none. */
export function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** Header lines have a limit in every client; the reasons that fit are enough, likeliest first. */
const longestHeader = 6_000;

/**
 * A header that no real platform sends, for clients that know that they talk to a stand-in: why it refused, in sentences
 * (base64url of a JSON array). None without reasons.
 */
export function reasonsHeader(reasons: readonly string[]): Readonly<Record<string, string>> {
  return reasons.length === 0 ? {} : { 'x-hallpass-reasons': encodedReasons(reasons) };
}

function encodedReasons(reasons: readonly string[]): string {
  for (let count = reasons.length; count > 0; count -= 1) {
    const text = Buffer.from(JSON.stringify(reasons.slice(0, count))).toString('base64url');
    if (text.length <= longestHeader) return text;
  }
  return Buffer.from(JSON.stringify([reasons[0]!.slice(0, 1_000)])).toString('base64url');
}
