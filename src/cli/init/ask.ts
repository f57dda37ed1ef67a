import { AppError } from '../../domain/errors.ts';
import type { CliContext } from '../context.ts';
import { type GivenAnswers, type Question, questions } from './answers.ts';

/** Asks, on a terminal, what no flag said. Optional questions may be left empty. */
export async function askMissing(given: GivenAnswers, context: CliContext): Promise<GivenAnswers> {
  const { isCancel, text } = await import('@clack/prompts');
  const answers: GivenAnswers = { ...given };
  for (const question of questions) {
    if (!question.asked || answers[question.key] !== undefined) continue;
    const answer = await text({
      message: question.about,
      placeholder: question.placeholder ?? '',
      validate: (value) => complaint(question, value ?? ''),
      input: context.stdin,
      output: context.stdout,
    });
    if (isCancel(answer)) throw new AppError('command_failed', { what: 'cancelled; nothing was written' });
    if (answer) answers[question.key] = answer;
  }
  return answers;
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
