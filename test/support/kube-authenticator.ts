import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { requireProgram } from './programs.ts';

/** One configuration, and tokens for it. */
export interface AuthenticatorQuestion {
  /** YAML or JSON of an `AuthenticationConfiguration`. */
  readonly config: string;
  readonly disallowedIssuers: readonly string[];
  /** The key set of every issuer. */
  readonly keys: object;
  readonly now: Date;
  readonly tokens: readonly string[];
}

export interface AuthenticatorAnswer {
  /** Why the API server would not start; "": it does. */
  readonly refused: string;
  /** For each token a user, or what the API server logs. */
  readonly results: readonly {
    readonly user: {
      readonly username: string;
      readonly uid: string;
      readonly groups: readonly string[] | null;
      readonly extra: Readonly<Record<string, readonly string[]>> | null;
    } | null;
    readonly error: string;
  }[];
}

/** Kubernetes' own JWT authenticator, running. */
export class KubeAuthenticator implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    // Times are printed in the local zone.
    this.#child = spawn(requireProgram('kube-authenticator'), { env: { TZ: 'UTC' }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.resume();
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** One question at a time. */
  async ask(question: AuthenticatorQuestion): Promise<AuthenticatorAnswer> {
    this.#child.stdin.write(`${JSON.stringify({ ...question, now: question.now.getTime() })}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('the authenticator ended');
    const answer = JSON.parse(line.value) as AuthenticatorAnswer;
    return { ...answer, results: answer.results ?? [] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((done) => this.#child.once('close', () => done()));
    // It ends with its input, also when this process dies.
    this.#child.stdin.end();
    await ended;
  }
}
