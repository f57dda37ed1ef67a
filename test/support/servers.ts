import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A server that a benchmark started; leaving the scope ends it. */
export interface ServerChild extends AsyncDisposable {
  /** The first line that it printed, or `''` when nobody waited for one. */
  readonly firstLine: string;
}

/** Starts a server in a process of its own and waits for its first line of output. */
export async function startServer(
  file: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<ServerChild> {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const firstLine = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}: ${errors}`)));
  });
  return { firstLine, [Symbol.asyncDispose]: () => end(child) };
}

/** Starts a server that says nothing, and waits until its port answers. */
export async function startSilentServer(file: string, args: readonly string[], port: number): Promise<ServerChild> {
  const child = spawn(file, args, { stdio: 'ignore' });
  for (let tries = 0; tries < 100; tries += 1) {
    if (await answers(port)) return { firstLine: '', [Symbol.asyncDispose]: () => end(child) };
    await delay(50);
  }
  await end(child);
  throw new Error(`${file} does not answer on port ${port}`);
}

/** A port of the loopback interface that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
