import { randomId } from '../../domain/ids.ts';
import type { Phase } from '../../domain/workload.ts';
import type { Command } from '../../environment/phase.ts';
import { requestsFor } from '../../platforms/index.ts';
import type { CliContext } from '../context.ts';
import { demoNames, demoVariables, neighbourWorkspace, roleArn } from './configuration.ts';
import { playOthers } from './others.ts';
import { openPlayed, tryExchange, type Player } from './player.ts';
import type { Script } from './script.ts';
import { type Listener, type Seen, tellSevenSteps } from './seven-steps.ts';
import type { Stage } from './stage.ts';
import { roleName, tail } from './words.ts';
import type { Tale } from './tale.ts';

/** Plays plan, apply, two refusals and destroy, and tells each of the seven steps when it has been seen. */
export async function playStory(context: CliContext, stage: Stage, script: Script, tale: Tale): Promise<void> {
  const player: Player = { context, stage, script, tale, runId: randomId('run') };
  introduce(player);
  const others = playOthers(player);
  // Their errors are told in their place.
  others.catch(() => undefined);
  tale.heading(`Plan: reads as ${roleArn('plan')}`);
  await playPhase(player, 'plan', 'plan', script.plan);
  tale.heading(`Apply: a new token, another role, ${roleArn('apply')}`);
  await playPhase(player, 'apply', 'apply', script.apply);
  tale.heading('What is refused');
  await playApplyAsPlan(player);
  await playNeighbour(player);
  tale.heading('Destroy: a third token');
  await playPhase(player, 'destroy', 'apply', script.destroy);
  tale.heading('The same for four more platforms, all in one plan');
  for (const step of await others) tale.step(step);
  conclude(player);
}

function introduce({ stage, script, tale }: Player): void {
  tale.heading('Hallpass: seven steps for each plan and, separately, for each apply');
  for (const sentence of script.introduction) tale.line(`  ${sentence}`);
  tale.line(
    `  issuer ${stage.issuer.url} (throw-away), stand-in of AWS ${stage.sandbox.endpoint('aws')}, both on this machine`,
  );
  tale.line(
    `  workspace ${Object.values(demoNames).join('/')}; its plan role may read one parameter, its apply role may write it`,
  );
}

const nobody: Listener = { event: () => undefined, logLine: () => undefined };

/** One phase through the same code as `exec`, told as its seven steps. */
async function playPhase(player: Player, part: string, phase: Phase, commands: readonly Command[]): Promise<void> {
  const seen: Seen = { log: [], output: '' };
  const tell = tellSevenSteps(player.tale, part, seen);
  const exitCode = await runCommands(player, phase, commands, seen, tell);
  tell.finish(exitCode);
}

/** The plan's identity tries to apply: terraform may start, AWS lets it read, and refuses the write. */
async function playApplyAsPlan(player: Player): Promise<void> {
  const seen: Seen = { log: [], output: '' };
  const exitCode = await runCommands(player, 'plan', [player.script.applyAsPlan], seen, nobody);
  const refused = seen.log.find((line) => line.outcome === 'refused' && line.action.startsWith('ssm:'));
  player.tale.step({
    part: 'refusals',
    step: 0,
    title: 'wrong role',
    ok: exitCode !== 0 && refused !== undefined && refused.code === 'AccessDeniedException',
    lines: refused
      ? [`an apply as ${roleName(refused.role)} fails: ${refused.code}`, refused.message ?? '']
      : ['an apply under the plan role should have been refused, and was not', ...tail(seen.output)],
    data: {
      exit_code: exitCode,
      action: refused?.action ?? null,
      code: refused?.code ?? null,
      message: refused?.message ?? null,
    },
  });
}

/** A workspace whose name begins like ours asks for our role with a token of its own. */
async function playNeighbour(player: Player): Promise<void> {
  const { tale } = player;
  const [request] = requestsFor(demoVariables, 'apply', { workspace: neighbourWorkspace });
  const { claims, refusal } = await tryExchange(player, request!, 'apply', neighbourWorkspace);
  tale.step({
    part: 'refusals',
    step: 0,
    title: 'neighbour',
    ok: refusal !== null && refusal !== undefined && refusal.code === 'AccessDenied',
    lines: refusal
      ? [claims.sub, `asks for ${roleName(refusal.role)}: ${refusal.code}: ${refusal.message}`, ...refusal.reasons]
      : ['a token of a neighbour workspace was accepted'],
    data: {
      sub: claims.sub,
      code: refusal?.code ?? null,
      message: refusal?.message ?? null,
      reasons: refusal?.reasons ?? [],
    },
  });
}

/** Runs the AWS side of a phase: other platforms are played beside it. */
async function runCommands(
  player: Player,
  phase: Phase,
  commands: readonly Command[],
  seen: Seen,
  tell: Listener,
): Promise<number> {
  const { stage, script } = player;
  const stopListening = stage.listen('aws', (line) => {
    seen.log.push(line);
    tell.logLine(line);
  });
  try {
    await using environment = await openPlayed(player, {
      phase,
      requests: requestsFor(demoVariables, phase, { workspace: demoNames.workspace }),
      variables: stage.sandbox.environment,
      parentEnvironment: script.environment,
      report: tell.event,
      seen,
    });
    for (const command of commands) {
      const outcome = await environment.run(command);
      if (outcome.exitCode !== 0) return outcome.exitCode;
    }
    return 0;
  } finally {
    stopListening();
  }
}

function conclude({ tale, stage, script }: Player): void {
  const failed = tale.steps.filter((step) => !step.ok);
  tale.heading(
    failed.length === 0
      ? 'Every step was seen to work. No key was stored, and nothing is left behind.'
      : `${failed.length} of ${tale.steps.length} steps did not work.`,
  );
  if (script.kind !== 'provider')
    tale.line('  With terraform and the AWS provider at hand this demo runs them for real.');
  tale.line(
    `  The stand-ins answered ${stage.log.length} calls and refused ${stage.log.filter((line) => line.outcome === 'refused').length} of them.`,
  );
  tale.line('');
  tale.line('Next:');
  tale.line('  hallpass init                    your own account: keys, hallpass.yaml, code for the other side');
  tale.line('  hallpass sandbox --help          the stand-ins by themselves, with your own trust policies');
  tale.line('  hallpass exec -- terraform plan  a real plan with an identity of its own');
}
