import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** What Node's parser says to a method that it does not know. */
interface ParserError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/**
 * Lets a server take the method LIST, which Vault has and Node's parser does not: such a request is sent to the server
 * once more as the GET with `list=true` that Vault takes for the same. The connection ends with its answer.
 */
export function acceptList(server: Server): void {
  server.on('clientError', (error: ParserError, socket: Socket) => {
    const head = error.code === 'HPE_INVALID_METHOD' ? (error.rawPacket?.toString('latin1') ?? '') : '';
    const request = asGet(head);
    if (request === null || !socket.writable) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      return;
    }
    const { address, port } = server.address() as AddressInfo;
    const again = connect(port, address, () => again.write(request, 'latin1'));
    again.on('error', () => socket.destroy());
    socket.on('error', () => again.destroy());
    again.pipe(socket);
  });
}

/** The head of a LIST request as a GET that ends its connection; null for anything else, or for half of one. */
function asGet(head: string): string | null {
  const found = /^LIST (\S+) HTTP\/1\.1\r\n([^]*?\r\n)\r\n/.exec(head);
  if (found === null) return null;
  const [, target, lines] = found;
  const kept = lines!.replace(/^(?:connection|content-length|transfer-encoding):.*\r\n/gim, '');
  return `GET ${target}${target!.includes('?') ? '&' : '?'}list=true HTTP/1.1\r\n${kept}Connection: close\r\n\r\n`;
}
