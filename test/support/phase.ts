import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { AuditLog } from '../../src/audit/log.ts';
import type { NewAuditEvent } from '../../src/audit/event.ts';
import type { CredentialRequest } from '../../src/domain/credential.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { IdentityToken, MintRequest } from '../../src/domain/token.ts';
import type { EnvironmentSettings, PhaseEvent, PhaseIo, PhaseRun } from '../../src/environment/phase.ts';
import type { StopSignal } from '../../src/environment/signals.ts';
import { requestsFor } from '../../src/platforms/index.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A phase that tests can run: real directories and processes, tokens of the test's own. */
export interface TestPhase {
  readonly run: PhaseRun;
  readonly io: PhaseIo & { readonly stdout: PassThrough; readonly stderr: PassThrough };
  readonly events: PhaseEvent[];
  readonly audited: NewAuditEvent[];
  readonly minted: MintRequest[];
  /** Compact forms of all tokens so far. */
  readonly tokens: string[];
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly press: (signal: StopSignal) => void;
  /** Waits for an event of this type. */
  event<T extends PhaseEvent['type']>(type: T): Promise<Extract<PhaseEvent, { type: T }>>;
}

export interface TestPhaseOptions {
  readonly command?: readonly string[];
  readonly script?: string;
  readonly tfc?: Readonly<Record<string, string>>;
  readonly requests?: readonly CredentialRequest[];
  readonly variables?: Readonly<Record<string, Secret | string>>;
  readonly terraformVariables?: Readonly<Record<string, Secret | string>>;
  readonly settings?: Partial<EnvironmentSettings>;
  readonly run?: Partial<PhaseRun>;
  readonly io?: Partial<PhaseIo>;
  readonly workspace?: string;
  readonly mint?: (request: MintRequest) => Promise<void>;
}

/** Variables that switch on the AWS platform with one role. */
export const awsDefault = {
  TFC_AWS_PROVIDER_AUTH: 'true',
  TFC_AWS_RUN_ROLE_ARN: 'arn:aws:iam::111122223333:role/plan',
};

/** A workspace name of its own, so that private directories of tests do not meet. */
export function uniqueWorkspace(): string {
  return `ws-${randomBytes(6).toString('hex')}`;
}

/** Makes a phase; everything can be replaced. */
export function testPhase(options: TestPhaseOptions = {}): TestPhase {
  const place = temporaryDirectory('phase');
  for (const name of ['home', 'work', 'data', 'run', 'kek']) mkdirSync(join(place, name), { mode: 0o700 });
  const events: PhaseEvent[] = [];
  const audited: NewAuditEvent[] = [];
  const minted: MintRequest[] = [];
  const tokens: string[] = [];
  const waiting = new Set<() => void>();
  const listeners = new Set<(signal: StopSignal) => void>();
  const [stdout, stderr] = [collector(), collector()];
  const workspace = options.workspace ?? uniqueWorkspace();
  const [file = 'sh', ...args] = options.command ?? ['sh', '-c', options.script ?? ':'];
  const run: PhaseRun = {
    lease: leaseOf(workspace),
    requests: options.requests ?? requestsFor(new Map(Object.entries(options.tfc ?? {})), 'plan', { workspace }),
    tokens: {
      mint: async (request) => {
        minted.push(request);
        await options.mint?.(request);
        const token = testToken(request.lifetimeSeconds ?? 3600);
        tokens.push(token.compact.reveal());
        return token;
      },
    },
    command: { file, args },
    variables: new Map(Object.entries(options.variables ?? {})),
    terraformVariables: new Map(Object.entries(options.terraformVariables ?? {})),
    tokenLifetimeSeconds: null,
    explain: false,
    settings: {
      parentEnvironment: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      homeDirectory: join(place, 'home'),
      workingDirectory: join(place, 'work'),
      dataDirectory: join(place, 'data'),
      keyEncryptionKeyFile: join(place, 'kek', 'kek'),
      runDirectory: join(place, 'run'),
      passEnvironment: [],
      inheritHome: false,
      isolation: 'off',
      redact: 'auto',
      ...options.settings,
    },
    audit: memoryAudit(audited),
    report: (event) => {
      events.push(event);
      for (const look of waiting) look();
    },
    ...options.run,
  };
  return {
    run,
    io: {
      fetch: async () => {
        throw new Error('this test has not asked for the network');
      },
      now: () => new Date(),
      stdin: new PassThrough(),
      signals: {
        listen: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      ...options.io,
      stdout: stdout.stream,
      stderr: stderr.stream,
    },
    events,
    audited,
    minted,
    tokens,
    stdout: stdout.text,
    stderr: stderr.text,
    press: (signal) => listeners.forEach((listener) => listener(signal)),
    event: (type) => waitForEvent(type, events, waiting),
  };
}

/** An audit that keeps its events in memory. */
export function memoryAudit(events: NewAuditEvent[]): AuditLog {
  return {
    append: async (event: NewAuditEvent) => {
      events.push(event);
      return event;
    },
    close: async () => undefined,
  } as unknown as AuditLog;
}

/** A token of the usual size whose compact form is random. */
export function testToken(lifetimeSeconds: number): IdentityToken {
  const iat = Math.floor(Date.now() / 1000);
  const compact = [
    'eyJhbGciOiJSUzI1NiJ9',
    randomBytes(450).toString('base64url'),
    randomBytes(256).toString('base64url'),
  ];
  return {
    compact: new Secret(compact.join('.')),
    claims: {
      iss: 'https://id.example.com',
      aud: 'a',
      sub: 's',
      jti: randomBytes(4).toString('hex'),
      iat,
      nbf: iat,
      exp: iat + lifetimeSeconds,
    },
    kid: 'key-1',
    sha256: 'ab'.repeat(32),
    expiresAt: new Date(Date.now() + lifetimeSeconds * 1000),
  };
}

/** A lease on the plan of one workspace. */
export function leaseOf(workspace: string): PhaseRun['lease'] {
  return {
    id: 'lease-1',
    actor: { name: 'somebody', source: 'operating_system' },
    workload: {
      kind: 'workspace_run',
      organization: { id: 'org-1', name: 'acme' },
      project: { id: 'prj-1', name: 'payments' },
      workspace: { id: 'ws-1', name: workspace },
      runId: 'run-8KxZk5uNq8xTg2sV',
      phase: 'plan',
    },
  };
}

function collector(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return { stream, text: () => text };
}

async function waitForEvent<T extends PhaseEvent['type']>(
  type: T,
  events: readonly PhaseEvent[],
  waiting: Set<() => void>,
): Promise<Extract<PhaseEvent, { type: T }>> {
  for (;;) {
    const found = events.find((event) => event.type === type);
    if (found !== undefined) return found as Extract<PhaseEvent, { type: T }>;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
    });
  }
}

/** Waits until a phase's standard output has said something. */
export async function said(phase: TestPhase, what: string): Promise<void> {
  while (!phase.stdout().includes(what)) await once(phase.io.stdout, 'data');
}
