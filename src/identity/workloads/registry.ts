import type { Workload } from '../../domain/workload.ts';
import { moduleTest } from './module-test.ts';
import { stackDeployment } from './stack-deployment.ts';
import type { TokenKind } from './token-kind.ts';
import { workspaceRun } from './workspace-run.ts';

/** Every kind of token that we make, listed once; the type demands one for each kind of workload. */
const kinds: { readonly [K in Workload['kind']]: TokenKind<Extract<Workload, { kind: K }>> } = {
  workspace_run: workspaceRun,
  stack_deployment: stackDeployment,
  module_test: moduleTest,
};

/** All kinds, in the order in which discovery and documentation name their claims. */
export const tokenKinds: readonly Pick<TokenKind, 'kind' | 'claimNames'>[] = Object.values(kinds);

/** The kind that makes the tokens of a workload. */
export function tokenKindOf<W extends Workload>(workload: W): TokenKind<W> {
  return kinds[workload.kind] as unknown as TokenKind<W>;
}
