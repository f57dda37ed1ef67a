import type { Problem } from '../../domain/errors.ts';
import type { Identity } from './identity.ts';
import type { CheckedAnswers, Question } from './question.ts';

/** A file to be written, with a path relative to where `init` works. */
export interface NewFile {
  readonly path: string;
  readonly text: string;
}

/** Files of one directory, from their texts by name. */
export function filesIn(directory: string, texts: Readonly<Record<string, string>>): readonly NewFile[] {
  return Object.entries(texts).map(([name, text]) => ({ path: `${directory}/${name}`, text }));
}

/** Writes one platform's side: what an administrator applies there once, and what the workspace then needs. */
export interface InitPlatform {
  readonly id: string;
  readonly title: string;
  /** What it writes, for `--help`. */
  readonly about: string;
  readonly questions: readonly Question[];
  setUp(question: SetUpQuestion): PlatformSide;
}

/** What a platform's side is written for. */
export interface SetUpQuestion {
  readonly identity: Identity;
  readonly answers: CheckedAnswers;
  /** Whether the platform knows this issuer already, as with its second workspace. */
  readonly hasProvider: boolean;
  /** Audience of the tokens; null for the platform's default. */
  readonly audience: string | null;
  readonly parentEnvironment: Readonly<Record<string, string>>;
}

/** One platform's side of the workspace. */
export interface PlatformSide {
  readonly files: readonly NewFile[];
  /** What `variables` of `hallpass.yaml` gets, in this order. */
  readonly variables: readonly (readonly [name: string, value: string])[];
  /** Names that only the platform can fill in, with where the value comes from. */
  readonly later: readonly (readonly [name: string, from: string])[];
  readonly warnings: readonly Problem[];
  /** What an administrator does once, in lines; indented under a number. */
  readonly steps: readonly string[];
}
