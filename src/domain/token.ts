import type { JsonObject } from './json.ts';
import type { Lease } from './lease.ts';
import type { Secret } from './secret.ts';

/** The claims of a token, standard ones and custom ones (RFC 7519 section 4). Times are whole seconds since 1970. */
export interface Claims extends JsonObject {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly jti: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
}

/** A signed workload identity token. Only `compact` is secret; the rest may be audited and shown. */
export interface IdentityToken {
  readonly compact: Secret;
  readonly claims: Claims;
  readonly kid: string;
  /** SHA-256 of the compact form, lower-case hex. */
  readonly sha256: string;
  readonly expiresAt: Date;
}

/** What a token is for, as the audit tells it. */
export interface TokenPurpose {
  /** `aws`, …, or `manual`. */
  readonly platform: string;
  readonly tag: string | null;
  /** The role, service account or the like that the configuration offers the token to, if the platform has one. */
  readonly offered: string | null;
}

export interface MintRequest {
  readonly lease: Lease;
  readonly audience: string;
  readonly purpose: TokenPurpose;
  /** Short token, to be renewed: seconds. Absent: the phase's own lifetime. */
  readonly lifetimeSeconds?: number;
}

/** Where tokens come from: this process, or a server over HTTP. A token is audited before it is released. */
export interface TokenSource {
  mint(request: MintRequest): Promise<IdentityToken>;
}
