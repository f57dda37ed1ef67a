// Serves issuer documents as `hallpass issuer serve` does, in a process of its own; prints the address.
import { readFileSync } from 'node:fs';
import { serveWellKnown } from '../src/server/well-known/serve.ts';

const [configuration = '', jwks = ''] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'));
const server = await serveWellKnown({
  listen: { host: '127.0.0.1', port: 0 },
  documents: () => ({ configuration, jwks, maxAgeSeconds: 300 }),
});
console.log(server.url);
