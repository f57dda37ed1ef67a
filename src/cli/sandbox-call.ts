import { Command } from '@commander-js/extra-typings';
import { UsageError } from '../domain/errors.ts';
import { parseJsonObject, type JsonObject } from '../domain/json.ts';
import type { CliContext } from './context.ts';

/** `hallpass sandbox call`: one call to the stand-in as the phase that this runs in, without any AWS program. */
export const callCommand = (context: CliContext) =>
  new Command('call')
    .description("Exchanges the phase's token at the stand-in and makes one signed call; prints the answer")
    .argument('<action>', 'sts:GetCallerIdentity, ssm:GetParameter, ssm:PutParameter, …')
    .argument('[input]', 'the call as JSON', '{}')
    .addHelpText(
      'after',
      `
It speaks to a stand-in on loopback only; for the real AWS use its own command line.

Example:
  hallpass exec --phase plan -- hallpass sandbox call ssm:GetParameter '{"Name":"/payments/greeting"}'`,
    )
    .action(async (action, input) => {
      const { callStandIn } = await import('../sandbox/aws/client.ts');
      const call = { action: checkedAction(action), input: parsedInput(input) };
      const environment = context.settings.parentEnvironment;
      const answer = await callStandIn(call, { environment, fetch: context.fetch, now: context.now });
      const isOk = answer.status < 300;
      (isOk ? context.stdout : context.stderr).write(`${answer.body.trim()}\n`);
      context.exit(isOk ? 0 : 1);
    });

function checkedAction(action: string): string {
  if (/^(sts|ssm):[A-Za-z]+$/.test(action)) return action;
  throw new UsageError({
    what: `${JSON.stringify(action)} is not an action of the stand-in`,
    where: 'action',
    mend: 'write it as sts:GetCallerIdentity or ssm:PutParameter',
  });
}

function parsedInput(text: string): JsonObject {
  const input = parseJsonObject(text);
  if (input !== null) return input;
  throw new UsageError({ what: 'the input is not a JSON object', where: 'input', mend: `write it as '{"Name":"/a"}'` });
}
