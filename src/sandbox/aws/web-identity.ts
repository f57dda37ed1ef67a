import type { AwsConfig } from './config.ts';
import type { IssuerKeys } from '../relying-party/issuer-keys.ts';
import { parseToken, type ParsedToken } from '../relying-party/parse-token.ts';
import { readHeader, signatureHolds } from '../relying-party/verify-signature.ts';
import { AwsRefusal } from './refusal.ts';

export type Provider = AwsConfig['providers'][number];

const notAJwt = 'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)';
// Two blanks after the comma: that is how AWS writes it.
const noKey =
  "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements";
const unreachable =
  'The request could not be fulfilled because the identity provider (IDP) that was asked to verify the incoming identity token could not be reached.';

const invalid = (message: string, reason: string): AwsRefusal =>
  new AwsRefusal('InvalidIdentityToken', 400, message, { reasons: [reason] });

/**
 * Takes a web identity token apart and finds the provider object for its issuer in the role's account.
 *
 * @throws {AwsRefusal} `InvalidIdentityToken`
 */
export function readWebIdentity(
  compact: string,
  roleAccount: string,
  config: AwsConfig,
): { readonly token: ParsedToken; readonly provider: Provider } {
  const parsed = parseToken(compact);
  if (!parsed.ok) throw invalid(notAJwt, parsed.why);
  const { iss } = parsed.token.claims;
  if (typeof iss !== 'string') throw invalid('Missing a required claim: iss', 'the token has no claim iss with text');
  const provider = config.providers.find((candidate) => candidate.url === iss);
  if (provider === undefined || roleAccount !== config.account) {
    const known = config.providers.map((candidate) => candidate.url).join(', ') || 'none';
    const reason =
      roleAccount === config.account
        ? `iss is ${iss}; the account's providers are ${known} (they must be equal, character for character)`
        : `the role is in account ${roleAccount}; this stand-in plays account ${config.account}`;
    throw invalid(`No OpenIDConnect provider found in your account for ${iss}`, reason);
  }
  return { token: parsed.token, provider };
}

/**
 * Verifies the signature with the key that the issuer publishes under the token's `kid`.
 *
 * @throws {AwsRefusal} `InvalidIdentityToken`, or `IDPCommunicationError` when the issuer did not answer
 */
export async function verifyWebIdentity(token: ParsedToken, keys: IssuerKeys): Promise<void> {
  const read = readHeader(token);
  if (!read.ok) throw invalid(token.header['kid'] === undefined ? noKey : notAJwt, read.why);
  const lookup = await keys.find(read.kid, read.algorithm);
  if (!lookup.ok) {
    throw lookup.kind === 'unreachable'
      ? new AwsRefusal('IDPCommunicationError', 400, unreachable, { reasons: [lookup.why] })
      : invalid(noKey, lookup.why);
  }
  if (!(await signatureHolds(token, lookup.key, read.algorithm)))
    throw invalid(notAJwt, `the signature does not hold under the issuer's key ${read.kid} (${read.algorithm})`);
}

/**
 * Refuses times that are not written as whole numbers. A parsed claim cannot show it: `1.0` and `1` are then the same.
 *
 * @throws {AwsRefusal} `InvalidIdentityToken`
 */
export function requireIntegerTimes(token: ParsedToken): void {
  for (const name of ['iat', 'exp', 'nbf']) {
    const literal = token.numberLiterals.get(name);
    if (literal !== undefined && !/^-?\d+$/.test(literal))
      throw invalid(notAJwt, `${name} is ${literal}; times must be written as integers`);
  }
}
