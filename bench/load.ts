import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { program } from '../test/support/programs.ts';

const connections = 32;

/** What {@link requestsPerSecond} uses on this machine. */
export function loadGenerator(): string {
  return program('wrk').missing === undefined ? 'wrk' : 'the Node load generator';
}

/** Asks one URL of a server on loopback over {@link connections} kept-alive connections; requests answered a second. */
export async function requestsPerSecond(url: string, seconds: number): Promise<number> {
  const wrk = program('wrk');
  const [file, args] =
    wrk.missing === undefined
      ? [wrk.path, ['-t1', `-c${connections}`, `-d${seconds}s`, url]]
      : [
          process.execPath,
          [fileURLToPath(new URL('load-generator.ts', import.meta.url)), url, `${connections}`, `${seconds}`],
        ];
  const { stdout } = await promisify(execFile)(file, args);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1];
  if (rate === undefined || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`${file} against ${url}:\n${stdout}`);
  return Number(rate);
}
