import type { CredentialRequest } from '../../domain/credential.ts';
import type { Command } from '../../environment/phase.ts';
import { requestsFor } from '../../platforms/index.ts';
import type { SandboxLogLine } from '../../sandbox/log.ts';
import { findProgram } from '../../terraform/find-program.ts';
import { demoNames, neighbourWorkspace } from './configuration.ts';
import { openPlayed, tryExchange, type Player } from './player.ts';
import type { DemoStep } from './tale.ts';
import { clock } from './words.ts';
import { worldParts, type WorldPart } from './world.ts';

/** What people read with, by platform: the first that the machine has. */
const tools: Readonly<Record<WorldPart['id'], readonly Command[]>> = {
  gcp: [{ file: 'gcloud', args: ['secrets', 'versions', 'access', 'latest', '--secret=greeting', '--quiet'] }],
  // Its own command line keeps what it gets in a cache, and takes seconds.
  azure: [],
  vault: ['bao', 'vault'].map((file) => ({
    file,
    args: ['kv', 'get', '-mount=secret', '-field=text', 'payments/greeting'],
  })),
  kubernetes: [
    {
      file: 'kubectl',
      args: ['get', 'configmap', 'greeting', '--namespace=payments', '--output=jsonpath={.data.text}'],
    },
  ],
};

/**
 * One plan phase with all other platforms at once; each is read from with its own tool, where the machine has it, and a
 * neighbour workspace asks for the same. Told afterwards: it runs beside the story.
 */
export async function playOthers(player: Player): Promise<readonly DemoStep[]> {
  const { stage } = player;
  const variables = Object.assign({}, ...worldParts.map((part) => part.variables)) as Record<string, string>;
  const all = { ...stage.sandbox.environment, ...variables };
  const requests = requestsFor(new Map(Object.entries(all).filter(([name]) => name.startsWith('TFC_'))), 'plan', {
    workspace: demoNames.workspace,
  });
  const seen = { output: '' };
  const logs = new Map(worldParts.map(({ id }) => [id, [] as SandboxLogLine[]]));
  const silence = worldParts.map(({ id }) => stage.listen(id, (line) => logs.get(id)!.push(line)));
  try {
    await using environment = await openPlayed(player, {
      phase: 'plan',
      requests,
      variables: Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith('TFC_'))),
      parentEnvironment: {},
      report: () => undefined,
      seen,
    });
    const steps: DemoStep[] = [];
    for (const part of worldParts) {
      const request = requests.find(({ platform }) => platform === part.id)!;
      const log = logs.get(part.id)!;
      const tool = await findTool(player, part);
      seen.output = '';
      const exitCode = tool === null ? null : (await environment.run(tool)).exitCode;
      const own = tool === null ? await tryExchange(player, request, 'plan', demoNames.workspace) : null;
      const admitted = [...log];
      const neighbour = await tryExchange(player, request, 'plan', neighbourWorkspace);
      steps.push(stepOf(part, { request, tool, exitCode, output: seen.output, admitted, own, neighbour }));
    }
    return steps;
  } finally {
    for (const stop of silence) stop();
  }
}

async function findTool({ context: { settings } }: Player, { id }: WorldPart): Promise<Command | null> {
  for (const { file, args } of tools[id]) {
    try {
      const found = await findProgram(file, {
        environment: settings.parentEnvironment,
        workingDirectory: settings.workingDirectory,
      });
      return { file: found.file, args };
    } catch {
      // Not on this machine: the next one, or our own exchange.
    }
  }
  return null;
}

interface Played {
  readonly request: CredentialRequest;
  readonly tool: Command | null;
  readonly exitCode: number | null;
  readonly output: string;
  readonly admitted: readonly SandboxLogLine[];
  readonly own: Awaited<ReturnType<typeof tryExchange>> | null;
  readonly neighbour: Awaited<ReturnType<typeof tryExchange>>;
}

/** Who asked, what the policy said, what came back; and what a neighbour was told. */
function stepOf(part: WorldPart, played: Played): DemoStep {
  const { tool, exitCode, output, admitted, own, neighbour } = played;
  const judged = admitted.filter(({ checks, outcome }) => outcome === 'ok' && checks.length > 0);
  const last = admitted.filter(({ expires_at: at, outcome }) => outcome === 'ok' && at !== null).at(-1);
  const isAdmitted = judged.length > 0 && (exitCode ?? 0) === 0 && (own?.refusal ?? null) === null;
  const { refusal } = neighbour;
  // The first is the token's; what follows asks what its bearer may do.
  const checks = judged[0]?.checks.length ?? 0;
  const back = last === undefined ? 'let in' : `credentials until ${clock(Date.parse(last.expires_at!))}`;
  const how =
    tool === null
      ? 'exchanged by Hallpass itself, no tool of the platform is on PATH'
      : `${tool.file.split('/').at(-1)} read "${output.trim().split('\n').at(-1) ?? ''}"`;
  return {
    part: 'others',
    step: 0,
    title: part.title,
    ok: isAdmitted && refusal !== null,
    lines: [
      `${played.request.offered ?? judged[0]?.principal ?? played.request.audience}: ${checks} checks held, ${back}; ${how}`,
      refusal === null
        ? `${neighbour.claims.sub} was let in too, and should not have been`
        : `${neighbourWorkspace} is refused: ${refusal.reasons[0]?.trim().replace(/:$/, '') ?? `${refusal.code}: ${refusal.message}`}`,
      ...(isAdmitted
        ? []
        : admitted.map((line) => `${line.action}: ${line.status} ${line.code ?? ''} ${line.message ?? ''}`)),
    ],
    data: {
      platform: part.id,
      tool: tool?.file.split('/').at(-1) ?? null,
      checks,
      neighbour: refusal === null ? null : { code: refusal.code, message: refusal.message, reasons: refusal.reasons },
    },
  };
}
