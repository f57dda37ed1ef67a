import type { Refusal } from '../domain/credential.ts';
import type { Lease } from '../domain/lease.ts';
import type { IdentityToken, TokenPurpose } from '../domain/token.ts';
import type { Workload } from '../domain/workload.ts';
import type { NewAuditEvent, TokenRecord, WorkloadRecord } from './event.ts';

/** A workload as it stands in records. */
export function workloadRecord(workload: Workload): WorkloadRecord {
  const organization = { organization: workload.organization.name, organization_id: workload.organization.id };
  const nowhere = { project: null, project_id: null, workspace: null, workspace_id: null };
  switch (workload.kind) {
    case 'workspace_run':
      return {
        kind: workload.kind,
        ...organization,
        project: workload.project.name,
        project_id: workload.project.id,
        workspace: workload.workspace.name,
        workspace_id: workload.workspace.id,
        run_id: workload.runId,
        phase: workload.phase,
      };
    case 'module_test':
      return {
        kind: workload.kind,
        ...organization,
        ...nowhere,
        module: workload.module,
        run_id: workload.runId,
        phase: 'plan',
      };
    case 'stack_deployment':
      return {
        kind: workload.kind,
        ...organization,
        ...nowhere,
        project: workload.project.name,
        project_id: workload.project.id,
        stack: workload.stack.name,
        stack_id: workload.stack.id,
        deployment: workload.deployment,
        run_id: workload.planId,
        phase: workload.operation,
      };
  }
}

/** What of a token may stand in a record. */
export function tokenRecord(token: Omit<IdentityToken, 'compact' | 'expiresAt'>): TokenRecord {
  const { jti, sub, aud, exp } = token.claims;
  return { jti, sub, aud, exp, kid: token.kid, sha256: token.sha256, claims: token.claims };
}

/** What a token is for, as it stands in a record. */
export function purposeRecord({ platform, tag, offered }: TokenPurpose): TokenPurpose {
  return { platform, tag, offered };
}

/** Who acts as what: the members that every event under a lease has. */
export function leaseRecord({ id, actor, workload }: Lease) {
  return { actor, workload: workloadRecord(workload), lease: id };
}

/**
 * The event of a platform's refusal.
 *
 * @param token the one that was refused, where it is known
 */
export function exchangeRefused(refusal: Refusal, lease: Lease, token: IdentityToken | undefined): NewAuditEvent {
  const { platform, tag, role, code, message, status, requestId } = refusal;
  return {
    type: 'exchange_refused',
    outcome: 'refused',
    ...leaseRecord(lease),
    known_by: 'platform',
    platform,
    tag,
    offered: role,
    jti: token?.claims.jti ?? null,
    code,
    message,
    status,
    request_id: requestId,
  };
}
