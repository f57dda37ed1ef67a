import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CredentialRequest } from '../../src/domain/credential.ts';

/** What a phase in a process of its own is told. */
export interface PhaseProcessOptions {
  readonly runDirectory: string;
  readonly workingDirectory: string;
  readonly workspace: string;
  readonly script: string;
  readonly isolation?: 'mask' | 'off';
  readonly secret?: string;
  readonly redact?: boolean;
  /** A configuration of a lease server, and where the phase stands still for ever: to be killed there. */
  readonly lease?: { readonly url: string; readonly standsStill?: 'obtained' | 'noted' };
}

/** The program that runs the phase; `spawn` it with the options as JSON in its first argument. */
export const phaseProgram = fileURLToPath(import.meta.url);

/** Runs a phase in a Node process of its own, for what only a second process can show: kills, terminals, pipes. */
export function startPhaseProcess(
  options: PhaseProcessOptions,
  stdio: 'pipe' | 'ignore' = 'pipe',
): ChildProcess & { said(what: string): Promise<void>; text(): string } {
  const child = spawn(process.execPath, [phaseProgram, JSON.stringify(options)], { stdio: ['ignore', stdio, stdio] });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return Object.assign(child, {
    text: () => text,
    said: async (what: string) => {
      while (!text.includes(what)) await once(child.stdout!, 'data');
    },
  });
}

async function main(options: PhaseProcessOptions): Promise<void> {
  const { runPhase } = await import('../../src/environment/run-phase.ts');
  const { processSignals } = await import('../../src/environment/signals.ts');
  const { Secret } = await import('../../src/domain/secret.ts');
  const { leaseOf, memoryAudit, testToken } = await import('./phase.ts');
  const { leasePlatform } = await import('./lease-platform.ts');
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const outcome = await runPhase(
    {
      lease: leaseOf(options.workspace),
      requests: options.lease === undefined ? [] : [await standingRequest(options.lease)],
      platforms: [leasePlatform],
      tokens: { mint: async () => testToken(3600) },
      command: { file: 'sh', args: ['-c', options.script] },
      variables: new Map(options.secret === undefined ? [] : [['SECRET', new Secret(options.secret)]]),
      terraformVariables: new Map(),
      tokenLifetimeSeconds: null,
      explain: false,
      settings: {
        parentEnvironment: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
        homeDirectory: options.workingDirectory,
        workingDirectory: options.workingDirectory,
        dataDirectory: `${options.runDirectory}/data`,
        keyEncryptionKeyFile: `${options.runDirectory}/kek`,
        runDirectory: options.runDirectory,
        passEnvironment: [],
        inheritHome: false,
        isolation: options.isolation ?? 'off',
        redact: options.redact ?? 'auto',
      },
      audit: memoryAudit([]),
      report: () => undefined,
    },
    {
      fetch,
      now: () => new Date(),
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      signals: processSignals(process),
    },
  );
  process.exitCode = outcome.exitCode;
}

/** A configuration that says how far it is, and goes no further. */
async function standingRequest(lease: NonNullable<PhaseProcessOptions['lease']>): Promise<CredentialRequest> {
  const { leaseRequest } = await import('./lease-platform.ts');
  const request = leaseRequest(lease.url);
  const { standsStill } = lease;
  if (standsStill === undefined) return request;
  const obtain: CredentialRequest['obtain'] = async (token, io) => {
    const set = await request.obtain(token, io);
    process.stdout.write('obtained\n');
    if (standsStill === 'obtained') return new Promise<never>(() => setInterval(() => undefined, 1000));
    // The contents are looked at for the redaction list, then for the file, after the note.
    let looks = 0;
    const contents = set.files[0]!.contents;
    const file = {
      name: 'lease',
      get contents() {
        looks += 1;
        if (looks === 1) return contents;
        writeSync(1, 'noted\n');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        return contents;
      },
    };
    return { ...set, files: [file] };
  };
  return { ...request, obtain };
}

if (process.argv[1] === phaseProgram) await main(JSON.parse(process.argv[2]!) as PhaseProcessOptions);
