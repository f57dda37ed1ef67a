import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NewAuditEvent, WorkloadRecord } from '../../src/audit/event.ts';
import { openAuditLog } from '../../src/audit/log.ts';

/** A workload as records hold it. */
export function workloadOf(changes: Partial<WorkloadRecord> = {}): WorkloadRecord {
  return {
    kind: 'workspace_run',
    organization: 'acme',
    organization_id: 'org-1',
    project: 'payments',
    project_id: 'prj-1',
    workspace: 'payments-prod',
    workspace_id: 'ws-1',
    run_id: 'run-8KxZk5uNq8xTg2sV',
    phase: 'plan',
    ...changes,
  };
}

const common = {
  outcome: 'ok',
  actor: { name: 'ci@acme', source: 'operating_system' },
  lease: 'lease-1',
  known_by: 'issuer',
} as const;

type Minted = Extract<NewAuditEvent, { type: 'token_minted' }>;

/** A minted token; `expiresAt` is in seconds. */
export function mintedEvent(changes: Partial<Minted> & { jti?: string; expiresAt?: number } = {}): Minted {
  const { jti = 'jti-1', expiresAt = 1_777_000_000, ...rest } = changes;
  const sub = 'organization:acme:project:payments:workspace:payments-prod:run_phase:plan';
  const aud = 'aws.workload.identity';
  const claims = { iss: 'https://id.example.com', sub, aud, jti, iat: 1, nbf: 1, exp: expiresAt };
  return {
    ...common,
    type: 'token_minted',
    workload: workloadOf(),
    platform: 'aws',
    tag: null,
    offered: 'arn:aws:iam::111122223333:role/payments-plan',
    token: { jti, sub, aud, exp: expiresAt, kid: 'key-1', sha256: 'ab'.repeat(32), claims },
    ...rest,
  };
}

/** A short event. */
export function keyEvent(kid: string): NewAuditEvent {
  return { ...common, workload: null, lease: null, type: 'key_created', kid, reason: null };
}

/** Appends events of these moments, each on its own, in one life of the log. */
export async function appendAt(dataDirectory: string, times: readonly string[]): Promise<void> {
  let index = 0;
  await using log = await openAuditLog({
    dataDirectory,
    now: () => new Date(times[Math.min(index, times.length - 1)]!),
  });
  for (; index < times.length; index += 1) await log.append(keyEvent(`key-${index}`));
}

/** Every file of an audit directory, and what lies set aside, relative to it; without the lock. */
export function auditFiles(dataDirectory: string): string[] {
  return readdirSync(join(dataDirectory, 'audit'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'lock')
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Rewrites a file in place, as somebody would who hides something. */
export function tamper(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, 'latin1')), 'latin1');
}
