import type { JsonObject } from '../../domain/json.ts';
import type { Answer } from '../http-call.ts';
import { okAnswer } from './answer.ts';
import { VaultRefusal } from './refusal.ts';
import type { VaultServer } from './server.ts';

/** What the stand-in says it is: answers are those of this version. */
const version = '2.7.2';

const clusterId = '00000000-0000-0000-0000-000000000000';

/** The calls that need no token and work while sealed; null for any other. */
export function answerStatus(path: string, namespace: string | undefined, server: VaultServer): Answer | null {
  const { sealed } = server.config;
  const cluster: JsonObject = sealed ? {} : { cluster_name: 'hallpass-sandbox', cluster_id: clusterId };
  if (path === 'sys/health') {
    if (namespace !== undefined && !/^\/*(?:root)?\/*$/.test(namespace))
      throw new VaultRefusal(400, 'operation unavailable in namespaces');
    const body = {
      initialized: true,
      sealed,
      standby: sealed,
      replication_performance_mode: sealed ? 'unknown' : 'disabled',
      replication_dr_mode: sealed ? 'unknown' : 'disabled',
      server_time_utc: Math.floor(server.now().getTime() / 1000),
      version,
      ...cluster,
    };
    return okAnswer(body, sealed ? 503 : 200);
  }
  if (path === 'sys/leader') {
    if (sealed) return okAnswer({ errors: ['Vault is sealed'] }, 503);
    return okAnswer({ ha_enabled: false });
  }
  if (path !== 'sys/seal-status') return null;
  return okAnswer({
    type: 'shamir',
    initialized: true,
    sealed,
    t: 1,
    n: 1,
    progress: 0,
    nonce: '',
    recovery_seal: false,
    version,
    migration: false,
    ...cluster,
    storage_type: 'inmem',
  });
}

/** The mount that a path lies in, and the rest of it; null when there is none. */
export function mountOf(
  path: string,
  mounts: readonly string[],
): { readonly mount: string; readonly rest: string } | null {
  const mount = mounts
    .filter((one) => path.startsWith(`${one}/`))
    .toSorted((left, right) => left.length - right.length)
    .at(-1);
  return mount === undefined ? null : { mount, rest: path.slice(mount.length + 1) };
}
