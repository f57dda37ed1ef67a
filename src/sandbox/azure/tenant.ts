import type { Note } from '../logged-answer.ts';
import type { HttpCall } from '../http-call.ts';
import type { IssuerKeys } from '../relying-party/issuer-keys.ts';
import type { AccessTokens } from './access-tokens.ts';
import type { AzureConfig } from './config.ts';
import type { ResourceGroups } from './resource-groups.ts';

/** The tenant being played, with what it has learned so far. */
export interface Tenant {
  readonly config: AzureConfig;
  readonly now: () => Date;
  readonly tokens: AccessTokens;
  readonly groups: ResourceGroups;
  /** Only issuers that a federated credential names are ever read. */
  keysOf(issuer: string): IssuerKeys;
}

/** One request, with where the caller believes to be. */
export interface TenantCall {
  readonly call: HttpCall;
  /** `https://HOST` of the request, no slash at the end. */
  readonly base: string;
  readonly note: Note;
}
