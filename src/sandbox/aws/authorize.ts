import { decideAwsAccess } from '../../platforms/aws/identity-policy.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { ActionRequest, AwsAccount } from './action.ts';
import { header } from '../http-call.ts';
import { AwsRefusal } from './refusal.ts';

type Context = Readonly<Record<string, string | readonly string[]>>;

/**
 * Asks the role's identity policies, and the session policy if there is one, whether the session may do this.
 *
 * @throws {AwsRefusal} `AccessDeniedException`, worded as AWS does, with every check
 */
export function requireAccess(
  action: string,
  resource: string,
  context: Context,
  request: ActionRequest<JsonObject>,
  account: AwsAccount,
): void {
  const { session } = request.caller;
  request.note({ resource });
  const entries: Context = { ...globalContext(request, account), ...session.context, ...context };
  const question = { action, resource, context: entries };
  const verdicts = [
    { kind: 'identity-based policy', verdict: decideAwsAccess(session.role.policies, question) },
    ...(session.sessionPolicy === null
      ? []
      : [{ kind: 'session policy', verdict: decideAwsAccess([session.sessionPolicy], question) }]),
  ];
  request.note({ checks: verdicts.flatMap(({ verdict }) => verdict.checks) });
  const denied = verdicts.find(({ verdict }) => !verdict.allowed);
  if (denied === undefined) return;
  const { kind, verdict } = denied;
  const because = verdict.explicitDeny
    ? `with an explicit deny in ${article(kind)} ${kind}`
    : `because no ${kind} allows the ${action} action`;
  throw new AwsRefusal(
    'AccessDeniedException',
    400,
    `User: ${session.arn} is not authorized to perform: ${action} on resource: ${resource} ${because}`,
    {
      reasons: verdict.reasons,
      checks: verdict.checks,
    },
  );
}

function article(noun: string): string {
  return /^[aeiou]/.test(noun) ? 'an' : 'a';
}

function globalContext(request: ActionRequest<JsonObject>, account: AwsAccount): Context {
  const { session, region } = request.caller;
  const now = account.now();
  return {
    'aws:PrincipalArn': session.role.arn,
    'aws:PrincipalAccount': account.config.account,
    'aws:PrincipalType': 'AssumedRole',
    'aws:PrincipalIsAWSService': 'false',
    'aws:userid': session.userId,
    'aws:RequestedRegion': region,
    'aws:ResourceAccount': account.config.account,
    'aws:CurrentTime': now.toISOString(),
    'aws:EpochTime': String(Math.floor(now.getTime() / 1000)),
    'aws:TokenIssueTime': session.issuedAt.toISOString(),
    'aws:SecureTransport': 'false',
    'aws:SourceIp': request.call.remoteAddress.replace(/^::ffff:/, ''),
    'aws:ViaAWSService': 'false',
    ...(header(request.call, 'user-agent') !== undefined && { 'aws:UserAgent': header(request.call, 'user-agent')! }),
  };
}
