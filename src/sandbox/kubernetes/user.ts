import type { JsonObject } from '../../domain/json.ts';

/** Who is asking, as RBAC sees them. */
export interface User {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Whoever sends no token: an API server lets them look at its version, and little else. */
export const anonymous: User = {
  username: 'system:anonymous',
  uid: '',
  groups: ['system:unauthenticated'],
  extra: {},
};

/** The user as reviews show it; empty members are left out, as Go does. */
export function userInfo({ username, uid, groups, extra }: User): JsonObject {
  return {
    username,
    ...(uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
