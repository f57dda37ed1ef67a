import { listOf, make, mapOf, optionalOf, type CelType, type Kind } from './types.ts';

/** One overload of a function, read from its short form. */
export interface Signature {
  /** `startsWith`, `_+_`, `optional.of`. */
  readonly name: string;
  /** Called as `x.f()`; the receiver is then the first parameter. */
  readonly isMember: boolean;
  readonly parameters: readonly CelType[];
  readonly result: CelType;
  /** Names of type variables in it. */
  readonly variables: readonly string[];
}

/**
 * Reads `name(int, list(A)) string`, or `string::name(int) bool` for a function that is called on a receiver. A capital
 * letter is a type variable.
 */
export function readSignature(text: string): Signature {
  const [, receiver, name, parameters, result] = /^(?:([\w(), ]+)::)?([^ (]+)\((.*)\) ([\w(), ]+)$/.exec(text)!;
  const listed = [...(receiver === undefined ? [] : [receiver]), ...separated(parameters!)].map(readType);
  return {
    name: name!,
    isMember: receiver !== undefined,
    parameters: listed,
    result: readType(result!),
    variables: [...new Set(text.match(/\b[A-Z]\b/g))],
  };
}

function readType(text: string): CelType {
  const [, name, inner] = /^(\w+)(?:\((.*)\))?$/.exec(text.trim())!;
  const of = separated(inner ?? '').map(readType);
  if (/^[A-Z]$/.test(name!)) return make('variable', [], name);
  if (name === 'list') return listOf(of[0]!);
  if (name === 'map') return mapOf(of[0]!, of[1]!);
  if (name === 'optional') return optionalOf(of[0]!);
  return make(name as Kind, of);
}

/** Parts between commas that stand in no brackets. */
function separated(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (const [index, sign] of [...text, ','].entries()) {
    depth += sign === '(' ? 1 : sign === ')' ? -1 : 0;
    if (sign !== ',' || depth > 0) continue;
    parts.push(text.slice(start, index).trim());
    start = index + 1;
  }
  return parts.filter((part) => part !== '');
}
