import type { Json, JsonObject } from '../../domain/json.ts';

/** What Go's JSON reader makes of a value, or its error. */
export type Read<T> = { readonly value: T } | { readonly error: string };

const kinds = { string: 'string', number: 'number', boolean: 'bool', object: 'object' } as const;

/** `json: cannot unmarshal number into Go value of type string`. */
export function cannotUnmarshal(json: Json, goType: string): { readonly error: string } {
  const kind = Array.isArray(json) ? 'array' : kinds[typeof json as keyof typeof kinds];
  return { error: `json: cannot unmarshal ${kind} into Go value of type ${goType}` };
}

/** null is "", as in Go. */
export function readText(json: Json): Read<string> {
  if (json === null) return { value: '' };
  return typeof json === 'string' ? { value: json.toWellFormed() } : cannotUnmarshal(json, 'string');
}

/** null is false, as in Go. */
export function readBoolean(json: Json): Read<boolean> {
  if (json === null) return { value: false };
  return typeof json === 'boolean' ? { value: json } : cannotUnmarshal(json, 'bool');
}

/** A list of texts; null is an empty one, as in Go. */
export function readTexts(json: Json): Read<readonly string[]> {
  if (json === null) return { value: [] };
  if (!Array.isArray(json)) return cannotUnmarshal(json, '[]string');
  const texts = (json as readonly Json[]).map(readText);
  const wrong = texts.find((one) => 'error' in one);
  return wrong ?? { value: texts.map((one) => (one as { value: string }).value) };
}

/** A text, or a list of texts. */
export function readTextOrTexts(json: Json): Read<readonly string[]> {
  const texts = readTexts(json);
  if ('value' in texts) return texts;
  const text = readText(json);
  return 'value' in text ? { value: [text.value] } : text;
}

/**
 * Members whose names differ from this one in case at most, in order: Go's JSON reader takes all of them, the last one
 * wins.
 */
export function membersLike(object: JsonObject, name: string): readonly Json[] {
  return Object.entries(object)
    .filter(([other]) => folded(other) === name)
    .map(([, value]) => value);
}

/** A name without its case, as Go's JSON reader compares them. */
export function folded(name: string): string {
  // By way of upper case: Go folds the long s too.
  return name.toUpperCase().toLowerCase();
}
