import { issuerHost } from '../../platforms/aws/arn.ts';
import { decideAwsTrust, type AwsTrustRequest } from '../../platforms/aws/trust-policy.ts';
import { judgeWebIdentity, type AwsError, type AwsWebIdentity } from '../../platforms/aws/web-identity.ts';
import type { Check } from '../../domain/trust.ts';
import type { AwsRole } from './config.ts';
import type { AwsAccount, UnsignedRequest } from './action.ts';
import type { AssumeRoleParameters } from './assume-role-parameters.ts';
import { header } from '../http-call.ts';
import { AwsRefusal } from './refusal.ts';
import type { Provider } from './web-identity.ts';
import type { ParsedToken } from '../relying-party/parse-token.ts';

const accessDenied: AwsError = {
  code: 'AccessDenied',
  message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity',
  status: 403,
};

/**
 * Puts a verified token before the role that it asks for; the decision is that of `platforms/aws`, so that the two cannot
 * disagree. A role that does not exist is refused in the words of one that does not trust, as at AWS.
 *
 * @throws {AwsRefusal} STS' error for the first check that failed, with all of them
 */
export function trustedIdentity(
  asked: AssumeRoleParameters,
  token: ParsedToken,
  provider: Provider,
  request: UnsignedRequest,
  account: AwsAccount,
): { readonly role: AwsRole; readonly identity: AwsWebIdentity } {
  const { config } = account;
  const role = config.roles.find(({ arn }) => arn === asked.roleArn);
  const question: AwsTrustRequest = {
    claims: token.claims,
    roleArn: asked.roleArn,
    provider: { arn: providerArn(provider, config.account), url: provider.url, clientIds: provider.client_ids },
    at: account.now(),
    clockSkewSeconds: config.clock_skew_seconds,
    sessionName: asked.sessionName,
    roleTags: role?.tags ?? {},
    sourceIp: request.call.remoteAddress.replace(/^::ffff:/, ''),
    region: config.region,
    secureTransport: false,
    userAgent: header(request.call, 'user-agent') ?? '',
  };
  if (role === undefined) {
    const gate = judgeWebIdentity(token.claims, question);
    const known = config.roles.map(({ arn }) => arn).join(', ') || 'none';
    const reason = `there is no role ${asked.roleArn}; the account's roles are ${known}`;
    throw refusal(gate.error ?? accessDenied, gate.error === null ? [reason] : failures(gate.checks), gate.checks);
  }
  const verdict = decideAwsTrust(role.trustPolicy, question);
  request.note({ checks: verdict.checks });
  if (!verdict.allowed || verdict.identity === null)
    throw refusal(verdict.error ?? accessDenied, verdict.reasons, verdict.checks);
  return { role, identity: verdict.identity };
}

/** The ARN of the provider object: its URL without the scheme is part of it. */
export function providerArn(provider: Provider, account: string): string {
  return `arn:aws:iam::${account}:oidc-provider/${issuerHost(provider.url)}`;
}

function failures(checks: readonly Check[]): readonly string[] {
  return checks.filter((check) => check.result !== 'pass').map((check) => check.sentence);
}

function refusal(error: AwsError, reasons: readonly string[], checks: readonly Check[]): AwsRefusal {
  return new AwsRefusal(error.code, error.status, error.message, { reasons, checks });
}
