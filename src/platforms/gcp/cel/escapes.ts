import { CelFaultError } from './check.ts';

// A comment, or what opens a text: its prefix (r: raw, b: bytes) and its quotes.
const opening = /\/\/[^\n]*|(?<![A-Za-z0-9_])([bBrR]{0,2})("{3}|'{3}|"|')|"{3}|'{3}|"|'/g;
const escape = /^\\(?:[abfnrtv\\?"'`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})/;

/**
 * Refuses escapes that CEL does not know, such as `'\.'`: the parser takes them as they stand, and a pattern written so
 * would be refused by a platform. Texts that do not end are the parser's part. Pure.
 *
 * @throws {CelFaultError}
 */
export function checkEscapes(expression: string): void {
  opening.lastIndex = 0;
  for (let found = opening.exec(expression); found !== null; found = opening.exec(expression)) {
    if (found[0].startsWith('//')) continue;
    const quotes = found[2] ?? found[0];
    const isRaw = /r/i.test(found[1] ?? '');
    opening.lastIndex = endOfText(expression, opening.lastIndex, quotes, isRaw);
  }
}

/** Where the text that begins here is over. */
function endOfText(expression: string, start: number, quotes: string, isRaw: boolean): number {
  let at = start;
  while (at < expression.length && !expression.startsWith(quotes, at)) {
    if (expression[at] === '\\' && !isRaw) {
      const known = escape.exec(expression.slice(at, at + 10));
      if (known === null) {
        const shown = JSON.stringify(expression.slice(at, at + 2));
        throw new CelFaultError({ offset: at, message: `syntax error: invalid escape ${shown}`, isUnsupported: false });
      }
      at += known[0].length;
    } else {
      at += 1;
    }
  }
  return at + quotes.length;
}
