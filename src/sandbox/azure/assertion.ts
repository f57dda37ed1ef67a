import { assertionErrors } from '../../platforms/azure/aadsts.ts';
import { decideAzureTrust } from '../../platforms/azure/trust-policy.ts';
import { parseToken, type ParsedToken } from '../relying-party/parse-token.ts';
import { readHeader, signatureHolds } from '../relying-party/verify-signature.ts';
import type { AzureApplication } from './config.ts';
import { EntraRefusal } from './refusal.ts';
import type { Note } from '../logged-answer.ts';
import type { Tenant } from './tenant.ts';

/**
 * Puts an assertion before an application's federated credentials; the decision is that of `platforms/azure`, so that the
 * two cannot disagree. The order is Entra's, as far as it is known: issuer, key and signature, then the rest.
 *
 * @throws {EntraRefusal} with every check that failed
 */
export async function acceptAssertion(
  compact: string,
  application: AzureApplication,
  tenant: Tenant,
  note: Note,
): Promise<void> {
  const parsed = parseToken(compact);
  if (!parsed.ok) throw new EntraRefusal(assertionErrors.malformed(), { reasons: [parsed.why] });
  const { token } = parsed;
  const { iss, sub } = token.claims;
  if (typeof sub === 'string') note({ principal: sub });
  const verdict = decideAzureTrust(application.trust, {
    claims: token.claims,
    at: tenant.now(),
    clockSkewSeconds: tenant.config.clock_skew_seconds,
    applicationName: application.name,
  });
  note({ checks: verdict.checks });
  // Keys of an issuer that no credential names are not even looked for.
  if (typeof iss === 'string' && application.trust.credentials.some(({ issuer }) => issuer === iss))
    await verifySignature(token, iss, tenant);
  if (verdict.error !== null)
    throw new EntraRefusal(verdict.error, { reasons: verdict.reasons, checks: verdict.checks });
}

async function verifySignature(token: ParsedToken, issuer: string, tenant: Tenant): Promise<void> {
  const read = readHeader(token);
  if (!read.ok) throw new EntraRefusal(assertionErrors.malformed(), { reasons: [read.why] });
  if (read.algorithm !== 'RS256') {
    const reasons = [`alg is ${read.algorithm}; Entra supports RS256 only for certain`];
    throw new EntraRefusal(assertionErrors.signature(), { reasons });
  }
  const lookup = await tenant.keysOf(issuer).find(read.kid, read.algorithm);
  if (!lookup.ok) {
    const error =
      lookup.kind === 'unknown_key' ? assertionErrors.unknownKey(read.kid, issuer) : assertionErrors.unreachable();
    throw new EntraRefusal(error, { reasons: [lookup.why] });
  }
  if (!(await signatureHolds(token, lookup.key, read.algorithm))) {
    const reasons = [`the signature does not hold under the issuer's key ${read.kid} (${read.algorithm})`];
    throw new EntraRefusal(assertionErrors.signature(), { reasons });
  }
}
