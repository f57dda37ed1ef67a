import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

/** An answer that a test gives in a platform's place. */
export interface PlayedAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What was asked. */
export interface PlayedCall {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real HTTP server of a test file. */
export interface PlayedServer {
  /** Since the last `answer`. */
  readonly calls: readonly PlayedCall[];
  /** Starts anew: gives these answers in turn, then 500; without any it never answers. Gives its address. */
  answer(...answers: readonly PlayedAnswer[]): Promise<string>;
}

/** Ends after each test of the file that makes it. */
export function playedServer(contentType = 'application/json'): PlayedServer {
  const calls: PlayedCall[] = [];
  let server: Server | null = null;
  const close = async (): Promise<void> => {
    calls.length = 0;
    server?.closeAllConnections();
    await new Promise<void>((done) => (server === null ? done() : server.close(() => done())));
    server = null;
  };
  afterEach(close);
  return {
    calls,
    async answer(...answers) {
      await close();
      server = createServer((request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (text: string) => (body += text));
        request.on('end', () => {
          const answer = answers[calls.length] ?? { status: 500, body: 'asked once too often' };
          calls.push({ method: request.method!, url: request.url!, headers: request.headers, body });
          if (answers.length > 0)
            response.writeHead(answer.status, { 'content-type': contentType, ...answer.headers }).end(answer.body);
        });
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
  };
}
