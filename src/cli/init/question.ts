import { SettingsError } from '../../domain/errors.ts';
import { quoted } from '../../domain/printable.ts';

/** One question: its flag, its words, its check. Feeds options, prompts and errors. */
export interface Question {
  /** The flag as Commander names it: `awsAccount` of `--aws-account`. */
  readonly key: string;
  readonly flag: string;
  readonly argument: string;
  readonly about: string;
  /** Asked on a terminal when the flag is absent; others take their default silently. */
  readonly asked: boolean;
  /** Whether it may be left open. */
  readonly isOptional: boolean;
  readonly placeholder?: string;
  /** Gives the value back, or throws an AppError. */
  check(text: string): string;
}

/** What was given by flag, or answered, by the question's key; unchecked. */
export type GivenAnswers = Readonly<Record<string, string | undefined>>;

/** Checked answers by key; what was left open is not there. */
export type CheckedAnswers = ReadonlyMap<string, string>;

/** A question's check by pattern. */
export const match =
  (flag: string, pattern: RegExp, mend: string) =>
  (text: string): string => {
    if (pattern.test(text)) return text;
    throw new SettingsError({ what: `${flag} is ${quoted(text)}, which cannot be right`, where: flag, mend });
  };

/** The questions that must be answered and are not. */
export function unanswered(questions: readonly Question[], given: GivenAnswers): readonly Question[] {
  return questions.filter(({ key, isOptional }) => !isOptional && given[key] === undefined);
}

/**
 * Checks what was given.
 *
 * @throws {AppError} what the first wrong answer's check says
 */
export function checkedAnswers(questions: readonly Question[], given: GivenAnswers): CheckedAnswers {
  return new Map(
    questions.flatMap((question) => {
      const text = given[question.key];
      return text === undefined ? [] : [[question.key, question.check(text)] as const];
    }),
  );
}
