import { fits } from '../domain/glob.ts';
import type { Phase } from '../domain/workload.ts';
import type { AuditRecord, Outcome, WorkloadRecord } from './event.ts';

/** Which records are wanted; every member that is set must hold. */
export interface AuditFilter {
  readonly since?: Date | undefined;
  /** Inclusive. */
  readonly until?: Date | undefined;
  /** Glob over the workspace, `organization/workspace` or `organization/project/workspace`, by its number of slashes. */
  readonly workspace?: string | undefined;
  readonly phase?: Phase | undefined;
  /** Glob, or a part of the role's name. */
  readonly role?: string | undefined;
  /** Glob, or a part of the actor's name. */
  readonly actor?: string | undefined;
  readonly outcome?: Outcome | undefined;
  /** Glob over the event's type. */
  readonly type?: string | undefined;
}

type Conditions = {
  readonly [K in keyof AuditFilter]-?: (record: AuditRecord, wanted: NonNullable<AuditFilter[K]>) => boolean;
};

const conditions: Conditions = {
  since: (record, wanted) => record.at >= wanted.toISOString(),
  until: (record, wanted) => record.at <= wanted.toISOString(),
  workspace: (record, wanted) => record.workload !== null && workspaceMatches(wanted, record.workload),
  phase: (record, wanted) => record.workload?.phase === wanted,
  role: (record, wanted) => 'offered' in record && record.offered !== null && fitsOrHolds(wanted, record.offered),
  actor: (record, wanted) => record.actor !== null && fitsOrHolds(wanted, record.actor.name),
  outcome: (record, wanted) => record.outcome === wanted,
  type: (record, wanted) => fits(wanted, record.type),
};

/** Whether a record is wanted. Pure. */
export function matchesFilter(record: AuditRecord, filter: AuditFilter): boolean {
  return (Object.keys(conditions) as (keyof AuditFilter)[]).every((name) => {
    const condition = conditions[name] as (record: AuditRecord, wanted: unknown) => boolean;
    return filter[name] === undefined || condition(record, filter[name]);
  });
}

function workspaceMatches(pattern: string, workload: WorkloadRecord): boolean {
  const slashes = pattern.split('/').length - 1;
  const path = [workload.organization, workload.project ?? '', workloadName(workload)];
  const names = [[path[2]], [path[0], path[2]], path][slashes];
  return names !== undefined && fits(pattern, names.join('/'));
}

/** A pattern when it has `*` or `?`, else a part of the text. */
function fitsOrHolds(pattern: string, text: string): boolean {
  return /[*?]/.test(pattern) ? fits(pattern, text) : text.includes(pattern);
}

/** What a workload is called within its organization: the workspace, the module, or stack and deployment. */
export function workloadName(workload: WorkloadRecord): string {
  return workload.workspace ?? workload.module ?? [workload.stack, workload.deployment].filter(Boolean).join(':');
}
