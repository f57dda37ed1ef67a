import { AppError } from '../domain/errors.ts';
import { quoted } from '../domain/printable.ts';
import type { Claims } from '../domain/token.ts';
import type { Workload } from '../domain/workload.ts';
import { longestTokenSeconds, shortestTokenSeconds, type Limits } from './limits.ts';
import { tokenKindOf, tokenKinds } from './workloads/registry.ts';

/** The claims that every token has, in the order in which they are written (RFC 7519 section 4.1). */
export const standardClaimNames = ['jti', 'iss', 'aud', 'iat', 'nbf', 'exp', 'sub'] as const;

/** Every claim that any token of ours may carry: what discovery promises is what the kinds make. */
export const supportedClaimNames: readonly string[] = [
  ...new Set([...standardClaimNames, ...tokenKinds.flatMap((kind) => kind.claimNames)]),
];

/** AWS takes client ids of up to 255 characters; Google's resource names are the longest in use, about 140. */
const longestAudience = 255;

/** What surrounds a workload when it asks for a token. */
export interface ClaimContext {
  readonly issuer: string;
  /** Becomes `aud`, one string. */
  readonly audience: string;
  /** Moment of issue; `iat` is this in whole seconds. */
  readonly at: Date;
  /** Becomes `jti`; a UUID. */
  readonly id: string;
  readonly limits: Limits;
  /** A short life instead of the phase's: 10 s to 24 h. */
  readonly lifetimeSeconds?: number | undefined;
}

/**
 * Builds the claims of a token for one phase of a workload. Pure; the caller signs.
 *
 * @throws {NameError} `name_invalid` when a name cannot stand in the subject
 * @throws {AppError} `claim_invalid` for an audience, id, length or lifetime that cannot be
 * @see HCP Terraform docs, "Workload identity", token structures
 * @see RFC 7519 section 4.1 (registered claims)
 */
export function claimsFor(workload: Workload, context: ClaimContext): Claims {
  const kind = tokenKindOf(workload);
  const iat = Math.floor(context.at.getTime() / 1000);
  const lifetime = lifetimeOf(context.lifetimeSeconds, kind.lifetimeSeconds(workload, context.limits));
  return {
    jti: context.id,
    iss: context.issuer,
    aud: checkedAudience(context.audience),
    iat,
    nbf: iat - kind.backdateSeconds,
    exp: iat + lifetime,
    sub: kind.subject(workload),
    ...kind.claims(workload),
  };
}

function lifetimeOf(asked: number | undefined, phases: number): number {
  if (asked === undefined) return Math.max(shortestTokenSeconds, Math.min(Math.floor(phases), longestTokenSeconds));
  if (Number.isInteger(asked) && asked >= shortestTokenSeconds && asked <= longestTokenSeconds) return asked;
  throw new AppError('claim_invalid', {
    what: `a token lifetime of ${asked} seconds is not possible`,
    where: 'token lifetime',
    mend: 'choose 10s to 24h; 5m to 60m is advised where tokens are renewed',
  });
}

function checkedAudience(audience: string): string {
  if (audience.length >= 1 && audience.length <= longestAudience && /^[\x21-\x7e]+$/.test(audience)) return audience;
  throw new AppError('claim_invalid', {
    what: `the audience ${quoted(audience.slice(0, 300))} cannot be used`,
    where: 'audience of the token',
    mend: `use 1 to ${longestAudience} printable ASCII characters without spaces, such as aws.workload.identity`,
  });
}
