import type { GcpIamPolicy } from '../../platforms/gcp/trust-policy.ts';
import type { Secret as Hidden } from '../../domain/secret.ts';
import type { JsonObject } from '../../domain/json.ts';

/** One secret as it stands; in memory only. */
export interface StoredSecret {
  readonly name: string;
  readonly createdAt: Date;
  readonly iamPolicy: GcpIamPolicy;
  /** `replication`, `labels`, `annotations`: kept as given, so that a client finds again what it wrote. */
  attributes: JsonObject;
  /** Changes with every change of the secret. */
  revision: number;
  /** In the order of their numbers, which start at 1. */
  readonly versions: StoredVersion[];
}

/** One version of a secret; a destroyed one has no data. */
export interface StoredVersion {
  readonly number: number;
  readonly createdAt: Date;
  state: 'ENABLED' | 'DISABLED' | 'DESTROYED';
  destroyedAt: Date | null;
  /** Base64, as it goes over the wire. */
  data: Hidden | null;
}

/** Secrets by name. */
export type SecretStore = Map<string, StoredSecret>;
