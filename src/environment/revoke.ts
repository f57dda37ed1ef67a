import type { AuditLog } from '../audit/log.ts';
import { AppError } from '../domain/errors.ts';
import { printable } from '../domain/printable.ts';
import type { Secret } from '../domain/secret.ts';
import type { Platform } from '../platforms/platform.ts';
import type { PhaseEvent } from './phase.ts';
import type { RevocationFacts } from './revocation-note.ts';
import { orStopped, stoppableFetch } from './stoppable.ts';

/** The world as revoking needs it. */
export interface RevocationWorld {
  readonly platforms: readonly Platform[];
  readonly fetch: typeof fetch;
  readonly now: () => Date;
  readonly audit: AuditLog;
  readonly report: (event: PhaseEvent) => void;
}

/** Credentials to be ended, and what may be told of them. */
export type Revocable = Pick<RevocationFacts, 'platform' | 'tag' | 'offered' | 'expiresAt'> & {
  /** Null when the note could not be opened, so that nobody can vouch for who it was. */
  readonly by: RevocationFacts['by'] | null;
};

/** Why credentials could not be ended, and whether a later try may do it. */
export interface RevocationFailure {
  readonly reason: string;
  readonly mayPass: boolean;
}

/** Asks the platform to end credentials. Gives null when they have ended; throws nothing. */
export async function revoke(
  one: Pick<Revocable, 'platform'>,
  revocation: Secret,
  world: RevocationWorld,
  stop: AbortSignal,
): Promise<RevocationFailure | null> {
  const platform = world.platforms.find(({ id }) => id === one.platform);
  if (platform?.revoke === undefined)
    return { reason: `this version of Hallpass cannot end credentials of ${printable(one.platform)}`, mayPass: true };
  try {
    const io = { fetch: stoppableFetch(world.fetch, stop), now: world.now, signal: stop };
    await orStopped(stop, Promise.resolve(platform.revoke(revocation.reveal(), io)));
    return null;
  } catch (error) {
    if (stop.aborted) return { reason: 'the platform did not answer in time', mayPass: true };
    // A platform that has said no will say it again.
    return {
      reason: printable((error as Error).message),
      mayPass: !(error instanceof AppError && error.code === 'exchange_refused'),
    };
  }
}

/** Tells the user and the audit what became of credentials. An audit that cannot be written does not undo it. */
export async function tellRevocation(
  one: Revocable,
  failure: (RevocationFailure & { readonly triedAgain: boolean }) | null,
  { audit, report }: Pick<RevocationWorld, 'audit' | 'report'>,
): Promise<void> {
  const { platform, tag, offered, expiresAt } = one;
  const common = { ...(one.by ?? { actor: null, workload: null, lease: null }), platform, tag, offered };
  try {
    if (failure === null) {
      report({ type: 'credentials_revoked', platform, tag });
      await audit.append({ ...common, type: 'credentials_revoked', outcome: 'ok', known_by: 'platform' });
      return;
    }
    const { reason, triedAgain } = failure;
    report({ type: 'revocation_failed', platform, tag, reason, expiresAt: momentOf(expiresAt), triedAgain });
    await audit.append({
      ...common,
      type: 'revocation_failed',
      outcome: 'failed',
      known_by: 'runner',
      reason,
      expires_at: expiresAt,
      tried_again: triedAgain,
    });
  } catch (error) {
    report({ type: 'warning', text: `what became of credentials was not recorded: ${(error as Error).message}` });
  }
}

function momentOf(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
