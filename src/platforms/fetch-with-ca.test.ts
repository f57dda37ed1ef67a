import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { loopbackNames, openCertificateAuthority } from '../sandbox/certificates.ts';
import { fetchWithCa } from './fetch-with-ca.ts';

const authority = openCertificateAuthority({ hosts: [], at: new Date() });
const other = openCertificateAuthority({ hosts: [], at: new Date() });

let server: Server | undefined;

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise<void>((done) => (server === undefined ? done() : server.close(() => done())));
  server = undefined;
});

/** A real TLS server with a certificate of {@link authority}. */
async function serving(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const ca = await authority;
  server = createServer({ ...(await ca.certificateFor(...loopbackNames)) }, answer);
  await new Promise<void>((done) => server!.listen(0, '127.0.0.1', done));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const askWith = async (): Promise<typeof fetch> => fetchWithCa((await authority).pem);

describe('fetchWithCa', () => {
  it('sends method, headers and body, and gives status, headers and body back', async () => {
    const url = await serving((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        response.writeHead(418, { 'x-one': '1', 'set-cookie': ['a=1', 'b=2'] });
        response.end(`${request.method} ${request.url} ${String(request.headers['x-mine'])} ${body}`);
      });
    });
    const ask = await askWith();
    const response = await ask(`${url}/path?q=1`, { method: 'POST', headers: { 'x-mine': 'me' }, body: 'héllo' });
    expect(response.status).toBe(418);
    expect(response.headers.get('x-one')).toBe('1');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.text()).toBe('POST /path?q=1 me héllo');
  });

  it('takes a Request, and an answer without a body', async () => {
    const url = await serving((_, response) => void response.writeHead(204).end());
    const response = await (await askWith())(new Request(url, { method: 'PUT' }));
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
  });

  it('does not follow a redirect', async () => {
    const url = await serving(
      (_, response) => void response.writeHead(302, { location: 'https://evil.invalid' }).end(),
    );
    expect((await (await askWith())(url)).status).toBe(302);
  });

  it('takes no half of a body for a whole one', async () => {
    const starts = ['connection: close', 'transfer-encoding: chunked', 'content-length: 99'];
    const url = await serving(({ socket, url: path }) => {
      const [head, isCut] = [starts[Number(path!.at(-1))]!, path!.startsWith('/cut')];
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n4\r\nhalf\r\n`);
      if (isCut) socket.destroySoon();
    });
    const ask = await askWith();
    for (const index of [0, 1, 2]) {
      const response = await ask(`${url}/slow/${index}`, { signal: AbortSignal.timeout(200) });
      await expect(response.text()).rejects.toThrow(/timeout/);
    }
    for (const index of [1, 2]) {
      await expect(ask(`${url}/cut/${index}`).then((response) => response.text())).rejects.toThrow(/abort/);
    }
  });

  it('lets go of an answer that cannot be one', async () => {
    const url = await serving((request) => void request.socket.write('HTTP/1.1 999 No\r\ncontent-length: 5\r\n\r\nab'));
    const closed = new Promise((resolve) =>
      server!.once('secureConnection', (socket) => socket.once('close', resolve)),
    );
    await expect((await askWith())(url)).rejects.toThrow(RangeError);
    await closed;
  });

  it('refuses a server of another authority, before anything is sent', async () => {
    let asked = 0;
    const url = await serving((_, response) => {
      asked += 1;
      response.end();
    });
    await expect(fetchWithCa((await other).pem)(url)).rejects.toThrow(/certificate|signature/);
    expect(asked).toBe(0);
  });

  it('refuses a certificate for another name', async () => {
    const ca = await openCertificateAuthority({ hosts: ['api.example.com'], at: new Date() });
    server = createServer({ ...(await ca.certificateFor('api.example.com')) }, (_, response) => void response.end());
    await new Promise<void>((done) => server!.listen(0, '127.0.0.1', done));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(fetchWithCa(ca.pem)(url)).rejects.toThrow(/altnames/);
  });

  it.each(['http://127.0.0.1:1/', 'ftp://127.0.0.1/'])('refuses %s', async (url) => {
    await expect((await askWith())(url)).rejects.toThrow('only https');
  });

  it('refuses what is no certificate', async () => {
    const url = await serving((_, response) => void response.end());
    await expect(fetchWithCa('nothing')(url)).rejects.toThrow(/PEM|certificate/i);
  });

  it.each([
    ['of the call', (stop: AbortSignal) => [undefined, stop] as const],
    ['of all calls', (stop: AbortSignal) => [stop, undefined] as const],
  ])('ends with the signal %s, before and after the head', async (_, split) => {
    const stop = new AbortController();
    const [all, one] = split(stop.signal);
    const url = await serving((request, response) => {
      // The answer begins, and never ends.
      if (request.url === '/slow') response.writeHead(200).write('x');
    });
    const ask = fetchWithCa((await authority).pem, all);
    const options = one === undefined ? {} : { signal: one };
    const body = (await ask(`${url}/slow`, options)).text();
    const never = ask(`${url}/never`, options);
    const both = Promise.allSettled([body, never]);
    stop.abort(new Error('stopped'));
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(never).rejects.toThrow('stopped');
    await expect(ask(url, options)).rejects.toThrow('stopped');
  });
});
