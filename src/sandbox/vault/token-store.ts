import { randomBytes, randomUUID } from 'node:crypto';

/** A token that is out. The store keeps it in memory only. */
export interface VaultToken {
  readonly id: string;
  /** Empty for batch tokens. */
  readonly accessor: string;
  /** Path of the namespace that it belongs to. */
  readonly space: string;
  readonly type: 'service' | 'batch';
  readonly policies: readonly string[];
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly displayName: string;
  /** Empty for tokens that no login made. */
  readonly entityId: string;
  /** The call that made it, such as `auth/jwt/login`. */
  readonly path: string;
  /** Name of the role that it came from; null for children. */
  readonly role: string | null;
  /** Mount of the auth method that it came from; null for children. */
  readonly mount: string | null;
  readonly parent: VaultToken | null;
  readonly createdAt: Date;
  readonly creationTtlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  readonly renewable: boolean;
  readonly boundCidrs: readonly string[];
  expiresAt: Date;
  /** Of the last lease. */
  leaseSeconds: number;
  /** When it was last renewed. */
  renewedAt: Date | null;
  /** How often it may be used in all; 0 is without limit. */
  readonly uses: number;
  /** Uses left; 0 is without limit, a negative number is none. */
  usesLeft: number;
}

type NewToken = Omit<
  VaultToken,
  'id' | 'accessor' | 'createdAt' | 'expiresAt' | 'leaseSeconds' | 'renewedAt' | 'usesLeft'
>;

/** The tokens of one server. */
export interface TokenStore {
  add(token: NewToken, now: Date): VaultToken;
  /** The token, unless it is unknown, has ended or was used up. */
  find(id: string, now: Date): VaultToken | null;
  /** Ends a token and, unless they are orphans, all that it made. */
  revoke(token: VaultToken): void;
  /** The entity of an alias; the same for the same name. */
  entityOf(space: string, mount: string, alias: string): string;
}

/**
 * Opens an empty store.
 *
 * @param spaceId id of a namespace, which stands in its tokens; empty for the root
 */
export function openTokenStore(spaceId: (space: string) => string): TokenStore {
  const tokens = new Map<string, VaultToken>();
  const entities = new Map<string, string>();
  return {
    add(given, now) {
      const suffix = given.space === '' ? '' : `.${spaceId(given.space)}`;
      const isBatch = given.type === 'batch';
      const token: VaultToken = {
        ...given,
        // All that a batch token knows of its life is when it ends.
        ...(isBatch && { explicitMaxTtlSeconds: 0, periodSeconds: 0 }),
        id: (isBatch ? `b.AAAAAQ${randomBytes(96).toString('base64url')}` : `s.${letters(24)}`) + suffix,
        accessor: isBatch ? '' : letters(24) + suffix,
        createdAt: now,
        expiresAt: new Date(now.getTime() + given.creationTtlSeconds * 1000),
        leaseSeconds: given.creationTtlSeconds,
        renewedAt: null,
        usesLeft: given.uses,
      };
      tokens.set(token.id, token);
      return token;
    },
    find(id, now) {
      const token = tokens.get(id);
      if (token === undefined) return null;
      if (token.expiresAt > now && token.usesLeft >= 0) return token;
      if (token.expiresAt <= now) this.revoke(token);
      return null;
    },
    revoke(token) {
      tokens.delete(token.id);
      for (const child of tokens.values()) if (child.parent === token) this.revoke(child);
    },
    entityOf(space, mount, alias) {
      const key = JSON.stringify([space, mount, alias]);
      const entity = entities.get(key) ?? randomUUID();
      entities.set(key, entity);
      return entity;
    },
  };
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Random letters and digits, each as likely as any other. */
export function letters(count: number): string {
  let text = '';
  while (text.length < count) {
    const [byte] = randomBytes(1);
    if (byte! < 248) text += alphabet[byte! % 62]!;
  }
  return text;
}
