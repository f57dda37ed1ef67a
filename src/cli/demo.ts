import { Command } from '@commander-js/extra-typings';
import { jsonText } from '../domain/json.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { chooseScript } from './demo/script.ts';
import { openStage } from './demo/stage.ts';
import { openTale } from './demo/tale.ts';
import { playStory } from './demo/story.ts';

export const command: CommandFactory = (context) =>
  new Command('demo')
    .description(
      'Runs the seven steps on this machine: a throw-away issuer and strict stand-ins of AWS, Google Cloud, Azure, Vault ' +
        'and Kubernetes on loopback, with real Terraform, gcloud, bao or vault, and kubectl where they are. Needs no cloud ' +
        'account, keeps nothing, ends by itself.',
    )
    .option('--json', 'print the steps as one JSON array instead of telling them')
    .addHelpText(
      'after',
      `
Examples:
  hallpass demo
  hallpass demo --json | jq '.[] | select(.ok | not)'

Variables:
  HALLPASS_PROVIDER_MIRROR   directory with Terraform providers, or none to do without the AWS provider

Exit code 0 only if every step was seen to work.`,
    )
    .action((options) => runDemo(context, options.json === true));

async function runDemo(context: CliContext, isJson: boolean): Promise<void> {
  const tale = openTale(isJson ? null : context.stdout, context.color);
  await using stage = await openStage(context);
  const script = await chooseScript(context, stage.terraformDirectory);
  await playStory(context, stage, script, tale);
  if (isJson) context.stdout.write(jsonText(tale.steps));
  context.exit(tale.steps.every((step) => step.ok) ? 0 : 1);
}
