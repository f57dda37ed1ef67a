import type { IdentityToken } from '../domain/token.ts';

const longestMessage = 1000;

/**
 * A platform's own words as they may be shown: on one line, so that they cannot draw on a terminal, without the token (a
 * validation error quotes the value that it refuses), at most 1,000 characters.
 */
export function foreignText(text: string, token: IdentityToken): string {
  return withoutToken(oneLine(text), token).slice(0, longestMessage);
}

/** Reasons that only a stand-in of ours gives, from its answer: base64url of a JSON array of sentences in a header. */
export function standInReasons(response: Response): readonly string[] {
  const header = response.headers.get('x-hallpass-reasons');
  if (header === null) return [];
  try {
    const reasons: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    return Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === 'string').slice(0, 100) : [];
  } catch {
    return [];
  }
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

function withoutToken(text: string, token: IdentityToken): string {
  const compact = token.compact.reveal();
  return [compact, ...compact.split('.')]
    .filter((part) => part.length >= 8)
    .reduce((shown, part) => shown.replaceAll(part, '[token]'), text);
}
