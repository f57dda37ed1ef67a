import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuditLog, type AuditLog } from '../../audit/log.ts';
import type { JsonObject } from '../../domain/json.ts';
import { noteProcess } from '../../environment/process-table.ts';
import { openThrowAwayIssuer, type Issuer } from '../../identity/issuer.ts';
import { openSandbox, type Sandbox } from '../../sandbox/open.ts';
import { readSandboxConfig } from '../../sandbox/config.ts';
import type { SandboxLogLine } from '../../sandbox/log.ts';
import { serveWellKnown } from '../../server/well-known/serve.ts';
import type { CliContext } from '../context.ts';
import { demoNames, sandboxConfiguration } from './configuration.ts';
import { worldParts } from './world.ts';

const stem = 'hallpass-demo-';

/** The throw-away world of the demo: an issuer, a stand-in that trusts it, an audit log, a directory. */
export interface Stage extends AsyncDisposable {
  readonly directory: string;
  readonly dataDirectory: string;
  /** Where the Terraform configuration lies. */
  readonly terraformDirectory: string;
  /** Base of the phases' private directories: our own, since somebody else on this machine may play the demo too. */
  readonly runDirectory: string;
  readonly issuer: Issuer;
  readonly audit: AuditLog;
  readonly sandbox: Sandbox;
  /** Everything that the stand-in was asked, in order. */
  readonly log: readonly SandboxLogLine[];
  /** Has a platform's further lines told; gives a function that ends it. */
  listen(platform: string, told: (line: SandboxLogLine) => void): () => void;
}

/** Opens it on free loopback ports; leaving the scope closes and deletes everything. */
export async function openStage(context: CliContext): Promise<Stage> {
  await using closing = new AsyncDisposableStack();
  await clearEarlierStages();
  const directory = await mkdtemp(join(tmpdir(), `${stem}${process.pid}-`));
  closing.defer(() => rm(directory, { recursive: true, force: true }));
  const dataDirectory = join(directory, 'data');
  const terraformDirectory = join(directory, 'terraform');
  const runDirectory = join(directory, 'run');
  for (const made of [terraformDirectory, runDirectory]) await mkdir(made, { mode: 0o700 });
  const audit = await openAuditLog({ dataDirectory, now: context.now });
  closing.defer(() => audit.close());

  let opened: Issuer | undefined;
  const published = await serveWellKnown({
    listen: { host: '127.0.0.1', port: 0 },
    documents: async (url) => {
      opened ??= await openThrowAwayIssuer({ issuer: url, audit, now: context.now });
      return opened.documents();
    },
  });
  closing.defer(() => published.close());
  const issuer = opened!;

  const log: SandboxLogLine[] = [];
  const listeners = new Set<{ readonly platform: string; readonly told: (line: SandboxLogLine) => void }>();
  const config = await readSandboxConfig(JSON.stringify(world(issuer.url)), directory, 'the demo');
  const sandbox = await openSandbox({
    config,
    now: context.now,
    log: (line) => {
      log.push(line);
      for (const listener of listeners) if (listener.platform === line.platform) listener.told(line);
    },
  });
  closing.defer(() => sandbox.close());
  const closed = closing.move();
  const stage: Stage = {
    directory,
    dataDirectory,
    terraformDirectory,
    runDirectory,
    issuer,
    audit,
    sandbox,
    log,
    listen(platform, told) {
      const listener = { platform, told };
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [Symbol.asyncDispose]: () => closed.disposeAsync(),
  };
  return stage;
}

/** All stand-ins of the demo, each with its own part. */
function world(issuer: string): JsonObject {
  const others = worldParts.map((part) => [part.id, part.sandbox(issuer, demoNames)] as const);
  return { ...sandboxConfiguration(issuer), ...Object.fromEntries(others) };
}

/** Removes what a demo left behind that was killed; those of other users are not ours to touch. */
async function clearEarlierStages(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(name.startsWith(stem) ? name.slice(stem.length).split('-')[0] : Number.NaN);
    if (!Number.isInteger(pid) || noteProcess(pid) !== null) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}
