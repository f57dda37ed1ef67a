import { assert as check, json, jsonValue, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrustDocumentError } from '../domain/trust.ts';
import { readJsonDocument, type JsonNode } from './json-document.ts';

function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case 'object':
      // `__proto__` must become a member like any other.
      return Object.defineProperties(
        {},
        Object.fromEntries(
          node.members.map((member) => [
            member.name,
            { value: plain(member.value), enumerable: true, configurable: true, writable: true },
          ]),
        ),
      );
    case 'list':
      return node.items.map(plain);
    case 'text':
      return node.value;
    default:
      return JSON.parse(node.value);
  }
}

function refusal(text: string): TrustDocumentError {
  try {
    readJsonDocument(text);
  } catch (error) {
    if (error instanceof TrustDocumentError) return error;
    throw error;
  }
  throw new Error(`was read: ${text}`);
}

function accepts(read: (text: string) => unknown, text: string): boolean {
  try {
    read(text);
    return true;
  } catch {
    return false;
  }
}

describe('readJsonDocument', () => {
  it('reads what JSON.parse reads, to the same value', () => {
    check(
      property(jsonValue({ maxDepth: 5 }), (value) => {
        expect(plain(readJsonDocument(JSON.stringify(value, null, 2)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    check(
      property(json({ maxDepth: 5 }), (text) => {
        expect(plain(readJsonDocument(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('accepts what JSON.parse accepts, and nothing else', () => {
    expect.hasAssertions();
    check(
      property(string({ maxLength: 12 }), (text) => {
        expect(accepts(readJsonDocument, text)).toBe(accepts(JSON.parse, text));
      }),
    );
  });

  it.each([
    ['', 1, 1, 'the document ends where a value should be'],
    ['{"a":1,}', 1, 8, 'where a name in double quotes should be'],
    ['{\n  "a": 1,\n  "a": 2\n}', 3, 3, '"a" stands twice'],
    ['{"a":{"b":1,"\\u0062":2}}', 1, 13, '"b" stands twice'],
    ['[1,\r\n 2,\r\n 3', 3, 3, 'the document ends where "," or "]" should be'],
    ["{'a': 1}", 1, 2, '"\'" stands where a name'],
    ['{"a" 1}', 1, 6, 'where ":" should be'],
    ['{"a": 01}', 1, 8, 'where "," or "}" should be'],
    ['{"a": .5}', 1, 7, 'where a value should be'],
    ['{"a": nul}', 1, 7, 'where a value should be'],
    ['{"a": "b\nc"}', 1, 7, 'a text is not closed'],
    ['{"a": "\\x"}', 1, 7, 'a text is not closed'],
    ['{} {}', 1, 4, 'where the end of the document should be'],
    ['// no\n{}', 1, 1, '"/" stands where a value should be'],
    ['\ufeff{}', 1, 1, '"\\u{feff}" stands where a value should be'],
  ])('refuses %j at line %i, column %i', (text, line, column, words) => {
    const error = refusal(text);
    expect({ line: error.line, column: error.column }).toEqual({ line, column });
    expect(error.problem.what).toContain(words);
    expect(error.problem.where).toBe(`line ${line}, column ${column}`);
    expect(error.code).toBe('trust_document_invalid');
  });

  it('refuses documents that are too deep or too long, without running out of stack', () => {
    expect(refusal('['.repeat(100_000)).problem.what).toContain('deeper than 32');
    expect(refusal(' '.repeat(200_001)).problem.what).toContain('200001 characters');
  });
});
