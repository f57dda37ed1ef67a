import type { TrustAnswer, TrustQuestion } from '../platform.ts';
import { accountOfRole, issuerHost } from './arn.ts';
import { decideAwsTrust, readAwsTrustPolicy } from './trust-policy.ts';

/**
 * Judges a role's trust policy from the document alone: the account's provider for the issuer is taken to be there, with
 * the token's audience among its client ids.
 */
export function judgeAwsTrust(document: string, { claims, at, offered }: TrustQuestion): TrustAnswer {
  const roleArn = offered ?? '';
  const verdict = decideAwsTrust(readAwsTrustPolicy(document), {
    claims,
    at,
    roleArn,
    sessionName: 'doctor',
    provider: {
      arn: `arn:aws:iam::${accountOfRole(roleArn) ?? ''}:oidc-provider/${issuerHost(claims.iss)}`,
      url: claims.iss,
      clientIds: [claims.aud],
    },
  });
  return { ...verdict, identity: verdict.allowed ? roleArn : null };
}
