import type { Check } from '../../domain/trust.ts';
import { decideKubernetesAccess, type KubernetesAccess } from '../../platforms/kubernetes/trust-policy.ts';
import type { Cluster } from './cluster.ts';
import type { RequestInfo } from './request-info.ts';
import { KubernetesRefusal } from './status.ts';
import { anonymous, type User } from './user.ts';

/**
 * Asks RBAC whether a request may go on.
 *
 * @returns every check that decided
 * @throws {KubernetesRefusal} 403 `Forbidden`, with the API server's own words
 */
export function requireAccess(asked: RequestInfo, user: User, cluster: Cluster): readonly Check[] {
  const access: KubernetesAccess = asked.isResource
    ? {
        verb: asked.verb,
        group: asked.group,
        resource: asked.resource,
        ...(asked.subresource === null ? {} : { subresource: asked.subresource }),
        namespace: asked.namespace,
        name: asked.name,
      }
    : { verb: asked.verb, nonResourceURL: asked.path };
  const verdict = decideKubernetesAccess(cluster.trust, user, access);
  // RBAC takes everybody for authenticated; who sent no token sees what is public, whatever was bound to them.
  const isAllowed = user === anonymous ? isPublic(asked) : verdict.allowed;
  if (isAllowed) return verdict.checks;
  const details = asked.isResource
    ? {
        ...(asked.name === null ? {} : { name: asked.name }),
        ...(asked.group === '' ? {} : { group: asked.group }),
        kind: asked.resource,
      }
    : {};
  throw new KubernetesRefusal(403, 'Forbidden', verdict.error?.message ?? forbidden(asked, user), {
    details,
    reasons: user === anonymous ? ['the request has no bearer token'] : verdict.reasons,
    checks: verdict.checks,
  });
}

/** `system:public-info-viewer`. */
function isPublic(asked: RequestInfo): boolean {
  return !asked.isResource && asked.verb === 'get' && /^\/(?:healthz|livez|readyz|version\/?)$/.test(asked.path);
}

/** The words for a request that RBAC alone would have let pass. */
function forbidden(asked: RequestInfo, { username }: User): string {
  const who = `User ${JSON.stringify(username)} cannot ${asked.verb}`;
  return asked.isResource
    ? `${asked.resource} is forbidden: ${who} resource "${asked.resource}" in API group "${asked.group}"`
    : `forbidden: ${who} path ${JSON.stringify(asked.path)}`;
}
