import type { Answer } from './http-call.ts';
import type { SandboxLogLine } from './log.ts';
import type { StandInRefusal } from './refusal.ts';
import type { StandInWorld } from './stand-in.ts';

/** What a request is told with in the log, while it is learned. */
type Facts = Pick<SandboxLogLine, 'role' | 'principal' | 'resource' | 'checks' | 'expires_at'>;

/** What a handler adds to the request's log line as it learns it, so that refusals have it too. */
export type Note = (facts: Partial<Facts>) => void;

/** One request of one platform, and how that platform answers it. */
export interface LoggedRequest<Refusal extends StandInRefusal> {
  readonly platform: string;
  readonly requestId: string;
  /** Printable and short whatever was sent. */
  readonly action: string;
  /** What the call is about, where that is known from the start. */
  readonly resource?: string | null;
  /** Carries the request out. */
  perform(note: Note): Promise<Answer>;
  /** The class of every refusal that `perform` may throw; anything else is a fault of the stand-in. */
  readonly refusals: abstract new (...args: never) => Refusal;
  /** A fault of the stand-in in the platform's words; `reason` tells only its kind, since its words may quote anything. */
  failure(reason: string): Refusal;
  /** A refusal in the platform's form. */
  refuse(refusal: Refusal): Answer;
}

/** Answers one request as its platform would, and says what became of it. Nothing that a caller sends makes it throw. */
export async function loggedAnswer<Refusal extends StandInRefusal>(
  request: LoggedRequest<Refusal>,
  { now, log }: Pick<StandInWorld, 'now' | 'log'>,
): Promise<Answer> {
  const facts: { -readonly [Key in keyof Facts]: Facts[Key] } = {
    role: null,
    principal: null,
    resource: request.resource ?? null,
    checks: [],
    expires_at: null,
  };
  let refusal: Refusal | null = null;
  let answer: Answer;
  try {
    answer = await request.perform((more) => void Object.assign(facts, more));
  } catch (error) {
    refusal = error instanceof request.refusals ? error : request.failure(faultOf(error));
    answer = request.refuse(refusal);
  }
  log({
    at: now().toISOString(),
    request_id: request.requestId,
    platform: request.platform,
    action: request.action,
    ...facts,
    outcome: refusal === null ? 'ok' : 'refused',
    status: answer.status,
    code: refusal?.code ?? null,
    message: refusal?.message ?? null,
    reasons: refusal?.reasons ?? [],
    checks: refusal !== null && refusal.checks.length > 0 ? refusal.checks : facts.checks,
  });
  return answer;
}

function faultOf(error: unknown): string {
  return `the stand-in failed with ${error instanceof Error ? error.name : typeof error}; this is a fault of Hallpass`;
}
