import type { JsonObject } from '../domain/json.ts';
import { readLimited } from './read-limited.ts';

/** How long an explanation may take, all its calls included: somebody waits for it. */
export const explainSeconds = 3;

/** No answer to an exchange is longer. */
export const longestAnswer = 100_000;

/**
 * The text of a refusal (4xx) of our token, at most 100,000 bytes. Null for an answer that says nothing about it: a success,
 * whose credentials are thrown away unread, or a platform that cannot answer now (429, 5xx).
 */
export async function refusedAnswer(response: Response): Promise<string | null> {
  const { status } = response;
  if (status >= 400 && status < 500 && status !== 429) return readLimited(response, longestAnswer);
  await response.body?.cancel();
  return null;
}

/** A text among the members of an answer; null when it is absent, empty or no text. */
export function answerText(body: JsonObject, name: string): string | null {
  const value = body[name];
  return typeof value === 'string' && value !== '' ? value : null;
}
