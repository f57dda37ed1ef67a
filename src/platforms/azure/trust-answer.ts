import type { TrustAnswer, TrustQuestion } from '../platform.ts';
import { decideAzureTrust, readAzureTrust } from './trust-policy.ts';

/** What Entra would say to a token, from the federated credentials of the application that it is offered to. */
export function judgeAzureTrust(document: string, { claims, at, offered }: TrustQuestion): TrustAnswer {
  const trust = readAzureTrust(document);
  const { allowed, checks, error, reasons } = decideAzureTrust(
    { ...trust, clientId: trust.clientId ?? offered },
    { claims, at },
  );
  return {
    allowed,
    checks,
    error: error === null ? null : { code: error.code, message: error.description },
    reasons,
    identity: allowed ? `the service principal of ${trust.clientId ?? offered ?? 'the application'}` : null,
  };
}
