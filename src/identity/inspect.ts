import { AppError } from '../domain/errors.ts';
import { isJsonObject, type Json } from '../domain/json.ts';
import { DuplicateMemberError, parseStrictJson } from './strict-json.ts';

/** The readable parts of a compact JWS. Nothing about it is known to be true. */
export interface InspectedToken {
  readonly header: Readonly<Record<string, Json>>;
  readonly claims: Readonly<Record<string, Json>>;
}

/** AWS takes tokens of up to 20,000 characters, the most of all platforms. */
const longestToken = 20_000;

/**
 * Decodes a compact token without verifying it.
 *
 * @throws {AppError} `token_invalid`, never quoting the token
 * @see RFC 7515 section 3.1
 */
export function inspectToken(compact: string): InspectedToken {
  if (compact.length > longestToken)
    throw malformed(`it has ${compact.length} characters; ${longestToken} are the most`);
  const parts = compact.split('.');
  if (parts.length !== 3) throw malformed(`it has ${parts.length} parts instead of three`);
  if (!parts.every(isBase64url)) throw malformed('a part of it is not base64url');
  return { header: decoded(parts[0]!, 'header'), claims: decoded(parts[1]!, 'payload') };
}

/** Base64url in its one spelling (RFC 4648 section 3.5): stray bits in the last letter would make a second token of one. */
function isBase64url(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

function decoded(part: string, name: string): Readonly<Record<string, Json>> {
  let value: unknown;
  try {
    // A byte order mark is kept, so that it is no JSON: other readers would stumble over it.
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    value = parseStrictJson(decoder.decode(Buffer.from(part, 'base64url')));
  } catch (error) {
    // The duplicate's name is worth saying; what JSON.parse says would quote the token.
    throw malformed(
      `its ${name} is ${error instanceof DuplicateMemberError ? `ambiguous: ${error.message}` : 'not JSON'}`,
    );
  }
  if (isJsonObject(value)) return value;
  throw malformed(`its ${name} is not a JSON object`);
}

function malformed(reason: string): AppError {
  return new AppError('token_invalid', {
    what: `this is not a token: ${reason}`,
    mend: 'pass the compact form, header.claims.signature',
  });
}
