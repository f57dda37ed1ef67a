/** The two halves of a run. Each has its own token, its own role and its own run environment. */
export type Phase = 'plan' | 'apply';

export const phases = ['plan', 'apply'] as const satisfies readonly Phase[];

/** A noun with its name, which people may change, and its id, which stays. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

/** One phase of one run of a workspace. */
export interface WorkspaceRun {
  readonly kind: 'workspace_run';
  readonly organization: Named;
  readonly project: Named;
  readonly workspace: Named;
  readonly runId: string;
  readonly phase: Phase;
}

/** A test run of a module. Its phase claim is always `plan`, although tests may apply. */
export interface ModuleTest {
  readonly kind: 'module_test';
  readonly organization: Named;
  readonly module: string;
  readonly runId: string;
}

/** One operation on one deployment of a Stack. */
export interface StackDeployment {
  readonly kind: 'stack_deployment';
  readonly organization: Named;
  readonly project: Named;
  readonly stack: Named;
  readonly deployment: string;
  readonly operation: Phase;
  readonly planId: string;
}

/** What is running and asks for an identity, told apart by `kind`. */
export type Workload = WorkspaceRun | ModuleTest | StackDeployment;

/** The phase whose variables and limits hold for a workload. */
export function phaseOf(workload: Workload): Phase {
  switch (workload.kind) {
    case 'workspace_run':
      return workload.phase;
    case 'module_test':
      return 'plan';
    case 'stack_deployment':
      return workload.operation;
  }
}

/** The id of the run that a workload belongs to; of a Stack's operation that of its plan. */
export function runIdOf(workload: Workload): string {
  return workload.kind === 'stack_deployment' ? workload.planId : workload.runId;
}

/** `<run id>-<phase>`: under this name platforms know what a phase does, and the audit finds it again. */
export function sessionNameOf(workload: Workload): string {
  return `${runIdOf(workload)}-${phaseOf(workload)}`;
}
