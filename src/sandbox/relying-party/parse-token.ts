import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import { DuplicateMemberError, parseStrictJson } from '../../identity/strict-json.ts';

/** A compact JWS taken apart; nothing about it has been verified yet. */
export interface ParsedToken {
  readonly compact: string;
  readonly header: JsonObject;
  readonly claims: JsonObject;
  /** Top-level numbers of the claims as they were written, since `1.0` and `1` are the same number once parsed. */
  readonly numberLiterals: ReadonlyMap<string, string>;
}

export type TokenParse =
  | { readonly ok: true; readonly token: ParsedToken }
  | { readonly ok: false; readonly why: string };

const base64url = /^[A-Za-z0-9_-]+$/;
const registered = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'azp'];

/**
 * Takes a compact JWS (RFC 7515 section 3.1) apart, as strictly as a stranger should: three parts in base64url without
 * padding, JSON objects, no duplicate member names, no registered claim in other letter case (RFC 8725). Pure. The
 * answer never quotes the token.
 */
export function parseToken(compact: string): TokenParse {
  const parts = compact.split('.');
  if (parts.length !== 3) return refused(`a signed token has three parts divided by "."; this has ${parts.length}`);
  const [header, payload] = parts.map((part) => decodePart(part));
  if (!header || !payload || !base64url.test(parts[2]!)) return refused('a part of the token is not base64url');
  const headerRead = readObject(header);
  if (typeof headerRead === 'string') return refused(`the header ${headerRead}`);
  const claimsRead = readObject(payload);
  if (typeof claimsRead === 'string') return refused(`the payload ${claimsRead}`);
  const lookalike = Object.keys(claimsRead.value).find(
    (name) => !registered.includes(name) && registered.includes(name.toLowerCase()),
  );
  if (lookalike !== undefined)
    return refused(`the claim ${JSON.stringify(lookalike)} differs from a registered one in case`);
  return {
    ok: true,
    token: { compact, header: headerRead.value, claims: claimsRead.value, numberLiterals: claimsRead.numberLiterals },
  };
}

function refused(why: string): TokenParse {
  return { ok: false, why };
}

function decodePart(part: string): string | null {
  if (!base64url.test(part)) return null;
  const bytes = Buffer.from(part, 'base64url');
  // A second spelling of the same bytes (stray low bits in the last letter) is refused.
  if (bytes.toString('base64url') !== part) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

interface ReadObject {
  readonly value: JsonObject;
  readonly numberLiterals: ReadonlyMap<string, string>;
}

function readObject(text: string): ReadObject | string {
  try {
    const value = parseStrictJson(text);
    return isJsonObject(value) ? { value, numberLiterals: numberLiterals(text) } : 'is not a JSON object';
  } catch (error) {
    return error instanceof DuplicateMemberError ? `is ambiguous: ${error.message}` : 'is not JSON';
  }
}

/** How the numbers of a JSON object were written; `JSON.parse` does not tell. The text is known to be valid. */
function numberLiterals(text: string): ReadonlyMap<string, string> {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/gs) ?? [];
  const literals = new Map<string, string>();
  let depth = 0;
  let member = '';
  for (const [index, token] of tokens.entries()) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (depth !== 1) continue;
    else if (tokens[index + 1] === ':') member = JSON.parse(token) as string;
    else if (/^[-\d]/.test(token)) literals.set(member, token);
  }
  return literals;
}
