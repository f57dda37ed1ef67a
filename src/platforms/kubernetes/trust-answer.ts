import type { TrustAnswer, TrustQuestion } from '../platform.ts';
import { decideKubernetesTrust, readKubernetesTrust } from './trust-policy.ts';

/** Judges the API server's own configuration, without asking it. What the user may do, RBAC says later. */
export function judgeKubernetesTrust(document: string, { claims, at }: TrustQuestion): TrustAnswer {
  const trust = readKubernetesTrust(document, { httpOnLoopback: true });
  const { allowed, checks, reasons, error, user } = decideKubernetesTrust(trust, { claims, at });
  return {
    allowed,
    checks,
    reasons,
    // The server's log says more than its answer.
    error: error === null ? null : { code: error.message, message: error.log ?? 'the log of the API server says why' },
    identity:
      user === null
        ? null
        : `user ${user.username}${user.groups.length > 0 ? `, groups ${user.groups.join(', ')}` : ''}`,
  };
}
