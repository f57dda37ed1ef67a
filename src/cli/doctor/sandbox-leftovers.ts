import { connect } from 'node:net';
import { exists } from '../../files/exists.ts';
import { proxyUser } from '../../sandbox/intercept.ts';
import type { CliContext } from '../context.ts';
import { finding, type Finding } from './finding.ts';

const proxyVariables = ['HTTPS_PROXY', 'https_proxy'];

/** Variables that `hallpass sandbox` prints and that name a file or a directory. */
const certificateVariables = [
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'AWS_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS',
  'CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE',
];

const dialMilliseconds = 1000;

/** Variables of a sandbox that is gone: every https call of this shell fails on them, with errors that say little. */
export async function checkSandboxLeftovers({ settings }: CliContext): Promise<readonly Finding[]> {
  const { parentEnvironment } = settings;
  const all = await Promise.all([
    ...proxyVariables.map(async (name) => {
      const port = sandboxPort(parentEnvironment[name]);
      if (port === null || (await listens(port))) return null;
      const what = `${name} leads to the proxy of a sandbox that has ended: nobody listens on 127.0.0.1:${port}`;
      return finding('variables', 'problem', what, `unset ${name}, or start hallpass sandbox --intercept again`);
    }),
    ...certificateVariables.map(async (name) => {
      const file = parentEnvironment[name];
      if (!file || (await exists(file))) return null;
      const what = `${name} names ${file}, which does not exist: clients will trust nobody`;
      return finding('variables', 'problem', what, `unset ${name}; a sandbox removes its certificate when it ends`);
    }),
  ]);
  return all.filter((one) => one !== null);
}

/** The port of a proxy that a sandbox printed; null for any other value. */
function sandboxPort(value: string | undefined): number | null {
  const url = value === undefined ? null : URL.parse(value);
  return url?.username === proxyUser && url.hostname === '127.0.0.1' && url.port !== '' ? Number(url.port) : null;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: dialMilliseconds });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
