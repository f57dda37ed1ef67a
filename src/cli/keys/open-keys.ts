import { openAuditLog, type AuditLog } from '../../audit/log.ts';
import { SettingsError } from '../../domain/errors.ts';
import type { Actor } from '../../domain/lease.ts';
import { checkedIssuerUrl } from '../../identity/issuer-url.ts';
import { keyKeeper, type KeyKeeper } from '../../identity/key-keeper.ts';
import { fileKeyStore, keyMissing, type FileKeyStore } from '../../identity/key-store/file.ts';
import type { StoredRing } from '../../identity/key-store/key-store.ts';
import { resolveClaim } from '../../settings/workload.ts';
import { currentActor } from '../actor.ts';
import type { CliContext } from '../context.ts';

/** The keys of the data directory with their audit, for commands that manage them. Leaving its scope closes the audit. */
export interface OpenKeys extends AsyncDisposable {
  readonly store: FileKeyStore;
  readonly keeper: KeyKeeper;
  readonly audit: AuditLog;
  readonly actor: Actor;
  /** @throws {AppError} `key_missing` where none were made */
  ring(): Promise<StoredRing>;
}

/** @throws {AppError} `data_directory_insecure`, `audit_damaged` */
export async function openKeys(context: Pick<CliContext, 'settings' | 'now'>): Promise<OpenKeys> {
  const { settings, now } = context;
  const store = await fileKeyStore(settings);
  const audit = await openAuditLog({ dataDirectory: settings.dataDirectory, now });
  const actor = currentActor(settings);
  return {
    store,
    audit,
    actor,
    keeper: keyKeeper({ store, audit, now, actor }),
    ring: async () => {
      const ring = await store.read();
      if (ring === null) throw keyMissing(settings.dataDirectory);
      return ring;
    },
    [Symbol.asyncDispose]: () => audit.close(),
  };
}

/**
 * The issuer that a flag, `HALLPASS_ISSUER` or `hallpass.yaml` names, in this order; null where none does.
 *
 * @throws {AppError} `issuer_invalid`, `settings_invalid`
 */
export async function namedIssuer({ settings }: CliContext, flag: string | undefined): Promise<string | null> {
  const own = flag ?? settings.parentEnvironment['HALLPASS_ISSUER'];
  if (own !== undefined && own !== '') return checkedIssuerUrl(own);
  const { claimedByFile } = await resolveClaim(settings, {});
  const statement = claimedByFile?.statements.find(({ field }) => field === 'issuer');
  return statement === undefined ? null : checkedIssuerUrl(statement.value);
}

/** The error where a command needs an issuer and nobody names one. */
export function issuerUnknown(): SettingsError {
  return new SettingsError({
    what: 'no issuer is named',
    where: '--issuer, HALLPASS_ISSUER, hallpass.yaml',
    mend: 'name the URL by which platforms will know you: hallpass keys init --issuer https://id.example.com',
  });
}
