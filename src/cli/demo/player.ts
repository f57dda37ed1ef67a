import { PassThrough } from 'node:stream';
import type { CredentialRequest, Refusal } from '../../domain/credential.ts';
import { derivedId, randomId } from '../../domain/ids.ts';
import type { Lease } from '../../domain/lease.ts';
import type { Claims } from '../../domain/token.ts';
import { sessionNameOf, type Phase } from '../../domain/workload.ts';
import type { PhaseEnvironment, PhaseIo, PhaseRun } from '../../environment/phase.ts';
import { openPhase } from '../../environment/run-phase.ts';
import { processSignals } from '../../environment/signals.ts';
import { fetchWithCa } from '../../platforms/fetch-with-ca.ts';
import { currentActor } from '../actor.ts';
import type { CliContext } from '../context.ts';
import { demoNames } from './configuration.ts';
import type { Script } from './script.ts';
import type { Stage } from './stage.ts';
import type { Tale } from './tale.ts';

/** All that the demo plays with. */
export interface Player {
  readonly context: CliContext;
  readonly stage: Stage;
  readonly script: Script;
  readonly tale: Tale;
  readonly runId: string;
}

/** One phase of the demo's workspace. */
export interface PlayedPhase {
  readonly phase: Phase;
  readonly requests: readonly CredentialRequest[];
  /** Where the stand-ins are, and the workspace's own variables for the command. */
  readonly variables: Readonly<Record<string, string>>;
  /** Added to the caller's. */
  readonly parentEnvironment: Readonly<Record<string, string>>;
  readonly report: PhaseRun['report'];
  /** Gets what the commands print. */
  readonly seen: { output: string };
}

/** Opens a phase through the same code as `exec`. */
export async function openPlayed(player: Player, played: PlayedPhase): Promise<PhaseEnvironment> {
  const { context, stage } = player;
  const { settings } = context;
  const run: PhaseRun = {
    lease: leaseFor(player, played.phase, demoNames.workspace),
    requests: played.requests,
    tokens: stage.issuer,
    // Each command is named when it is run.
    command: { file: 'true', args: [] },
    variables: new Map(Object.entries(played.variables)),
    terraformVariables: new Map(),
    tokenLifetimeSeconds: null,
    explain: false,
    audit: stage.audit,
    report: played.report,
    settings: {
      parentEnvironment: { ...settings.parentEnvironment, ...played.parentEnvironment },
      homeDirectory: settings.homeDirectory,
      workingDirectory: stage.terraformDirectory,
      dataDirectory: settings.dataDirectory,
      keyEncryptionKeyFile: settings.keyEncryptionKeyFile,
      runDirectory: stage.runDirectory,
      passEnvironment: [],
      inheritHome: false,
      isolation: 'auto',
      redact: true,
      interactive: false,
    },
  };
  return openPhase(run, phaseIo(context, played.seen));
}

/** Offers a workspace's own token to the platform, as its exchange would; what comes back is thrown away. */
export async function tryExchange(
  player: Player,
  request: CredentialRequest,
  phase: Phase,
  workspace: string,
): Promise<{ readonly claims: Claims; readonly refusal: Refusal | null }> {
  const { context, stage } = player;
  const lease = leaseFor(player, phase, workspace);
  const { platform, tag, offered, audience } = request;
  const token = await stage.issuer.mint({ lease, audience, purpose: { platform, tag, offered } });
  const refusal = await request.explain?.(token, {
    fetch: fetchFor(player),
    now: context.now,
    directory: stage.directory,
    sessionName: sessionNameOf(lease.workload),
    environment: stage.sandbox.environment,
  });
  return { claims: token.claims, refusal: refusal ?? null };
}

/** Stand-ins that serve TLS do so with an authority that only they know. */
function fetchFor({ context, stage }: Player): typeof fetch {
  const { ca } = stage.sandbox;
  if (ca === null) return context.fetch;
  const trusting = fetchWithCa(ca);
  return async (input, init) => {
    const url = input instanceof Request ? input.url : input.toString();
    return url.startsWith('https:') ? trusting(input, init) : context.fetch(input, init);
  };
}

function leaseFor(player: Player, phase: Phase, workspace: string): Lease {
  const { organization, project } = demoNames;
  return {
    id: randomId('lease'),
    actor: currentActor(player.context.settings),
    workload: {
      kind: 'workspace_run',
      organization: { name: organization, id: derivedId('org', [organization]) },
      project: { name: project, id: derivedId('prj', [organization, project]) },
      workspace: { name: workspace, id: derivedId('ws', [organization, project, workspace]) },
      runId: player.runId,
      phase,
    },
  };
}

function phaseIo(context: CliContext, seen: { output: string }): PhaseIo {
  const collect = (): PassThrough => {
    const stream = new PassThrough();
    stream.setEncoding('utf8').on('data', (text: string) => (seen.output += text));
    return stream;
  };
  return {
    fetch: context.fetch,
    now: context.now,
    stdin: context.stdin,
    stdout: collect(),
    stderr: collect(),
    signals: processSignals(process),
  };
}
