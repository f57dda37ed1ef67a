import { UsageError } from '../domain/errors.ts';

/**
 * Splits the value of a `TF_CLI_ARGS…` variable into words as Terraform does: spaces separate, quotes and backslashes
 * keep together. Nothing is expanded.
 *
 * @throws {UsageError} at an open quote, and at an unquoted `; & | < >`, where Terraform silently stops reading
 */
export function splitShellWords(text: string, variable: string): readonly string[] {
  const words: string[] = [];
  let word = '';
  let started = false;
  let quote = '';
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index]!;
    if (character === '\\' && quote !== "'") {
      if (index + 1 === text.length) throw unusable(variable, 'ends with a backslash');
      word += text[(index += 1)]!;
      started = true;
    } else if (quote !== '') {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      started = true;
    } else if (/[ \t\r\n]/.test(character)) {
      if (started) words.push(word);
      [word, started] = ['', false];
    } else if (';&|<>'.includes(character)) {
      throw unusable(variable, `holds an unquoted ${JSON.stringify(character)}`);
    } else {
      word += character;
      started = true;
    }
  }
  if (quote !== '') throw unusable(variable, 'has a quote that is not closed');
  if (started) words.push(word);
  return words;
}

function unusable(variable: string, reason: string): UsageError {
  return new UsageError({
    what: `${variable} ${reason}`,
    where: variable,
    mend: 'quote its words as in a shell, or unset it',
  });
}
