import { createHash, randomBytes } from 'node:crypto';
import { Secret } from '../../domain/secret.ts';
import type { GcpIdentity } from '../../platforms/gcp/trust-policy.ts';

/** What is known of an access token; its text is not kept. */
export type TokenFacts = FederatedToken | ServiceAccountToken;

interface AnyToken {
  readonly scopes: readonly string[];
  /** `principal://…`: who exchanged a token of ours for it. */
  readonly principal: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

/** What the security token service gives for a token of ours. */
export interface FederatedToken extends AnyToken {
  readonly kind: 'federated';
  readonly identity: GcpIdentity;
}

/** What IAM Credentials gives in a service account's name. */
export interface ServiceAccountToken extends AnyToken {
  readonly kind: 'service_account';
  readonly email: string;
}

/** The access tokens that are out, by a hash of their text. */
export interface AccessTokens {
  issue(facts: TokenFacts): Secret;
  find(token: string): TokenFacts | undefined;
}

/** So that a stand-in that runs for weeks does not grow: the oldest go first. */
const mostTokens = 10_000;

/** Opens an empty table of access tokens. */
export function openAccessTokens(): AccessTokens {
  const tokens = new Map<string, TokenFacts>();
  return {
    issue(facts) {
      // Clients see no more than Google's prefix; people should see at once that it is not Google's.
      const token = `ya29.hallpass-${randomBytes(96).toString('base64url')}`;
      tokens.set(hash(token), facts);
      if (tokens.size > mostTokens) tokens.delete(tokens.keys().next().value!);
      return new Secret(token);
    },
    find: (token) => tokens.get(hash(token)),
  };
}

/** The unique id of a service account, 21 digits: the same for the same account in every run of the stand-in. */
export function uniqueIdOf(email: string): string {
  const number = BigInt(`0x${createHash('sha256').update(email).digest('hex').slice(0, 20)}`);
  return `1${(number % 10n ** 20n).toString().padStart(20, '0')}`;
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
