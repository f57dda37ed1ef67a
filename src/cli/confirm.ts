import type { AppError } from '../domain/errors.ts';
import type { CliContext } from './context.ts';

/**
 * Asks a question on the terminal; no is what it suggests.
 *
 * @param nobodyThere thrown where nobody is at a terminal; its mend says how to do without the question
 */
export async function isConfirmed(context: CliContext, message: string, nobodyThere: AppError): Promise<boolean> {
  if (!context.stdin.isTTY || !context.stdout.isTTY) throw nobodyThere;
  const { confirm } = await import('@clack/prompts');
  const answer = await confirm({ message, initialValue: false, input: context.stdin, output: context.stdout });
  return answer === true;
}
