import type { AuditLog } from '../audit/log.ts';
import type { Problem } from '../domain/errors.ts';
import { randomId } from '../domain/ids.ts';
import type { Actor, Lease } from '../domain/lease.ts';
import type { Phase } from '../domain/workload.ts';
import type { PhaseEvent } from '../environment/phase.ts';
import type { Issuer } from '../identity/issuer.ts';
import type { Settings } from '../settings/settings.ts';
import type { WorkloadFlags, WorkloadSettings } from '../settings/workload.ts';
import { currentActor } from './actor.ts';
import type { CliContext } from './context.ts';

/** A workload that may act here: allowed, with its audit and issuer open. Leaving its scope closes them. */
export interface OpenWorkload extends AsyncDisposable {
  readonly settings: Settings;
  readonly workload: WorkloadSettings;
  readonly audit: AuditLog;
  readonly issuer: Issuer;
  readonly actor: Actor;
  /** What the user should know although it goes on: about the settings, the audit and the keys. */
  warnings(): Promise<readonly Problem[]>;
  /** A new lease for a phase; of a new run, unless a run id is given. */
  leaseFor(phase: Phase, runId?: string): Lease;
}

export interface OpenWorkloadOptions {
  /** Where `hallpass.yaml` is looked for, upwards; default: the working directory. */
  readonly directory?: string;
  /** Told what was cleared of phases whose Hallpass had died. */
  readonly report?: (event: PhaseEvent) => void;
}

/**
 * Opens what every command needs that acts as a workload: its settings, which must be allowed, then audit and issuer.
 * What dead phases left is cleared first.
 *
 * @throws {AppError} `settings_invalid`, `identity_not_allowed`, `audit_damaged`, `data_directory_insecure`, `key_…`;
 *   no token was minted then
 */
export async function openWorkload(
  context: Pick<CliContext, 'settings' | 'now' | 'fetch'>,
  flags: WorkloadFlags,
  options: OpenWorkloadOptions = {},
): Promise<OpenWorkload> {
  const { now, fetch } = context;
  const settings = { ...context.settings, workingDirectory: options.directory ?? context.settings.workingDirectory };
  // Loaded side by side: reading modules is most of the start-up time.
  const [
    { resolveWorkload, requireAllowed },
    { openAuditLog },
    { openIssuer },
    { clearLeftovers },
    { clearPrivatePlans },
  ] = await Promise.all([
    import('../settings/workload.ts'),
    import('../audit/log.ts'),
    import('../identity/issuer.ts'),
    import('../environment/leftovers.ts'),
    import('./exec/private-plan.ts'),
  ]);
  const workload = await resolveWorkload(settings, flags);
  await requireAllowed(settings, workload);
  const audit = await openAuditLog({ dataDirectory: settings.dataDirectory, now });
  try {
    await clearLeftovers({ settings, audit, now, fetch, report: options.report ?? (() => undefined) });
    await clearPrivatePlans(settings);
    const issuer = await openIssuer({
      dataDirectory: settings.dataDirectory,
      keyEncryptionKeyFile: settings.keyEncryptionKeyFile,
      issuer: workload.issuer,
      audit,
      now,
    });
    const actor = currentActor(settings);
    return {
      settings,
      workload,
      audit,
      issuer,
      actor,
      warnings: async () => [...workload.warnings, ...audit.warnings(), ...(await issuer.warnings())],
      leaseFor: (phase, runId = randomId('run')) => leaseOf(workload, actor, phase, runId),
      [Symbol.asyncDispose]: () => audit.close(),
    };
  } catch (error) {
    await audit.close();
    throw error;
  }
}

function leaseOf(workload: WorkloadSettings, actor: Actor, phase: Phase, runId: string): Lease {
  const { organization, project, workspace } = workload;
  return {
    id: randomId('lease'),
    actor,
    workload: { kind: 'workspace_run', organization, project, workspace, runId, phase },
  };
}
