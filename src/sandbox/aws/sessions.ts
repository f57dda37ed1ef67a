import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AwsIdentityPolicy } from '../../platforms/aws/identity-policy.ts';
import { Secret } from '../../domain/secret.ts';
import type { AwsRole } from './config.ts';

/** What is known of a session beside its keys: where permissions come from, and what policies may ask about. */
export interface SessionFacts {
  readonly role: AwsRole;
  readonly sessionName: string;
  /** `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`; the role's path is no part of it. */
  readonly arn: string;
  /** `AROA…:SESSION`. */
  readonly userId: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /** Session policy of the call; narrows what the role's policies allow. */
  readonly sessionPolicy: AwsIdentityPolicy | null;
  /** Keys that the web identity leaves behind for permission policies (`HOST:sub`, `aws:PrincipalTag/…`). */
  readonly context: Readonly<Record<string, string | readonly string[]>>;
}

/** Temporary credentials; they live in memory only. */
export interface Session extends SessionFacts {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret;
}

export interface Sessions {
  open(facts: SessionFacts): Session;
  find(accessKeyId: string): Session | undefined;
}

/** So that a stand-in that runs for weeks does not grow: the oldest go first. */
const mostSessions = 10_000;

/** Opens an empty table of sessions. */
export function openSessions(): Sessions {
  const sessions = new Map<string, Session>();
  return {
    open(facts) {
      const session: Session = {
        ...facts,
        accessKeyId: `ASIA${base32(10)}`,
        secretAccessKey: new Secret(randomBytes(30).toString('base64')),
        sessionToken: new Secret(randomBytes(270).toString('base64')),
      };
      sessions.set(session.accessKeyId, session);
      if (sessions.size > mostSessions) sessions.delete(sessions.keys().next().value!);
      return session;
    },
    find: (accessKeyId) => sessions.get(accessKeyId),
  };
}

/** Whether a request brought the session token that belongs to its key. */
export function isTokenOf(session: Session, token: string | null): boolean {
  const expected = Buffer.from(session.sessionToken.reveal());
  const actual = Buffer.from(token ?? '');
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** The unique id of a role, `AROA…`: the same for the same role in every run of the stand-in. */
export function roleIdOf(role: AwsRole): string {
  return `AROA${toBase32(createHash('sha256').update(role.arn).digest()).slice(0, 17)}`;
}

function base32(bytes: number): string {
  return toBase32(randomBytes(bytes));
}

function toBase32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{5}/g) ?? [];
  return groups.map((group) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(group, 2)]).join('');
}
