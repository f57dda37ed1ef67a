import { checkedName } from '../../domain/names.ts';
import type { WorkspaceRun } from '../../domain/workload.ts';
import { checkedId, checkedPhase, type TokenKind } from './token-kind.ts';

/**
 * One phase of a run of a workspace.
 *
 * @see HCP Terraform docs, "Workload identity", workspace run token structure; the text there says that `nbf` equals
 *   `iat`, the example has `iat` - 5 s, which is what we do
 */
export const workspaceRun: TokenKind<WorkspaceRun> = {
  kind: 'workspace_run',
  claimNames: [
    'terraform_organization_id',
    'terraform_organization_name',
    'terraform_project_id',
    'terraform_project_name',
    'terraform_workspace_id',
    'terraform_workspace_name',
    'terraform_full_workspace',
    'terraform_run_id',
    'terraform_run_phase',
  ],
  backdateSeconds: 5,
  subject: (run) => `${fullWorkspace(run)}:run_phase:${checkedPhase(run.phase)}`,
  claims: (run) => ({
    terraform_organization_id: checkedId('org', run.organization.id),
    terraform_organization_name: run.organization.name,
    terraform_project_id: checkedId('prj', run.project.id),
    terraform_project_name: run.project.name,
    terraform_workspace_id: checkedId('ws', run.workspace.id),
    terraform_workspace_name: run.workspace.name,
    terraform_full_workspace: fullWorkspace(run),
    terraform_run_id: checkedId('run', run.runId),
    terraform_run_phase: run.phase,
  }),
  lifetimeSeconds: (run, limits) => (run.phase === 'apply' ? limits.applySeconds : limits.planSeconds),
};

function fullWorkspace({ organization, project, workspace }: WorkspaceRun): string {
  return [
    `organization:${checkedName('organization', organization.name)}`,
    `project:${checkedName('project', project.name)}`,
    `workspace:${checkedName('workspace', workspace.name)}`,
  ].join(':');
}
