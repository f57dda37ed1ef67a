import type { JsonObject } from '../../domain/json.ts';
import type { AwsConfig } from './config.ts';
import type { IssuerKeys } from '../relying-party/issuer-keys.ts';
import type { Note } from '../logged-answer.ts';
import type { HttpCall } from '../http-call.ts';
import type { ParameterStore } from './parameter-store.ts';
import type { Session, Sessions } from './sessions.ts';
import type { XmlElement } from './xml.ts';

/** All that the stand-in of one account knows and keeps, in memory. */
export interface AwsAccount {
  readonly config: AwsConfig;
  readonly sessions: Sessions;
  /** SSM parameters of one Region. */
  readonly parametersIn: (region: string) => ParameterStore;
  readonly now: () => Date;
  /** Keys of a configured provider, by its URL. */
  readonly keysOf: (url: string) => IssuerKeys;
}

/** Whose signature a call bears, and for which Region it was made. */
export interface Caller {
  readonly session: Session;
  readonly region: string;
}

/** One call of a signed action. */
export interface ActionRequest<Parameters> {
  readonly call: HttpCall;
  readonly parameters: Parameters;
  readonly caller: Caller;
  readonly note: Note;
}

/** One call of an action that needs no signature. */
export type UnsignedRequest = Omit<ActionRequest<URLSearchParams>, 'caller'>;

/** What an action answers with, in the terms of its protocol. */
export type UnsignedHandler = (request: UnsignedRequest, account: AwsAccount) => Promise<XmlElement>;
export type QueryHandler = (request: ActionRequest<URLSearchParams>, account: AwsAccount) => XmlElement;
export type JsonHandler = (request: ActionRequest<JsonObject>, account: AwsAccount) => JsonObject;
