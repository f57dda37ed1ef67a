import { nearest } from '../../domain/nearest.ts';
import { quoted } from '../../domain/printable.ts';
import type { JsonNode, Member, ObjectNode } from '../json-document.ts';
import { refuse } from '../json-members.ts';
import { parseGoInteger } from './go-value.ts';

/** The fields of one document that the server takes, read as loosely as the server reads them. */
export interface NativeFields {
  /** Whether a field is there with a value; null is none. */
  has(name: string): boolean;
  /** Whether a field is there, also as null. */
  named(name: string): boolean;
  /** Where a field stands; the document itself when it is absent. */
  at(name: string): JsonNode;
  text(name: string): string;
  flag(name: string): boolean;
  whole(name: string): number;
  /** Seconds, also negative where `signed`; 0 when absent. */
  seconds(name: string, sign?: 'signed'): number;
  /** A list of texts, or one text with commas between; never with blanks around an entry. */
  list(name: string): readonly string[];
  /** A mapping from text to text, or a list of `key=value`. */
  pairs(name: string): ReadonlyMap<string, string>;
  /** The members of a mapping; none when absent or null. */
  members(name: string): readonly Member[];
}

/** How the server reads a field. */
export type FieldKind = 'text' | 'flag' | 'whole' | 'seconds' | 'signed' | 'list' | 'pairs' | 'members';

/**
 * Checks that every field is of its kind, as the server does before it looks at any of them.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`
 */
export function checkKinds(fields: NativeFields, kinds: Readonly<Record<string, FieldKind>>): void {
  for (const [name, kind] of Object.entries(kinds)) {
    if (kind === 'signed') fields.seconds(name, 'signed');
    else fields[kind](name);
  }
}

/** Reads the members of a document; every name that the server does not know is ignored, as the server does. */
export function nativeFields(document: ObjectNode): NativeFields {
  const members = new Map(document.members.map((member) => [member.name, member]));
  const node = (name: string): JsonNode | undefined => {
    const value = members.get(name)?.value;
    return value?.kind === 'null' ? undefined : value;
  };
  return {
    has: (name) => node(name) !== undefined,
    named: (name) => members.has(name),
    at: (name) => members.get(name)?.value ?? document,
    text(name) {
      const value = node(name);
      return value === undefined ? '' : (weakText(value) ?? refuseField(value, name, 'a text'));
    },
    flag(name) {
      const value = node(name);
      if (value === undefined) return false;
      const text = value.kind === 'object' || value.kind === 'list' ? undefined : value.value;
      if (text === '' || falses.has(text ?? '?')) return false;
      return trues.has(text ?? '?') || refuseField(value, name, 'true or false');
    },
    whole(name) {
      const value = node(name);
      if (value === undefined) return 0;
      const text = weakText(value);
      const read = text === undefined ? null : parseGoInteger(text === '' ? '0' : text);
      return read ?? refuseField(value, name, 'a whole number');
    },
    seconds(name, sign) {
      const value = node(name);
      if (value === undefined) return 0;
      const read = value.kind === 'text' || value.kind === 'number' ? durationSeconds(value.value) : null;
      if (read === null) return refuseField(value, name, 'a duration, such as 600 or "10m"');
      return read < 0 && sign !== 'signed' ? refuseField(value, name, 'a duration that is not negative') : read;
    },
    list(name) {
      const value = node(name);
      return value === undefined ? [] : (weakList(value) ?? refuseField(value, name, 'a list of texts'));
    },
    pairs(name) {
      const value = node(name);
      return value === undefined
        ? new Map()
        : (weakPairs(value) ?? refuseField(value, name, 'a mapping from text to text'));
    },
    members(name) {
      const value = node(name);
      if (value === undefined) return [];
      if (value.kind === 'object') return value.members;
      const items = value.kind === 'list' ? value.items : null;
      const objects = items?.filter((item) => item.kind === 'object');
      // A list of mappings counts as one mapping with all their members.
      if (objects === undefined || objects.length !== items?.length) return refuseField(value, name, 'a mapping');
      return [...new Map(objects.flatMap((item) => item.members).map((member) => [member.name, member])).values()];
    },
  };
}

// strconv.ParseBool of Go.
const trues = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falses = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** A text, or a number or boolean taken as one; null is an empty text. */
function weakText(node: JsonNode): string | undefined {
  if (node.kind === 'boolean') return node.value === 'true' ? '1' : '0';
  if (node.kind === 'null') return '';
  return node.kind === 'text' || node.kind === 'number' ? node.value.toWellFormed() : undefined;
}

function weakTexts(nodes: readonly JsonNode[]): readonly string[] | undefined {
  const texts = nodes.map(weakText);
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

function weakList(node: JsonNode): readonly string[] | undefined {
  if (node.kind === 'object') return node.members.length === 0 ? [] : undefined;
  const texts =
    node.kind === 'list' ? weakTexts(node.items) : node.kind === 'boolean' ? [weakText(node)!] : splitList(node.value);
  return texts?.map(trimBlanks);
}

function splitList(text: string): readonly string[] {
  return text === '' ? [] : text.toWellFormed().split(',');
}

function weakPairs(node: JsonNode): ReadonlyMap<string, string> | undefined {
  if (node.kind === 'object') {
    const values = weakTexts(node.members.map((member) => member.value));
    return values && new Map(node.members.map((member, index) => [member.name.toWellFormed(), values[index]!]));
  }
  const texts = node.kind === 'list' ? weakTexts(node.items) : [weakText(node)!];
  const pairs = texts?.map((text) => /^([^=]+)=(.*)$/s.exec(text));
  return pairs?.every((pair) => pair !== null) ? new Map(pairs.map((pair) => [pair[1]!, pair[2]!])) : undefined;
}

/** White space as Go's `strings.TrimSpace` has it; JavaScript's differs by U+0085 and U+FEFF. */
function trimBlanks(text: string): string {
  return text
    .replace(/^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u, '')
    .replace(/[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/u, '');
}

const units: Readonly<Record<string, number>> = {
  h: 3600,
  m: 60,
  s: 1,
  ms: 1e-3,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ns: 1e-9,
};

/**
 * Seconds in a duration as the server writes and reads them: `600`, `10m`, `1h30m`, `7d`; parts of a second are cut off.
 * Null for anything else.
 */
export function durationSeconds(text: string): number | null {
  if (text === '') return 0;
  if (/^[-+]?\d+$/.test(text)) return finite(Number(text));
  const days = /^([-+]?\d+)d$/.exec(text);
  if (days) return finite(Number(days[1]) * 86_400);
  const whole = /^([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/u.exec(text);
  if (!whole) return null;
  const parts = whole[2]!.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gu);
  const sum = [...parts].reduce((total, [, amount, unit]) => total + Number(amount) * units[unit!]!, 0);
  return finite(Math.trunc(whole[1] === '-' ? -sum : sum));
}

/** Go counts nanoseconds in 64 bits; what does not fit would wrap round there, and is refused here. */
function finite(seconds: number): number | null {
  return Math.abs(seconds) < 9_223_372_036 ? seconds || 0 : null;
}

function refuseField(node: JsonNode, name: string, wanted: string): never {
  throw refuse(
    node,
    `${name} is not ${wanted} (the server: "error converting input for field ${quoted(name)}")`,
    `give ${wanted}`,
  );
}

/** Names that the server ignores, each with the one that was probably meant. */
export function ignoredNames(document: ObjectNode, kinds: Readonly<Record<string, FieldKind>>): readonly string[] {
  const known = Object.keys(kinds);
  return document.members
    .filter(({ name }) => !known.includes(name))
    .map(({ name }) => {
      const close = nearest(name, known);
      return close === undefined ? quoted(name) : `${quoted(name)} (did you mean ${close}?)`;
    });
}
