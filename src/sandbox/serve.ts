import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { readCall } from './http-call.ts';
import type { StandIn } from './stand-in.ts';

/** Has a stand-in answer what an HTTP server receives. */
export function requestListener(standIn: StandIn): RequestListener {
  return (request, response) => {
    // A caller that went away in the middle has nobody to answer.
    serve(request, response, standIn).catch(() => response.destroy());
  };
}

async function serve(request: IncomingMessage, response: ServerResponse, standIn: StandIn): Promise<void> {
  const answer = await standIn.answer(await readCall(request));
  response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

/** Ends a server with whatever is still connected. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
