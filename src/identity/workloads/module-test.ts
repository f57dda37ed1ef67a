import { checkedName } from '../../domain/names.ts';
import type { ModuleTest } from '../../domain/workload.ts';
import { checkedId, type TokenKind } from './token-kind.ts';

/**
 * A test run of a module. The phase claim is always `plan`, although tests may apply.
 *
 * @see HCP Terraform docs, "Workload identity", module test token structure (`nbf` = `iat` - 30 s)
 */
export const moduleTest: TokenKind<ModuleTest> = {
  kind: 'module_test',
  claimNames: ['terraform_organization_id', 'terraform_organization_name', 'terraform_run_id', 'terraform_run_phase'],
  backdateSeconds: 30,
  subject: (test) =>
    [
      `organization:${checkedName('organization', test.organization.name)}`,
      `module:${checkedName('module', test.module)}`,
      'operation:test_run',
    ].join(':'),
  claims: (test) => ({
    terraform_organization_id: checkedId('org', test.organization.id),
    terraform_organization_name: test.organization.name,
    terraform_run_id: checkedId('trun', test.runId),
    terraform_run_phase: 'plan',
  }),
  lifetimeSeconds: (_test, limits) => limits.moduleTestSeconds,
};
