import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { badRequest, KubernetesRefusal } from './status.ts';

/**
 * Applies a patch of one of the media types that an API server takes. Server-side apply is not played.
 *
 * @throws {KubernetesRefusal} 400, 415 or 422
 * @see RFC 7386 (merge patch), RFC 6902 (JSON patch), Kubernetes docs "Update API Objects in Place Using kubectl patch"
 */
export function patched(object: JsonObject, contentType: string, body: string): JsonObject {
  const type = contentType.split(';')[0]!.trim().toLowerCase();
  if (type === 'application/json-patch+json') return asObject(jsonPatch(object, parsed(body)));
  if (type === 'application/merge-patch+json') return asObject(mergePatch(object, asObject(parsed(body))));
  if (type === 'application/strategic-merge-patch+json')
    // Of what is kept here, only lists of metadata would be merged otherwise than by a merge patch.
    return asObject(mergePatch(object, withoutDirectives(asObject(parsed(body)))));
  throw new KubernetesRefusal(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${patchTypes.join(', ')}`,
  );
}

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const members = new Map(isJsonObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, mergePatch(members.get(name), value));
  }
  return Object.fromEntries(members);
}

function withoutDirectives(patch: JsonObject): JsonObject {
  const directive = Object.keys(patch).find((name) => name.startsWith('$'));
  if (directive !== undefined) throw badRequest(`the stand-in does not play the directive ${directive} of a patch`);
  for (const value of Object.values(patch)) if (isJsonObject(value)) withoutDirectives(value);
  return patch;
}

function jsonPatch(target: Json, operations: Json): Json {
  if (!Array.isArray(operations)) throw badRequest('a JSON patch is a list of operations');
  return (operations as readonly Json[]).reduce(jsonPatchOne, target);
}

function jsonPatchOne(target: Json, operation: Json): Json {
  const { op, path, from, value } = isJsonObject(operation) ? operation : ({} as JsonObject);
  const at = pointer(path);
  if (op === 'add') return changed(target, at, value ?? null, 'add');
  if (op === 'replace') return changed(target, at, value ?? null, 'replace');
  if (op === 'remove') return changed(target, at, null, 'remove');
  if (op === 'copy') return changed(target, at, found(target, pointer(from)), 'add');
  if (op === 'move') {
    const moved = found(target, pointer(from));
    return changed(changed(target, pointer(from), null, 'remove'), at, moved, 'add');
  }
  if (op === 'test') {
    if (sameJson(found(target, at), value ?? null)) return target;
    throw unprocessable(`testing path ${at.join('/')} failed`);
  }
  throw badRequest(`Unexpected kind: ${JSON.stringify(op ?? null)}`);
}

/** The parts of a JSON pointer (RFC 6901). */
function pointer(text: Json | undefined): readonly string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/')))
    throw badRequest(`${JSON.stringify(text ?? null)} is not a JSON pointer`);
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function found(target: Json, path: readonly string[]): Json {
  let value = target;
  for (const part of path) value = memberOf(value, part);
  return value;
}

function memberOf(value: Json, part: string): Json {
  const member = Array.isArray(value)
    ? (value as readonly Json[])[indexIn(value, part)]
    : isJsonObject(value) && Object.hasOwn(value, part)
      ? value[part]
      : undefined;
  if (member === undefined) throw unprocessable(`missing value at ${JSON.stringify(part)}`);
  return member;
}

function changed(target: Json, path: readonly string[], value: Json, how: 'add' | 'replace' | 'remove'): Json {
  const [part, ...rest] = path;
  if (part === undefined) return how === 'remove' ? null : value;
  if (rest.length > 0) return withMember(target, part, changed(memberOf(target, part), rest, value, how));
  if (how !== 'add') memberOf(target, part);
  if (Array.isArray(target)) {
    const list = [...(target as readonly Json[])];
    const index = how === 'add' && part === '-' ? list.length : indexIn(list, part, how === 'add');
    list.splice(index, how === 'add' ? 0 : 1, ...(how === 'remove' ? [] : [value]));
    return list;
  }
  if (!isJsonObject(target)) throw unprocessable(`missing value at ${JSON.stringify(part)}`);
  if (how !== 'remove') return withMember(target, part, value);
  return Object.fromEntries(Object.entries(target).filter(([name]) => name !== part));
}

function withMember(target: Json, part: string, value: Json): Json {
  if (Array.isArray(target)) return (target as readonly Json[]).with(indexIn(target, part), value);
  // A computed name defines a member, whatever it is called.
  return { ...(target as JsonObject), [part]: value };
}

function indexIn(list: readonly Json[], part: string, mayEnd = false): number {
  const index = /^(?:0|[1-9]\d{0,8})$/.test(part) ? Number(part) : -1;
  if (index < 0 || index > list.length - (mayEnd ? 0 : 1)) throw unprocessable(`invalid index ${JSON.stringify(part)}`);
  return index;
}

function sameJson(one: Json, other: Json): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, index) => sameJson(value as Json, other[index] as Json));
  if (!isJsonObject(one) || !isJsonObject(other)) return one === other;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && sameJson(one[name]!, other[name]!))
  );
}

function parsed(body: string): Json {
  try {
    return JSON.parse(body) as Json;
  } catch (error) {
    throw badRequest(`error decoding patch: ${(error as Error).name}`);
  }
}

function asObject(value: Json): JsonObject {
  if (isJsonObject(value)) return value;
  throw badRequest('a patch gives an object, not a list, text or null');
}

function unprocessable(words: string): KubernetesRefusal {
  return new KubernetesRefusal(
    422,
    'Invalid',
    `the server rejected our request due to an error in our request: ${words}`,
  );
}
