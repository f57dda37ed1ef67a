// A small HTTP/1.1 load generator, for machines without wrk: node load-generator.ts URL CONNECTIONS SECONDS.
import { once } from 'node:events';
import { connect } from 'node:net';

const [url = '', connections = '1', seconds = '1'] = process.argv.slice(2);
const { hostname, port, pathname } = new URL(url);
const request = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`;
const began = performance.now();
const end = began + Number(seconds) * 1000;
let answered = 0;

/** One connection: the next request goes out when the answer to the last is in. The body's length is in the header. */
async function ask(): Promise<void> {
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  let seen = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    seen += text;
    const head = seen.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(seen.slice(0, head))?.[1]);
    if (!seen.startsWith('HTTP/1.1 200') || Number.isNaN(length))
      throw new Error(`unexpected answer: ${seen.slice(0, 200)}`);
    if (seen.length < head + 4 + length) return;
    seen = '';
    answered += 1;
    if (performance.now() < end) socket.write(request);
    else socket.end();
  });
  socket.write(request);
  await once(socket, 'close');
}

await Promise.all(Array.from({ length: Number(connections) }, ask));
console.log(`Requests/sec: ${(answered * 1000) / (performance.now() - began)}`);
