import { request as open, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';

// Answers of these have no body, not even an empty one (Fetch standard, "null body status").
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * A `fetch` for servers whose certificate comes from a private authority, which Node's own cannot be told. Only https;
 * only this authority is trusted, not the system's; redirects are answers, not followed; no proxy is used.
 *
 * @param ca    PEM, one certificate or several
 * @param stop  ends every call, beside the signal of each; the promise then rejects with its reason
 */
export function fetchWithCa(ca: string, stop?: AbortSignal): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    if (new URL(request.url).protocol !== 'https:')
      throw new TypeError('only https is asked with a certificate authority');
    const signal = stop === undefined ? request.signal : AbortSignal.any([stop, request.signal]);
    signal.throwIfAborted();
    const body = Buffer.from(await request.arrayBuffer());
    const headers = { ...Object.fromEntries(request.headers), 'content-length': String(body.length) };
    const answer = await answerTo(request.url, { method: request.method, headers, ca, agent: false, signal }, body);
    try {
      return responseOf(answer, signal);
    } catch (error) {
      // A status or a reason that no server may give. Nobody will read the rest.
      answer.destroy();
      throw error;
    }
  };
}

function responseOf(answer: IncomingMessage, signal: AbortSignal): Response {
  const status = answer.statusCode!;
  return new Response(bodiless.has(status) ? null : ReadableStream.from(bytesOf(answer, signal)), {
    status,
    statusText: answer.statusMessage ?? '',
    headers: Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    ),
  });
}

/** A body that was cut off is an error, never a shorter body. */
async function* bytesOf(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* answer as AsyncIterable<Uint8Array>;
    // Without a length the end of the connection is the end of the body, also where we have ended it.
    signal.throwIfAborted();
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

async function answerTo(url: string, options: RequestOptions, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    open(url, options, resolve)
      .on('error', (error) => reject(options.signal?.aborted ? (options.signal.reason as Error) : error))
      .end(body);
  });
}
