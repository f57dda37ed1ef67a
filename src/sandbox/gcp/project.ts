import type { Note } from '../logged-answer.ts';
import type { HttpCall } from '../http-call.ts';
import type { IssuerKeys } from '../relying-party/issuer-keys.ts';
import type { AccessTokens } from './access-tokens.ts';
import type { GcpConfig } from './config.ts';
import type { SecretStore } from './secret-store.ts';

/** All that the stand-in of one project knows and keeps, in memory. */
export interface GcpProject {
  readonly config: GcpConfig;
  readonly tokens: AccessTokens;
  readonly secrets: SecretStore;
  readonly now: () => Date;
  /** Keys of a configured provider's issuer, by the provider's name. */
  readonly keysOf: (providerName: string) => IssuerKeys;
}

/** One call of a method that was found by its path. */
export interface MethodCall {
  readonly call: HttpCall;
  /** What the path's pattern captured, decoded. */
  readonly parts: readonly string[];
  readonly note: Note;
}
