import { quoted } from '../../domain/printable.ts';
import { TrustDocumentError } from '../../domain/trust.ts';
import type { Placed, WrittenRule } from './acl-rule.ts';

/** A sign, a word or a text of the policy, with its place. */
interface HclToken extends Placed {
  readonly kind: 'sign' | 'word' | 'text' | 'end';
}

const lexeme =
  /(?<blank>[ \t\r\n]+|#[^\n]*|\/\/[^\n]*|\/\*[^]*?\*\/)|(?<sign>[{}[\]=,])|(?<word>[A-Za-z_][\w-]*|-?\d+(?:\.\d+)?)|(?<text>"(?:[^"\\\n]|\\.)*")/y;

/**
 * Reads the HCL that policies are written in: `path "x" { capabilities = ["read"] }`, with comments. What it does not
 * know is refused where it stands.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 */
export function readHclPolicy(text: string): readonly WrittenRule[] {
  const reader = new Reader(tokensOf(text));
  const rules: WrittenRule[] = [];
  while (!reader.isAtEnd()) {
    reader.takeWord('path', 'a rule: path "secret/data/x" { capabilities = ["read"] }');
    const path = reader.take('text', 'a path in double quotes');
    const settings = reader.block();
    rules.push({ path, settings });
    // What is no list of texts is refused by whoever checks the rule; how it goes on is not known here.
    if (settings.some(({ values }) => values === null)) break;
  }
  return rules;
}

function tokensOf(text: string): readonly HclToken[] {
  const tokens: HclToken[] = [];
  let line = 1;
  let lineStart = 0;
  let offset = 0;
  while (offset < text.length) {
    lexeme.lastIndex = offset;
    const match = lexeme.exec(text);
    const at = { line, column: offset - lineStart + 1 };
    if (match === null)
      throw new TrustDocumentError(
        at,
        `${quoted(String.fromCodePoint(text.codePointAt(offset)!))} cannot stand here`,
        'write path "secret/data/x" { capabilities = ["read"] }',
      );
    const { sign, word, text: string } = match.groups!;
    if (sign !== undefined) tokens.push({ ...at, kind: 'sign', value: sign });
    if (word !== undefined) tokens.push({ ...at, kind: 'word', value: word });
    if (string !== undefined) tokens.push({ ...at, kind: 'text', value: unescaped(string, at) });
    for (const [index, character] of [...match[0]].entries()) {
      if (character !== '\n') continue;
      line += 1;
      lineStart = offset + index + 1;
    }
    offset = lexeme.lastIndex;
  }
  return [...tokens, { line, column: offset - lineStart + 1, kind: 'end', value: '' }];
}

function unescaped(string: string, at: { line: number; column: number }): string {
  try {
    return JSON.parse(string) as string;
  } catch {
    throw new TrustDocumentError(at, `${quoted(string)} holds an escape that HCL does not have`, 'write it out');
  }
}

class Reader {
  readonly #tokens: readonly HclToken[];
  #next = 0;

  constructor(tokens: readonly HclToken[]) {
    this.#tokens = tokens;
  }

  isAtEnd(): boolean {
    return this.#peek().kind === 'end';
  }

  take(kind: HclToken['kind'], wanted: string): HclToken {
    const token = this.#peek();
    if (token.kind !== kind) throw this.#unexpected(wanted);
    this.#next += 1;
    return token;
  }

  takeWord(word: string, wanted: string): void {
    const token = this.#peek();
    if (token.kind === 'end' || token.kind === 'sign' || token.value !== word) throw this.#unexpected(wanted);
    this.#next += 1;
  }

  /** What stands between the braces of a rule. */
  block(): WrittenRule['settings'] {
    const settings: { name: Placed; values: readonly Placed[] | null }[] = [];
    this.#sign('{');
    while (!this.#isSign('}')) {
      const kind = this.#peek().kind === 'text' ? 'text' : 'word';
      const name = this.take(kind, 'the name of a setting, or "}"');
      // A block of its own, such as allowed_parameters { … }, is refused by its name.
      if (this.#isSign('{')) return [...settings, { name, values: null }];
      this.#sign('=');
      const values = this.#values();
      settings.push({ name, values });
      if (values === null) return settings;
    }
    this.#sign('}');
    return settings;
  }

  #values(): readonly Placed[] | null {
    if (!this.#isSign('[')) {
      this.#next += 1;
      return null;
    }
    const values: Placed[] = [];
    this.#sign('[');
    while (!this.#isSign(']')) {
      values.push(this.take('text', 'a text in double quotes, or "]"'));
      if (!this.#isSign(']')) this.#sign(',');
    }
    this.#sign(']');
    return values;
  }

  #peek(): HclToken {
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)]!;
  }

  #isSign(sign: string): boolean {
    const { kind, value } = this.#peek();
    return kind === 'sign' && value === sign;
  }

  #sign(sign: string): void {
    if (!this.#isSign(sign)) throw this.#unexpected(quoted(sign));
    this.#next += 1;
  }

  #unexpected(wanted: string): TrustDocumentError {
    const token = this.#peek();
    const found = token.kind === 'end' ? 'the policy ends' : `${quoted(token.value)} stands`;
    return new TrustDocumentError(
      { line: token.line, column: token.column },
      `${found} where ${wanted} should be`,
      'write path "secret/data/x" { capabilities = ["read"] }',
    );
  }
}
