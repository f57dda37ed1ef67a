import type { IssuerKeys } from '../relying-party/issuer-keys.ts';
import { parseToken, type ParsedToken } from '../relying-party/parse-token.ts';
import { readHeader, signatureHolds } from '../relying-party/verify-signature.ts';
import { oauthRefusal, type GcpRefusal } from './refusal.ts';

/** Google takes no others for workload identity. */
const algorithms = ['RS256', 'ES256'];

const refused = (description: string, reason: string): GcpRefusal =>
  oauthRefusal(400, 'invalid_grant', description, { reasons: [reason] });

/**
 * Takes a subject token apart.
 *
 * @throws {GcpRefusal} `invalid_grant`
 */
export function readSubjectToken(compact: string): ParsedToken {
  const parsed = parseToken(compact);
  if (!parsed.ok) throw refused('Unable to parse the ID Token.', parsed.why);
  return parsed.token;
}

/**
 * Verifies the signature with the key that the issuer publishes, or that was uploaded, under the token's `kid`. An
 * unreachable issuer and an unknown `kid` get the same words, as at Google.
 *
 * @throws {GcpRefusal} `invalid_grant`
 */
export async function verifySubjectToken(token: ParsedToken, keys: IssuerKeys): Promise<void> {
  const unverified = 'Unable to verify the ID Token signature.';
  const read = readHeader(token);
  if (!read.ok) throw refused(unverified, read.why);
  if (!algorithms.includes(read.algorithm))
    throw refused(unverified, `alg is ${read.algorithm}; accepted are ${algorithms.join(', ')}`);
  const lookup = await keys.find(read.kid, read.algorithm);
  if (!lookup.ok) throw refused("Error connecting to the given credential's issuer.", lookup.why);
  if (!(await signatureHolds(token, lookup.key, read.algorithm)))
    throw refused(unverified, `the signature does not hold under the issuer's key ${read.kid} (${read.algorithm})`);
}
