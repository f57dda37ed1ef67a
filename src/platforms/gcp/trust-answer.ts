import type { TrustAnswer, TrustQuestion } from '../platform.ts';
import { providerAudience } from './configure.ts';
import { decideGcpExchange, decideGcpImpersonation, gcpPrincipal, readGcpTrust } from './trust-policy.ts';

/** What Google would say to a token: the exchange at the provider, then the service account, if it is offered to one. */
export function judgeGcpTrust(document: string, { claims, at, offered }: TrustQuestion): TrustAnswer {
  const trust = readGcpTrust(document);
  const exchange = decideGcpExchange(trust, { claims, at, audience: providerAudience(trust.provider.name) });
  const { error, identity } = exchange;
  // The call is asked of the very provider whose document this is, so its own checks say nothing.
  const checks = exchange.checks.filter(({ step }) => step !== 'request');
  if (identity === null) {
    return {
      allowed: false,
      checks,
      error: error === null ? null : { code: error.error, message: error.error_description },
      reasons: exchange.reasons,
      identity: null,
    };
  }
  const principal = gcpPrincipal(identity);
  if (offered === null || !offered.includes('@')) {
    return { allowed: true, checks, error: null, reasons: [], identity: principal };
  }
  const account = decideGcpImpersonation(trust, identity, offered);
  return {
    allowed: account.allowed,
    checks: [...checks, ...account.checks],
    error: account.error === null ? null : { code: account.error.status, message: account.error.message },
    reasons: account.reasons,
    identity: account.allowed ? `${offered}, as ${principal}` : null,
  };
}
