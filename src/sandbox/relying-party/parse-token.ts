import { isJsonObject, type JsonObject } from '../../domain/json.ts';

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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  if (!isJsonObject(value)) return 'is not a JSON object';
  const { duplicate, numberLiterals } = inspectMembers(text);
  if (duplicate !== null) return `has the member ${JSON.stringify(duplicate)} twice`;
  return { value, numberLiterals };
}

/**
 * Walks over a JSON text that is known to be valid, and finds what `JSON.parse` hides: duplicate member names at any
 * depth, and how top-level numbers were written.
 */
export function inspectMembers(text: string): {
  readonly duplicate: string | null;
  readonly numberLiterals: ReadonlyMap<string, string>;
} {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/gs) ?? [];
  const numberLiterals = new Map<string, string>();
  const open: (Set<string> | null)[] = [];
  let duplicate: string | null = null;
  let member = '';
  for (const [index, token] of tokens.entries()) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (tokens[index + 1] === ':') {
      member = JSON.parse(token) as string;
      const names = open.at(-1)!;
      if (names?.has(member)) duplicate ??= member;
      names?.add(member);
    } else if (open.length === 1 && /^[-\d]/.test(token)) numberLiterals.set(member, token);
  }
  return { duplicate, numberLiterals };
}
