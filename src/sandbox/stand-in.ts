import type { z } from 'zod';
import type { DocumentReader } from './document-reader.ts';
import type { Answer, HttpCall } from './http-call.ts';
import type { SandboxLogLine } from './log.ts';

/** What the folder of one platform gives to the sandbox; listed once in `registry.ts`. */
export interface StandInKind<Part extends { readonly port: number }, Config extends { readonly port: number }> {
  readonly title: string;
  /** Whether its clients insist on https; the sandbox then serves it with a certificate of its own CA. */
  readonly isTls: boolean;
  /** Whether its clients use the method LIST, which HTTP does not have. */
  readonly hasListMethod?: boolean;
  /** Its part of the configuration file, also the source of the JSON Schema. */
  readonly schema: z.ZodType<Part>;
  /** Checks what a schema cannot, and reads every native document. */
  readConfig(part: Part, documents: DocumentReader): Promise<Config>;
  open(config: Config, world: StandInWorld): StandIn;
}

/** One platform being played; everything that it knows is in memory. */
export interface StandIn {
  /** What it plays, to stand behind "plays": `account 111122223333 with 2 roles`. */
  readonly summary: string;
  /** Further lines that whoever starts it should read, such as that sessions are short. */
  readonly notes: readonly string[];
  /** Host names of the real platform that it answers for under `--intercept`; `*` stands for one label. */
  readonly hosts: readonly string[];
  /** Answers one request as the platform would, and logs it; null is one that was too large. Nothing sent makes it throw. */
  answer(call: HttpCall | null): Promise<Answer>;
  /** Variables that point real clients at it. */
  environment(at: StandInAddress): Readonly<Record<string, string>>;
}

/** Where a stand-in is served. */
export interface StandInAddress {
  /** `http://127.0.0.1:PORT`, or `https://localhost:PORT`; no slash at the end. */
  readonly endpoint: string;
  /** PEM file with the sandbox's CA, for variables that add to what a client trusts; null while nothing is served over TLS. */
  readonly caFile: string | null;
  /** The same with the machine's own authorities, for variables that replace what a client trusts (`SSL_CERT_FILE`). */
  readonly bundleFile: string | null;
  /** The sandbox's CA as text. */
  readonly ca: string | null;
}

/** The world as a stand-in may touch it. */
export interface StandInWorld {
  readonly now: () => Date;
  /** For discovery documents and keys of issuers. */
  readonly fetch: typeof fetch;
  /** Told of every request, just before its answer leaves. */
  readonly log: (line: SandboxLogLine) => void;
}
