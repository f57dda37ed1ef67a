import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from '../test/support/programs.ts';
import { measurePairs, summarize, type Benchmark } from './benchmark.ts';
import { freePort, startServer, startSilentServer } from '../test/support/servers.ts';
import { loadGenerator, requestsPerSecond } from './load.ts';

const secondsEach = 3;
const what = 'JWKS requests, one process';

/** Requests a second for the key set, beside nginx with one worker serving a static file of the same bytes. */
export const wellKnown: Benchmark = {
  name: 'jwks',
  async run(say) {
    const nginx = program('nginx');
    if (nginx.missing !== undefined) return [{ what, skipped: `nginx: ${nginx.missing}` }];
    const directory = mkdtempSync(join(tmpdir(), 'hallpass-bench-'));
    try {
      mkdirSync(join(directory, '.well-known'));
      const jwks = join(directory, '.well-known/jwks');
      writeFileSync(jwks, keySet());
      const serve = fileURLToPath(new URL('serve-documents.ts', import.meta.url));
      await using ours = await startServer(process.execPath, [serve, jwks, jwks]);
      const port = await freePort();
      writeFileSync(join(directory, 'nginx.conf'), nginxConfiguration(directory, port));
      await using _limit = await startSilentServer(
        nginx.path,
        ['-p', directory, '-c', join(directory, 'nginx.conf')],
        port,
      );
      const rate = (base: string, name: string) => async () => {
        const measured = await requestsPerSecond(`${base}/.well-known/jwks`, secondsEach);
        say(`${name} ${measured.toFixed(0)} requests/s`);
        return measured;
      };
      const pairs = await measurePairs(3, rate(ours.firstLine, 'ours'), rate(`http://127.0.0.1:${port}`, 'nginx'));
      const { ours: own, limit, ratio } = summarize(pairs);
      const limitName = `nginx, one worker, static file; load from ${loadGenerator()}`;
      return [{ what, ours: own, limit, limitName, unit: '/s', ratio, target: '>= 0.70', isMet: ratio >= 0.7 }];
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** A key set as ours looks in its usual state: two keys, active and next. */
function keySet(): string {
  const keys = ['active', 'next'].map((name) => ({
    ...generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }),
    kid: name.padEnd(43, 'x'),
    alg: 'RS256',
    use: 'sig',
  }));
  return JSON.stringify({ keys });
}

/** nginx at its best for this job: no log, file handles kept open, one worker as ours is one process. */
function nginxConfiguration(directory: string, port: number): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
error_log ${directory}/error.log;
pid ${directory}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  ${places.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  sendfile on;
  tcp_nopush on;
  open_file_cache max=16;
  keepalive_requests 100000000;
  default_type application/json;
  server {
    listen 127.0.0.1:${port};
    root ${directory};
    add_header Cache-Control "public, max-age=300";
  }
}
`;
}
