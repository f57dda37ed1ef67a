import type { Check } from '../../domain/trust.ts';
import { decideKubernetesTrust } from '../../platforms/kubernetes/trust-policy.ts';
import { parseToken } from '../relying-party/parse-token.ts';
import { readHeader, signatureHolds } from '../relying-party/verify-signature.ts';
import { header, type HttpCall } from '../http-call.ts';
import type { Cluster } from './cluster.ts';
import { unauthorized } from './status.ts';
import { anonymous, type User } from './user.ts';

/** Who was found, with every check that led there. */
export interface Authenticated {
  readonly user: User;
  /** The token's `sub`; null without one. */
  readonly subject: string | null;
  readonly checks: readonly Check[];
}

/**
 * Finds out who is asking. Without a token that is `system:anonymous`.
 *
 * @throws {KubernetesRefusal} 401, the same for every cause
 */
export async function authenticate(call: HttpCall, cluster: Cluster): Promise<Authenticated> {
  const lines = call.headers.get('authorization') ?? [];
  const [scheme, token = ''] = (header(call, 'authorization') ?? '').trim().split(/ +/);
  if (lines.length > 1 || scheme?.toLowerCase() !== 'bearer' || token === '')
    return { user: anonymous, subject: null, checks: [] };
  return authenticateToken(token, cluster);
}

/** @throws {KubernetesRefusal} 401, the same for every cause */
export async function authenticateToken(compact: string, cluster: Cluster): Promise<Authenticated> {
  const parsed = parseToken(compact);
  if (!parsed.ok) throw unauthorized([`invalid bearer token: ${parsed.why}`]);
  const { token } = parsed;
  const { iss, sub } = token.claims;
  const keys = typeof iss === 'string' ? cluster.keysOf(iss) : undefined;
  // A token of nobody's is no authenticator's business; the decision below says so.
  if (keys !== undefined) {
    const read = readHeader(token);
    if (!read.ok) throw unauthorized([`oidc: verify token: ${read.why}`]);
    const lookup = await keys.find(read.kid, read.algorithm);
    if (!lookup.ok) {
      const words = lookup.kind === 'unreachable' ? 'authenticator not initialized' : 'failed to verify signature';
      throw unauthorized([`oidc: ${words}: ${lookup.why}`]);
    }
    if (!(await signatureHolds(token, lookup.key, read.algorithm)))
      throw unauthorized([
        `oidc: failed to verify signature: failed to verify id token signature (key ${read.kid}, ${read.algorithm})`,
      ]);
  }
  const algorithm = typeof token.header['alg'] === 'string' ? token.header['alg'] : '';
  const verdict = decideKubernetesTrust(cluster.trust, { claims: token.claims, at: cluster.now(), algorithm });
  if (!verdict.allowed || verdict.user === null || keys === undefined) {
    const log = verdict.error?.log ?? null;
    throw unauthorized(log === null ? verdict.reasons : [log, ...verdict.reasons], verdict.checks);
  }
  const { username, uid, groups, extra } = verdict.user;
  return {
    user: { username, uid, groups: [...new Set([...groups, 'system:authenticated'])], extra },
    subject: typeof sub === 'string' ? sub : null,
    checks: verdict.checks,
  };
}
