import { AppError } from '../../domain/errors.ts';
import type { CliContext } from '../context.ts';
import type { InitPlatform } from './platform.ts';
import type { GivenAnswers, Question } from './question.ts';

/** Asks, on a terminal, what no flag said. Optional questions may be left empty. */
export async function askMissing(
  questions: readonly Question[],
  given: GivenAnswers,
  context: CliContext,
): Promise<GivenAnswers> {
  const { isCancel, text } = await import('@clack/prompts');
  const answers: Record<string, string | undefined> = { ...given };
  for (const question of questions) {
    if (!question.asked || answers[question.key] !== undefined) continue;
    const answer = await text({
      message: question.about,
      placeholder: question.placeholder ?? '',
      validate: (value) => complaint(question, value ?? ''),
      input: context.stdin,
      output: context.stdout,
    });
    if (isCancel(answer)) throw cancelled();
    if (answer) answers[question.key] = answer;
  }
  return answers;
}

/** Asks, on a terminal, which platform's side is to be written. */
export async function askPlatform(platforms: readonly InitPlatform[], context: CliContext): Promise<string> {
  const { isCancel, select } = await import('@clack/prompts');
  const answer = await select({
    message: 'platform',
    options: platforms.map(({ id, title, about }) => ({ value: id, label: title, hint: about })),
    input: context.stdin,
    output: context.stdout,
  });
  if (isCancel(answer)) throw cancelled();
  return answer;
}

function cancelled(): AppError {
  return new AppError('command_failed', { what: 'cancelled; nothing was written' });
}

/** What is wrong with an answer, or undefined. */
export function complaint(question: Question, value: string): string | undefined {
  if (value === '') return question.isOptional ? undefined : 'this is needed';
  try {
    question.check(value);
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [error.problem.what, error.problem.mend].filter(Boolean).join('; ');
  }
}
