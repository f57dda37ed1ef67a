import { quoted } from '../domain/printable.ts';
import { TrustDocumentError } from '../domain/trust.ts';

/** Where a value begins, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A JSON value that remembers where it stands. */
export type JsonNode = ObjectNode | ListNode | TextNode | OtherNode;

export interface ObjectNode extends Place {
  readonly kind: 'object';
  readonly members: readonly Member[];
}

export interface Member {
  readonly name: string;
  readonly at: Place;
  readonly value: JsonNode;
}

export interface ListNode extends Place {
  readonly kind: 'list';
  readonly items: readonly JsonNode[];
}

export interface TextNode extends Place {
  readonly kind: 'text';
  readonly value: string;
}

/** Numbers, booleans and null keep the text as written: `1.0` is not `1` to every reader. */
export interface OtherNode extends Place {
  readonly kind: 'number' | 'boolean' | 'null';
  readonly value: string;
}

const longestDocument = 200_000;
const deepest = 32;

/**
 * Reads strict JSON (RFC 8259) with line and column of every value. Names that stand twice in one object are refused:
 * most readers silently keep the last, which in a policy opens or closes a door.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`
 */
export function readJsonDocument(text: string): JsonNode {
  if (text.length > longestDocument) {
    throw new TrustDocumentError(
      { line: 1, column: 1 },
      `the document has ${text.length} characters; at most ${longestDocument} are read`,
      'give one policy document',
    );
  }
  return new Reader(text).document();
}

const blanks = /[ \t\r\n]*/y;
// Everything from U+0020 on but the quote and the backslash; or an escape.
const string = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const word = /true|false|null/y;

class Reader {
  readonly #text: string;
  #offset = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    this.#skipBlanks();
    const value = this.#value(0);
    this.#skipBlanks();
    if (this.#offset < this.#text.length) throw this.#unexpected('the end of the document');
    return value;
  }

  #value(depth: number): JsonNode {
    if (depth > deepest) throw this.#error(`the document is nested deeper than ${deepest} levels`, 'make it flatter');
    const at = this.#place();
    switch (this.#text[this.#offset]) {
      case '{':
        return { ...at, kind: 'object', members: this.#members(depth) };
      case '[':
        return { ...at, kind: 'list', items: this.#items(depth) };
      case '"':
        return { ...at, kind: 'text', value: this.#string() };
      default:
        return { ...at, ...this.#scalar() };
    }
  }

  #members(depth: number): readonly Member[] {
    const members: Member[] = [];
    const names = new Set<string>();
    this.#list('}', () => {
      const at = this.#place();
      if (this.#text[this.#offset] !== '"') throw this.#unexpected('a name in double quotes');
      const name = this.#string();
      if (names.has(name)) {
        throw new TrustDocumentError(
          at,
          `${quoted(name)} stands twice in the same object`,
          'merge the two; most readers would silently keep only the last',
        );
      }
      names.add(name);
      this.#skipBlanks();
      this.#take(':');
      members.push({ name, at, value: this.#value(depth + 1) });
    });
    return members;
  }

  #items(depth: number): readonly JsonNode[] {
    const items: JsonNode[] = [];
    this.#list(']', () => items.push(this.#value(depth + 1)));
    return items;
  }

  /** What stands between an opening sign and its closing one, separated by commas. */
  #list(close: '}' | ']', one: () => void): void {
    this.#offset += 1;
    this.#skipBlanks();
    if (this.#text[this.#offset] !== close) {
      for (;;) {
        one();
        this.#skipBlanks();
        if (this.#text[this.#offset] !== ',') break;
        this.#take(',');
      }
      if (this.#text[this.#offset] !== close) throw this.#unexpected(`"," or "${close}"`);
    }
    this.#offset += 1;
  }

  #string(): string {
    const raw = this.#match(string);
    if (raw === undefined)
      throw this.#error(
        'a text is not closed, or holds a character or escape that JSON does not allow',
        'escape it, or close the quotes',
      );
    return JSON.parse(raw) as string;
  }

  #scalar(): { kind: OtherNode['kind']; value: string } {
    const digits = this.#match(number);
    if (digits !== undefined) return { kind: 'number', value: digits };
    const name = this.#match(word);
    if (name === undefined) throw this.#unexpected('a value');
    return { kind: name === 'null' ? 'null' : 'boolean', value: name };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#offset += found.length;
    return found;
  }

  #take(sign: string): void {
    if (this.#text[this.#offset] !== sign) throw this.#unexpected(`"${sign}"`);
    this.#offset += 1;
    this.#skipBlanks();
  }

  #skipBlanks(): void {
    const start = this.#offset;
    const skipped = this.#match(blanks) ?? '';
    for (let index = skipped.indexOf('\n'); index !== -1; index = skipped.indexOf('\n', index + 1)) {
      this.#line += 1;
      this.#lineStart = start + index + 1;
    }
  }

  #place(): Place {
    return { line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  #unexpected(wanted: string): TrustDocumentError {
    const character = this.#text[this.#offset];
    const found = character === undefined ? 'the document ends' : `${quoted(character)} stands`;
    return this.#error(
      `${found} where ${wanted} should be`,
      'write strict JSON: double quotes, no comments, no comma at the end of a list',
    );
  }

  #error(what: string, mend: string): TrustDocumentError {
    return new TrustDocumentError(this.#place(), what, mend);
  }
}
