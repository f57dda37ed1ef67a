import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml';
import type { JsonNode, Member, Place } from '../json-document.ts';
import { TrustDocumentError } from '../../domain/trust.ts';

const longestDocument = 1_000_000;
const deepest = 50;
const mostNodes = 100_000;

/**
 * Reads YAML (or JSON) of several documents as Kubernetes does: YAML 1.1, where a bare `yes` is a boolean, and names that
 * stand twice are refused. Empty documents are left out.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`
 */
export function readNativeDocuments(text: string): readonly JsonNode[] {
  if (text.length > longestDocument) {
    const what = `the document has ${text.length} characters; at most ${longestDocument} are read`;
    throw new TrustDocumentError({ line: 1, column: 1 }, what, 'give only what the decision needs');
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    version: '1.1',
    // Kubernetes reads a date as text.
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:timestamp'),
    strict: true,
    logLevel: 'silent',
  });
  if (!Array.isArray(documents)) return [];
  const reader = new Reader(lines);
  return documents.map((document) => reader.document(document)).filter((node) => node.kind !== 'null');
}

class Reader {
  readonly #lines: LineCounter;
  #nodes = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  document(document: Document.Parsed): JsonNode {
    const [error] = document.errors;
    if (error !== undefined) {
      const at = this.#place(error.pos[0]);
      throw new TrustDocumentError(at, `yaml: ${error.message.split('\n')[0]!}`, 'write one mapping per document');
    }
    return this.#node(document.contents, document, 0);
  }

  #node(given: Node | null, document: Document.Parsed, depth: number): JsonNode {
    const node = isAlias(given) ? (given.resolve(document) ?? null) : given;
    const at = this.#place((given ?? node)?.range?.[0] ?? 0);
    this.#nodes += 1;
    // Aliases multiply.
    if (depth > deepest || this.#nodes > mostNodes) {
      throw new TrustDocumentError(at, 'the document is too deep or too large', 'make it flatter, without aliases');
    }
    if (isSeq(node)) {
      return { ...at, kind: 'list', items: node.items.map((item) => this.#node(item as Node, document, depth + 1)) };
    }
    if (isMap(node)) {
      const members = node.items.map(({ key, value }): Member => {
        if (!isScalar(key)) throw new TrustDocumentError(at, 'a name here is no text', 'write names as plain text');
        const place = this.#place(key.range?.[0] ?? 0);
        return { name: String(key.value), at: place, value: this.#node(value as Node | null, document, depth + 1) };
      });
      return { ...at, kind: 'object', members };
    }
    return { ...at, ...scalar(node) };
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function scalar(node: Node | null): { kind: 'text' | 'number' | 'boolean' | 'null'; value: string } {
  const value = isScalar(node) ? node.value : null;
  if (value === null || value === undefined) return { kind: 'null', value: 'null' };
  if (typeof value === 'number' || typeof value === 'bigint') return { kind: 'number', value: String(value) };
  if (typeof value === 'boolean') return { kind: 'boolean', value: String(value) };
  return { kind: 'text', value: typeof value === 'string' ? value : '' };
}
