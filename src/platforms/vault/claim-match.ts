import { anyRun, codePoints, fitsGlob, type Glob } from '../../domain/glob.ts';
import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { goInteger, parseGoInteger } from './go-value.ts';

/** A number as the server compares it: by its digits, those of a claim cut to an integer, those of a role as written. */
export class Digits {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }
}

/** A claim as roles see it; undefined when there is none. */
export type SeenClaim = Json | Digits | undefined;

/** A bound value, or one of a list. `never` is a list or mapping within a list, which fits nothing. */
export type BoundValue = { readonly text: string } | { readonly flag: boolean } | Digits | null | 'never';

/**
 * Looks a claim up as roles do: a name that starts with "/" is a JSON pointer (RFC 6901), any other is a name. One
 * audience is a list of one, and a number is cut to an integer.
 */
export function seenClaim(claims: JsonObject, name: string): SeenClaim {
  const value = name.startsWith('/') ? pointedAt(claims, name) : ownMember(claims, name);
  if (value === null) return undefined;
  if (name === 'aud' && typeof value === 'string') return [value];
  return typeof value === 'number' ? new Digits(String(goInteger(value))) : value;
}

/** A member that the object has itself. */
export function ownMember(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** The value at a JSON pointer; undefined when the way is not there. Indexes of lists are read as Go reads integers. */
export function pointedAt(claims: JsonObject, pointer: string): Json | undefined {
  let at: Json | undefined = claims;
  for (const part of pointer.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = (at as readonly Json[])[parseGoInteger(name === '' ? '0' : name) ?? -1];
    else at = isJsonObject(at) ? ownMember(at, name) : undefined;
  }
  return at;
}

/** Whether a whole text fits a pattern in which `*` alone is a wildcard. */
export function fitsVaultGlob(pattern: string, value: string): boolean {
  const glob: Glob = Array.from(pattern, (character) => (character === '*' ? anyRun : character.codePointAt(0)!));
  return fitsGlob(glob, codePoints(value));
}

/** A claim as a list of what may match; null for a mapping, which nothing can be compared with. */
export function claimValues(claim: Exclude<SeenClaim, undefined>): readonly (Json | Digits)[] | null {
  if (Array.isArray(claim)) return claim as readonly Json[];
  return isJsonObject(claim) && !(claim instanceof Digits) ? null : [claim];
}

/** Whether a bound value fits a claim, or one of its list. Numbers within the claim's list fit nothing. */
export function fitsClaim(bound: BoundValue, value: Json | Digits, globs: boolean): boolean {
  if (bound === null) return value === null;
  if (bound === 'never') return false;
  if (bound instanceof Digits) return value instanceof Digits && value.digits === bound.digits;
  if ('flag' in bound) return value === bound.flag;
  return typeof value === 'string' && (globs ? fitsVaultGlob(bound.text, value) : bound.text === value);
}
