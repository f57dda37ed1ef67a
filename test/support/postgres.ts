import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from './hallpass.ts';
import { requireProgram } from './programs.ts';
import { freePort } from './servers.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A PostgreSQL server on loopback; leaving the scope ends it, and so does the end of this process. */
export interface Postgres extends AsyncDisposable {
  readonly port: number;
  /** Runs SQL as its administrator, `root`; rows on lines, columns between bars. */
  sql(text: string): Promise<string>;
}

export const adminPassword = 'password-of-a-test';

/** `nobody` of every Linux: its server refuses to run as root. */
const nobody = 65_534;

export async function startPostgres(): Promise<Postgres> {
  const bin = requireProgram('postgres');
  const isRoot = process.getuid!() === 0;
  const directory = temporaryDirectory('postgres');
  const data = join(directory, 'data');
  mkdirSync(data, { mode: 0o700 });
  chmodSync(directory, 0o755);
  if (isRoot) chownSync(data, nobody, nobody);
  const asNobody = isRoot ? ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] : [];
  const words = (...line: string[]): [string, string[]] => {
    const [file = '', ...args] = [...asNobody, ...line];
    return [file, args];
  };
  const made = await run(...words(join(bin, 'initdb'), '-D', data, '-U', 'root', '-A', 'trust', '-N'), { cwd: '/' });
  if (made.code !== 0) throw new Error(`initdb: ${made.stderr}`);
  const port = await freePort();
  const [file, args] = words(join(bin, 'postgres'), '-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-F');
  const script = '"$@" </dev/null >/dev/null 2>&1 & pid=$!; cat >/dev/null; kill -INT "$pid"; wait "$pid"';
  const child = spawn('sh', ['-c', script, 'sh', file, ...args], { cwd: '/', stdio: ['pipe', 'ignore', 'ignore'] });
  const close = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  const sql = async (text: string): Promise<string> => {
    const psql = ['-h', '127.0.0.1', '-p', String(port), '-U', 'root', '-d', 'postgres', '-Atc', text];
    const { stdout, stderr, code } = await run(join(bin, 'psql'), psql);
    if (code !== 0) throw new Error(`psql: ${stderr}`);
    return stdout.trim();
  };
  for (let tries = 0; ; tries += 1) {
    try {
      await sql(`ALTER ROLE root PASSWORD '${adminPassword}'`);
      return { port, sql, [Symbol.asyncDispose]: close };
    } catch (error) {
      if (tries < 100) await delay(100);
      else {
        await close();
        throw error;
      }
    }
  }
}
