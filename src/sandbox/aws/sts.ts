import { AppError } from '../../domain/errors.ts';
import { isoSeconds } from '../../domain/iso-seconds.ts';
import { issuerHost } from '../../platforms/aws/arn.ts';
import { readAwsIdentityPolicy, type AwsIdentityPolicy } from '../../platforms/aws/identity-policy.ts';
import type { AwsWebIdentity } from '../../platforms/aws/web-identity.ts';
import type { AwsRole } from './config.ts';
import type { AwsAccount, QueryHandler, UnsignedHandler, UnsignedRequest } from './action.ts';
import { readAssumeRoleParameters, type AssumeRoleParameters } from './assume-role-parameters.ts';
import { AwsRefusal } from './refusal.ts';
import { roleIdOf, type Session, type SessionFacts } from './sessions.ts';
import { providerArn, trustedIdentity } from './trust.ts';
import { readWebIdentity, requireIntegerTimes, verifyWebIdentity, type Provider } from './web-identity.ts';
import type { XmlElement } from './xml.ts';

/** The one action that brings its own proof, and is not signed. */
export const unsignedStsActions: Readonly<Record<string, UnsignedHandler>> = {
  AssumeRoleWithWebIdentity: assumeRoleWithWebIdentity,
};

/** Signed actions. */
export const stsActions: Readonly<Record<string, QueryHandler>> = {
  GetCallerIdentity: getCallerIdentity,
  GetSessionToken: notForSessions('GetSessionToken'),
  GetFederationToken: notForSessions('GetFederationToken'),
};

/**
 * `AssumeRoleWithWebIdentity`, in the order in which AWS refuses: form of the parameters, form of the token, a provider
 * for its issuer, key and signature, claims, times, audience, the `roles` claim, role and trust policy, tags and source
 * identity, duration, size.
 *
 * @see AWS STS API Reference, AssumeRoleWithWebIdentity
 */
async function assumeRoleWithWebIdentity(request: UnsignedRequest, account: AwsAccount): Promise<XmlElement> {
  const asked = readAssumeRoleParameters(request.parameters);
  request.note({ role: asked.roleArn });
  const { token, provider } = readWebIdentity(asked.token, asked.roleAccount, account.config);
  await verifyWebIdentity(token, account.keysOf(provider.url));
  if (typeof token.claims['sub'] === 'string') request.note({ principal: token.claims['sub'] });
  requireIntegerTimes(token);
  const { role, identity } = trustedIdentity(asked, token, provider, request, account);
  requireDuration(asked, role);
  const packedPercent = requirePackedSize(identity, asked);
  const facts = sessionFacts(asked, identity, role, provider, account);
  const session = account.sessions.open({ ...facts, sessionPolicy: readSessionPolicy(asked) });
  request.note({ expires_at: isoSeconds(session.expiresAt) });
  return assumedRole(session, identity, provider, packedPercent);
}

function requireDuration(asked: AssumeRoleParameters, role: AwsRole): void {
  if (asked.durationSeconds <= role.maxSessionDurationSeconds) return;
  const message = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.';
  throw new AwsRefusal('ValidationError', 400, message, {
    reasons: [`DurationSeconds is ${asked.durationSeconds}, the role's maximum is ${role.maxSessionDurationSeconds}`],
  });
}

function readSessionPolicy(asked: AssumeRoleParameters): AwsIdentityPolicy | null {
  if (asked.policy === null) return null;
  try {
    return readAwsIdentityPolicy(asked.policy);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AwsRefusal('MalformedPolicyDocument', 400, error.problem.what, {
      reasons: [`the session policy is refused: ${error.problem.what}`],
    });
  }
}

/**
 * How full the packed form of session policy and tags is, in percent. AWS' packing is not published; their plain size
 * against 4096 characters stands for it.
 */
function requirePackedSize(identity: AwsWebIdentity, asked: AssumeRoleParameters): number {
  const tags = [...identity.sessionTags].reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  const percent = Math.ceil((((asked.policy?.length ?? 0) + tags) / 4096) * 100);
  if (percent <= 100) return percent;
  const message = `Packed policy consumes ${percent}% of allotted space, please use smaller policy.`;
  throw new AwsRefusal('PackedPolicyTooLarge', 400, message, {
    reasons: [`session policy and tags have ${percent} % of the size that the stand-in takes`],
  });
}

function sessionFacts(
  asked: AssumeRoleParameters,
  identity: AwsWebIdentity,
  role: AwsRole,
  provider: Provider,
  account: AwsAccount,
): Omit<SessionFacts, 'sessionPolicy'> {
  const { config } = account;
  const issuedAt = account.now();
  const seconds = config.session_seconds ?? asked.durationSeconds;
  return {
    role,
    sessionName: asked.sessionName,
    arn: `arn:aws:sts::${config.account}:assumed-role/${role.name}/${asked.sessionName}`,
    userId: `${roleIdOf(role)}:${asked.sessionName}`,
    issuedAt,
    // AWS shows whole seconds, and a session ends when it says.
    expiresAt: new Date(Math.floor(issuedAt.getTime() / 1000 + seconds) * 1000),
    context: sessionContext(identity, role, provider, config.account),
  };
}

/** What permission policies may ask about the session; tags of the token win over tags of the role. */
function sessionContext(
  identity: AwsWebIdentity,
  role: AwsRole,
  provider: Provider,
  account: string,
): SessionFacts['context'] {
  const host = issuerHost(provider.url);
  const own = new Set([...identity.sessionTags.keys()].map((key) => key.toLowerCase()));
  const roleTags = Object.entries(role.tags).filter(([key]) => !own.has(key.toLowerCase()));
  const tags = [...roleTags, ...identity.sessionTags].map(
    ([key, value]) => [`aws:PrincipalTag/${key}`, value] as const,
  );
  return {
    [`${host}:sub`]: identity.subject,
    [`${host}:aud`]: identity.audience,
    ...(identity.amr !== undefined && { [`${host}:amr`]: identity.amr }),
    'aws:FederatedProvider': providerArn(provider, account),
    ...(identity.sourceIdentity !== undefined && { 'aws:SourceIdentity': identity.sourceIdentity }),
    ...Object.fromEntries(tags),
  };
}

function assumedRole(
  session: Session,
  identity: AwsWebIdentity,
  provider: Provider,
  packedPercent: number,
): XmlElement {
  return {
    SubjectFromWebIdentityToken: identity.subject,
    Audience: identity.audience,
    AssumedRoleUser: { Arn: session.arn, AssumedRoleId: session.userId },
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey.reveal(),
      SessionToken: session.sessionToken.reveal(),
      Expiration: isoSeconds(session.expiresAt),
    },
    Provider: provider.url,
    SourceIdentity: identity.sourceIdentity,
    PackedPolicySize: packedPercent === 0 ? undefined : packedPercent,
  };
}

function getCallerIdentity({ caller: { session } }: Parameters<QueryHandler>[0], account: AwsAccount): XmlElement {
  return { Arn: session.arn, UserId: session.userId, Account: account.config.account };
}

function notForSessions(action: string): QueryHandler {
  return () => {
    throw new AwsRefusal('AccessDenied', 403, `Cannot call ${action} with session credentials`);
  };
}
