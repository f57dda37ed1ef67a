import type { JsonNode, Place } from '../json-document.ts';
import { TrustDocumentError } from '../../domain/trust.ts';

/** A Kubernetes object while it is read: its fields remember where they stand, for the refusals that come later. */
export class Decoding {
  readonly #places = new Map<string, Place>();
  /** The Go package of the object's types, as errors show it: `v1`. */
  readonly version: string;

  constructor(version: string) {
    this.version = version;
  }

  note(path: string, place: Place): void {
    this.#places.set(path, place);
  }

  /** The error at a field, or at the nearest thing around it. */
  error(path: string, what: string, mend: string): TrustDocumentError {
    for (let at = path; at !== ''; at = at.replace(/(?:\.|^)[^.[\]]+$|\[\d+\]$/, '')) {
      const place = this.#places.get(at);
      if (place !== undefined) return new TrustDocumentError(place, what, mend);
    }
    return new TrustDocumentError(this.#places.get('') ?? { line: 1, column: 1 }, what, mend);
  }
}

/** Where a value stands: for people, and as Go's JSON reader says it. */
interface At {
  readonly path: string;
  /** `Issuer.jwt.issuer.url`. */
  readonly goField: string;
}

export type Decode<T> = ((node: JsonNode | undefined, at: At, decoding: Decoding) => T) & { readonly goType: string };

/** A text; absent and null are `""`, as in Go. */
export const text: Decode<string> = decoder('string', (node, at, decoding) => {
  if (isAbsent(node)) return '';
  if (node.kind !== 'text') throw wrongType(node, at, 'string', decoding);
  return node.value;
});

/** A text that may be absent, which is not `""`. */
export const optionalText: Decode<string | null> = decoder('string', (node, at, decoding) =>
  isAbsent(node) ? null : text(node, at, decoding),
);

/** A truth value; false when it is absent. */
export const boolean: Decode<boolean> = decoder('bool', (node, at, decoding) => {
  if (isAbsent(node)) return false;
  if (node.kind !== 'boolean') throw wrongType(node, at, 'bool', decoding);
  return node.value === 'true';
});

/** Whatever stands there, such as a map of labels: not looked at. */
export const anything: Decode<null> = decoder('interface {}', () => null);

/** A list; empty when it is absent. */
export function list<T>(item: Decode<T>): Decode<readonly T[]> {
  const goType = `[]${item.goType}`;
  return decoder(goType, (node, at, decoding) => {
    if (isAbsent(node)) return [];
    if (node.kind !== 'list') throw wrongType(node, at, goType, decoding);
    return node.items.map((one, index) => {
      const path = `${at.path}[${index}]`;
      decoding.note(path, one);
      return item(one, { ...at, path }, decoding);
    });
  });
}

/** An object with these fields and no other. Absent: all its fields are. */
export function object<T extends object>(goName: string, fields: { readonly [K in keyof T]: Decode<T[K]> }): Decode<T> {
  const goType = `VERSION.${goName}`;
  return decoder(goType, (node, at, decoding) => {
    const members = isAbsent(node) ? [] : node.kind === 'object' ? node.members : null;
    if (members === null) throw wrongType(node!, at, goType, decoding);
    const inside = (name: string): string => (at.path === '' ? name : `${at.path}.${name}`);
    for (const member of members) {
      decoding.note(inside(member.name), member.at);
      if (Object.hasOwn(fields, member.name)) continue;
      const known = Object.keys(fields).join(', ');
      const what = `strict decoding error: unknown field "${inside(member.name)}"`;
      throw decoding.error(inside(member.name), what, `known here: ${known}`);
    }
    const dotted = at.path.replace(/\[\d+\]/g, '');
    return Object.fromEntries(
      Object.entries<Decode<unknown>>(fields).map(([name, decode]) => {
        const goField = `${goName}.${dotted === '' ? name : `${dotted}.${name}`}`;
        const value = members.find((member) => member.name === name)?.value;
        return [name, decode(value, { path: inside(name), goField }, decoding)];
      }),
    ) as T;
  });
}

/** An object that may be absent, which is not an empty one. */
export function optional<T>(inner: Decode<T>): Decode<T | null> {
  return decoder(inner.goType, (node, at, decoding) => (isAbsent(node) ? null : inner(node, at, decoding)));
}

/** Go takes null for absent. */
export function isAbsent(node: JsonNode | undefined): node is undefined {
  return node === undefined || node.kind === 'null';
}

function decoder<T>(goType: string, decode: (node: JsonNode | undefined, at: At, decoding: Decoding) => T): Decode<T> {
  return Object.assign(decode, { goType });
}

const jsonNames = { object: 'object', list: 'array', text: 'string', number: 'number', boolean: 'bool', null: 'null' };

function wrongType(node: JsonNode, at: At, goType: string, decoding: Decoding): TrustDocumentError {
  const type = goType.replace('VERSION', decoding.version);
  const what = `json: cannot unmarshal ${jsonNames[node.kind]} into Go struct field ${at.goField} of type ${type}`;
  const quotes = goType === 'string' ? '; put it in quotes' : '';
  return new TrustDocumentError(node, what, `${at.path} takes another type of value${quotes}`);
}
