import { quoted } from '../../domain/printable.ts';
import type { Verdict } from '../../domain/trust.ts';
import { conditionContext } from './condition-context.ts';
import { checkAction, checkResource, decideAction, judgeStatement, reasonsAgainst } from './decide.ts';
import { readPolicyDocument, type PolicyDocument, type PolicyKind } from './policy-document.ts';

/** A permission policy of a role, read and checked. */
export type AwsIdentityPolicy = PolicyDocument;

/** One call, as far as permission policies look at it. */
export interface AwsAccessRequest {
  /** `ssm:PutParameter`. */
  readonly action: string;
  /** The ARN that the call touches, or `*` where the service knows none. */
  readonly resource: string;
  /** Condition keys: a string is a single-valued key, a list a multi-valued one. What is not there is absent. */
  readonly context: Readonly<Record<string, string | readonly string[]>>;
}

/** Every check, passed or not, and the reasons when refused. */
export interface AwsAccessVerdict extends Verdict {
  /** A Deny applied; otherwise nothing allowed the call. */
  readonly explicitDeny: boolean;
  readonly reasons: readonly string[];
}

const identityPolicy: PolicyKind = {
  title: 'permission policy',
  hasPrincipal: false,
  hasResource: true,
  longest: 10_240,
  lengthMend: 'split it; inline policies of a role may have 10,240 characters together',
  refuseAction: () => null,
};

/**
 * Reads a native permission policy.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 */
export function readAwsIdentityPolicy(text: string): AwsIdentityPolicy {
  return readPolicyDocument(text, identityPolicy);
}

/** Decides whether a role's permission policies together allow a call: a Deny in any of them wins. Pure. */
export function decideAwsAccess(policies: readonly AwsIdentityPolicy[], request: AwsAccessRequest): AwsAccessVerdict {
  const { action, resource } = request;
  const context = conditionContext(Object.entries(request.context));
  const judged = policies.flatMap((policy) =>
    policy.statements.map((statement) =>
      judgeStatement(policy, statement, context, [
        checkResource(statement, statement.resources!, resource, context, policy.version),
      ]),
    ),
  );
  const decision = decideAction(judged, action);
  const checks = judged.flatMap(({ statement, checks: own }) => [checkAction(statement, action), ...own]);
  const allowed = decision.result === 'pass';
  return {
    allowed,
    checks: [...checks, decision.check],
    explicitDeny: decision.denied,
    reasons: allowed
      ? []
      : policies.length === 0
        ? [`no statement allows ${action} on ${quoted(resource)}: the role has no permission policy`]
        : reasonsAgainst(judged, [{ action, decision }]),
  };
}
