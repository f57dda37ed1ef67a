import { AppError } from '../domain/errors.ts';

/** Runs a check and gives its error the place where the value came from: a file's line, a variable or a flag. */
export function placedError<T>(place: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, { ...error.problem, where: place }, { cause: error });
  }
}
