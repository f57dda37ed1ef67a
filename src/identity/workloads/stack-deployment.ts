import { AppError } from '../../domain/errors.ts';
import { checkedName } from '../../domain/names.ts';
import type { StackDeployment } from '../../domain/workload.ts';
import { checkedId, checkedPhase, type TokenKind } from './token-kind.ts';

/** Google takes at most 127 bytes of subject, and HCP Terraform holds Stacks to that. */
const longestSubject = 127;

/**
 * One operation on one deployment of a Stack.
 *
 * @see HCP Terraform docs, "Workload identity", Stacks token structure
 */
export const stackDeployment: TokenKind<StackDeployment> = {
  kind: 'stack_deployment',
  claimNames: [
    'terraform_organization_id',
    'terraform_organization_name',
    'terraform_project_id',
    'terraform_project_name',
    'terraform_stack_id',
    'terraform_stack_name',
    'terraform_stack_deployment_name',
    'terraform_operation',
    'terraform_plan_id',
  ],
  backdateSeconds: 5,
  subject: (work) => withinLimit(joined(work)),
  claims: (work) => ({
    terraform_organization_id: checkedId('org', work.organization.id),
    terraform_organization_name: work.organization.name,
    terraform_project_id: checkedId('prj', work.project.id),
    terraform_project_name: work.project.name,
    terraform_stack_id: checkedId('st', work.stack.id),
    terraform_stack_name: work.stack.name,
    terraform_stack_deployment_name: work.deployment,
    terraform_operation: work.operation,
    terraform_plan_id: checkedId('stp', work.planId),
  }),
  lifetimeSeconds: (work, limits) => (work.operation === 'apply' ? limits.applySeconds : limits.planSeconds),
};

function joined({ organization, project, stack, deployment, operation }: StackDeployment): string {
  return [
    `organization:${checkedName('organization', organization.name)}`,
    `project:${checkedName('project', project.name)}`,
    `stack:${checkedName('stack', stack.name)}`,
    `deployment:${checkedName('deployment', deployment)}`,
    `operation:${checkedPhase(operation)}`,
  ].join(':');
}

function withinLimit(subject: string): string {
  if (subject.length <= longestSubject) return subject;
  throw new AppError('claim_invalid', {
    what: `the subject of this deployment has ${subject.length} characters; a Stack's may have ${longestSubject}`,
    where: subject,
    mend: 'shorten the name of the organization, project, stack or deployment',
  });
}
