import { compactVerify } from 'jose/jws/compact/verify';
import { importJWK } from 'jose/key/import';
import { AppError } from '../domain/errors.ts';
import { isoSeconds } from '../domain/iso-seconds.ts';
import type { Json } from '../domain/json.ts';
import { quoted } from '../domain/printable.ts';
import type { Claims } from '../domain/token.ts';
import { standardClaimNames } from './claims.ts';
import { inspectToken, type InspectedToken } from './inspect.ts';
import type { VerificationKey } from './key-set.ts';
import { longestTokenSeconds } from './limits.ts';
import { signatureAlgorithm } from './signer.ts';

/** What a relying party holds against a token. */
export interface TokenTrust {
  readonly issuer: string;
  readonly keys: readonly VerificationKey[];
  /** Absent: any one audience. */
  readonly audience?: string | undefined;
  readonly at: Date;
  /** How far clocks may differ; 0 by default. */
  readonly toleranceSeconds?: number;
}

/** Which check a token failed. */
export type TokenFault =
  | 'malformed'
  | 'algorithm'
  | 'header'
  | 'key'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'time'
  | 'claims';

export type Verification =
  | { readonly valid: true; readonly kid: string; readonly claims: Claims }
  | { readonly valid: false; readonly fault: TokenFault; readonly reason: string };

type Refused = readonly [TokenFault, string];

/**
 * Verifies a token as a strict relying party does: RS256 only, whatever the header says; the key chosen by `kid` from the
 * issuer's own set, never from the header (`jwk`, `jku`, `x5c` are ignored); then times, issuer and audience.
 *
 * @see RFC 8725 section 3, RFC 7519 section 7.2
 */
export async function verifyToken(compact: string, trust: TokenTrust): Promise<Verification> {
  let token: InspectedToken;
  try {
    token = inspectToken(compact);
  } catch (error) {
    if (error instanceof AppError) return refusal(['malformed', error.problem.what]);
    throw error;
  }
  const { header, claims } = token;
  const refusedHeader = headerFault(header);
  if (refusedHeader) return refusal(refusedHeader);
  const kid = header['kid'] as string;
  const key = trust.keys.find((candidate) => candidate.kid === kid);
  if (key === undefined) {
    const known = trust.keys.map((candidate) => candidate.kid).join(', ') || 'none';
    return refusal(['key', `its key ${quoted(kid)} is not in the issuer's key set (there: ${known})`]);
  }
  if (!(await isSignedBy(compact, key))) return refusal(['signature', `its signature was not made by the key ${kid}`]);
  const refusedClaims = claimFault(claims, trust);
  return refusedClaims ? refusal(refusedClaims) : { valid: true, kid, claims: claims as unknown as Claims };
}

function refusal([fault, reason]: Refused): Verification {
  return { valid: false, fault, reason };
}

async function isSignedBy(compact: string, { kty, n, e }: VerificationKey): Promise<boolean> {
  try {
    const key = await importJWK({ kty, n, e }, signatureAlgorithm);
    await compactVerify(compact, key, { algorithms: [signatureAlgorithm] });
    return true;
  } catch {
    return false;
  }
}

type Members = Readonly<Record<string, Json>>;

function headerFault(header: Members): Refused | undefined {
  const { alg, typ, kid, crit } = header;
  if (alg !== signatureAlgorithm)
    return ['algorithm', `its algorithm is ${show(alg)}; only ${signatureAlgorithm} is accepted`];
  if (crit !== undefined) return ['header', 'its header demands extensions ("crit"), and we know none'];
  if (header['b64'] !== undefined) return ['header', 'its header asks for an unencoded payload ("b64")'];
  if (typ !== undefined && typ !== 'JWT') return ['header', `its type is ${show(typ)} instead of "JWT"`];
  if (typeof kid !== 'string' || kid === '') return ['key', 'its header names no key ("kid")'];
  return lookAlike(header, ['alg', 'kid', 'typ', 'crit'], 'header');
}

function claimFault(claims: Members, trust: TokenTrust): Refused | undefined {
  return (
    lookAlike(claims, standardClaimNames, 'claims') ??
    issuerFault(claims, trust) ??
    audienceFault(claims, trust) ??
    subjectFault(claims) ??
    timeFault(claims, trust)
  );
}

function issuerFault({ iss }: Members, { issuer }: TokenTrust): Refused | undefined {
  return iss === issuer ? undefined : ['issuer', `its issuer is ${show(iss)} instead of ${quoted(issuer)}`];
}

function audienceFault({ aud }: Members, { audience }: TokenTrust): Refused | undefined {
  if (Array.isArray(aud)) return ['audience', 'its audience is a list; ours is one text'];
  if (typeof aud !== 'string' || aud === '') return ['audience', 'it has no audience'];
  if (audience === undefined || aud === audience) return undefined;
  return ['audience', `its audience is ${quoted(aud)} instead of ${quoted(audience)}`];
}

function subjectFault({ sub, jti }: Members): Refused | undefined {
  if (typeof sub !== 'string' || sub === '') return ['claims', 'it has no subject'];
  if (typeof jti !== 'string' || jti === '') return ['claims', 'it has no id ("jti")'];
  return undefined;
}

function timeFault({ iat, nbf, exp }: Members, { at, toleranceSeconds = 0 }: TokenTrust): Refused | undefined {
  for (const [name, value] of Object.entries({ iat, nbf, exp })) {
    if (!Number.isSafeInteger(value)) return ['time', `its ${name} is ${show(value)}, not a whole number of seconds`];
  }
  const [issued, from, until] = [iat, nbf, exp] as [number, number, number];
  const now = at.getTime() / 1000;
  if (now >= until + toleranceSeconds) return ['time', `it expired at ${moment(until)}; it is ${moment(now)} now`];
  if (now < from - toleranceSeconds) return ['time', `it holds from ${moment(from)} only; it is ${moment(now)} now`];
  if (now < issued - toleranceSeconds) return ['time', `it was issued at ${moment(issued)}, in the future`];
  if (until - issued > longestTokenSeconds) return ['time', 'it lives longer than 24 hours'];
  return undefined;
}

/** A member whose name differs from a registered one in case only: a lax reader would take it for that. */
function lookAlike(members: Members, names: readonly string[], fault: TokenFault): Refused | undefined {
  const name = Object.keys(members).find((member) => !names.includes(member) && names.includes(member.toLowerCase()));
  return name === undefined ? undefined : [fault, `it has a member ${quoted(name)}, which looks like another one`];
}

function show(value: Json | undefined): string {
  return value === undefined
    ? 'missing'
    : quoted(typeof value === 'string' ? value.slice(0, 300) : JSON.stringify(value).slice(0, 300));
}

function moment(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `second ${seconds}` : isoSeconds(date);
}
