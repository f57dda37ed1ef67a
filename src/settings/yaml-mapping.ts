import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import { SettingsError } from '../domain/errors.ts';
import { quoted } from '../domain/printable.ts';
import { nearest } from '../domain/nearest.ts';

/**
 * A YAML file read as plain data: mappings, sequences and scalars with their places. Anchors, aliases, merge keys and
 * tags are refused, since what a reviewer reads must be what holds.
 */
export interface YamlSource {
  /** Path as shown to people. */
  readonly file: string;
  /** `file:line:column` of a node, or of the file when it is not known. */
  placeOf(node: unknown): string;
}

/** One key of a mapping with its value; `value` is null where the file says nothing behind the colon. */
export interface YamlEntry {
  readonly key: string;
  readonly place: string;
  readonly value: Node | null;
}

/** What the parser's codes mean. Its own sentences quote the text, which may hold a secret. */
const parserCodes: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'an alias (*name) stands here; aliases are not read',
  BAD_DQ_ESCAPE: 'a double-quoted text holds an escape that YAML does not know',
  BAD_INDENT: 'the indentation does not fit the lines before',
  BLOCK_AS_IMPLICIT_KEY: 'a text with ": " in it must stand in quotes',
  DUPLICATE_KEY: 'this key stands twice in the same mapping',
  MISSING_CHAR: 'a closing quote, bracket, colon or comma is missing',
  MULTIPLE_DOCS: 'a second document begins here; one file holds one',
  TAB_AS_INDENT: 'a tab indents this line; YAML takes spaces only',
  TAG_RESOLVE_FAILED: 'a tag (!name) stands here; tags are not read',
};

/**
 * Parses a YAML file whose root is a mapping, or is empty.
 *
 * @throws {SettingsError} `settings_invalid` with file, line and column; the message never quotes a value
 */
export function parseYamlMapping(text: string, file: string): { source: YamlSource; entries: readonly YamlEntry[] } {
  const lines = new LineCounter();
  const at = (offset: number | undefined): string => {
    if (offset === undefined) return file;
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const source: YamlSource = {
    file,
    placeOf: (node) => at((node as { range?: readonly number[] | null } | null)?.range?.[0]),
  };
  const document = parsed(text, file, lines);
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault) {
    throw new SettingsError({
      what: parserCodes[fault.code] ?? 'this is not valid YAML',
      where: at(fault.pos[0]),
    });
  }
  const root = document.contents;
  if (root === null || isEmptyScalar(root)) return { source, entries: [] };
  return { source, entries: entriesOf(source, root, 'the file') };
}

function parsed(text: string, file: string, lineCounter: LineCounter) {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true, merge: false });
  } catch (error) {
    // The parser recurses; thousands of nested brackets end its stack.
    if (!(error instanceof RangeError)) throw error;
    throw new SettingsError({ what: 'the file is nested too deeply', where: file }, { cause: error });
  }
}

/** The entries of a mapping; none where the value was left empty. */
export function entriesOf(source: YamlSource, node: Node | null, what: string): readonly YamlEntry[] {
  if (node === null || isEmptyScalar(node)) return [];
  refuseMagic(source, node);
  if (!isMap(node)) {
    throw new SettingsError({ what: `${what} must be a mapping (lines of "key: value")`, where: source.placeOf(node) });
  }
  return (node as YAMLMap<Node, Node | null>).items.map(({ key, value }) => {
    refuseMagic(source, key);
    if (!isScalar(key) || typeof key.value !== 'string') {
      throw new SettingsError({
        what: `a key of ${what} is not a text`,
        where: source.placeOf(key),
        mend: 'put it in quotes',
      });
    }
    if (key.value === '<<' && key.type === 'PLAIN') {
      throw new SettingsError({
        what: 'a merge key (<<) stands here; merge keys are not read',
        where: source.placeOf(key),
        mend: 'write the keys out',
      });
    }
    return { key: key.value, place: source.placeOf(key), value: value ?? null };
  });
}

/** The entries of a mapping whose keys are all known; an unknown one is refused with the nearest known one. */
export function knownEntriesOf(
  entries: readonly YamlEntry[],
  known: readonly string[],
  what: string,
): ReadonlyMap<string, YamlEntry> {
  for (const { key, place } of entries) {
    if (known.includes(key)) continue;
    const close = nearest(key, known);
    throw new SettingsError({
      what: `${what} has no key ${quoted(key)}`,
      where: place,
      mend: close ? `did you mean ${close}?` : `known keys: ${known.join(', ')}`,
    });
  }
  return new Map(entries.map((entry) => [entry.key, entry]));
}

/** Whether a node is a mapping. */
export function isMapping(node: Node | null): boolean {
  return isMap(node);
}

/**
 * The text of a scalar. Numbers and booleans are refused: YAML would turn 0123, 1.10 and true into something that is
 * not what was written.
 */
export function textOf(source: YamlSource, entry: YamlEntry, what: string): string {
  const { value: node } = entry;
  if (node === null || isEmptyScalar(node)) {
    throw new SettingsError({ what: `${what} has no value`, where: entry.place, mend: `write "${what}: …"` });
  }
  refuseMagic(source, node);
  if (isScalar(node) && typeof node.value === 'string') return node.value;
  const kind = isSeq(node) ? 'a list' : isMap(node) ? 'a mapping' : `a ${typeof (node as { value?: unknown }).value}`;
  throw new SettingsError({
    what: `${what} must be a text, but YAML reads ${kind} here`,
    where: source.placeOf(node),
    mend: isScalar(node)
      ? 'put the value in quotes'
      : 'write one text; where a list or map is meant, as JSON in single quotes',
  });
}

/** `true` or `false`, unquoted. */
export function flagOf(source: YamlSource, entry: YamlEntry, what: string): boolean {
  if (isScalar(entry.value) && typeof entry.value.value === 'boolean') {
    refuseMagic(source, entry.value);
    return entry.value.value;
  }
  throw new SettingsError({ what: `${what} must be true or false`, where: entry.place });
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && node.value === null && node.anchor === undefined && node.tag === undefined;
}

function refuseMagic(source: YamlSource, node: unknown): void {
  const reason = isAlias(node)
    ? 'an alias (*name) stands here; aliases are not read'
    : (node as { anchor?: string }).anchor !== undefined
      ? 'an anchor (&name) stands here; anchors are not read'
      : (node as { tag?: string }).tag !== undefined
        ? 'a tag (!name) stands here; tags are not read'
        : undefined;
  if (reason !== undefined) {
    throw new SettingsError({ what: reason, where: source.placeOf(node), mend: 'write the value out' });
  }
}
