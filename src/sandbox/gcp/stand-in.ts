import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../../domain/json.ts';
import { header, reasonsHeader, type Answer, type HttpCall } from '../http-call.ts';
import type { SandboxLogLine } from '../log.ts';
import { methods, type Method } from './methods.ts';
import type { GcpProject, Note } from './project.ts';
import { apiRefusal, GcpRefusal, withoutTokens } from './refusal.ts';

/** What a request is told with in the log, while it is learned. */
type Facts = Pick<SandboxLogLine, 'role' | 'principal' | 'resource' | 'checks' | 'expires_at'>;

/** Answers one request as Google would, and says what became of it. Nothing that a caller sends makes it throw. */
export async function answerCall(
  call: HttpCall | null,
  project: GcpProject,
  log: (line: SandboxLogLine) => void,
): Promise<Answer> {
  const requestId = randomUUID();
  const facts: { -readonly [Key in keyof Facts]: Facts[Key] } = {
    role: null,
    principal: null,
    resource: null,
    checks: [],
    expires_at: null,
  };
  const found = call === null ? null : findMethod(call);
  const line = (answer: Answer, refusal: GcpRefusal | null): SandboxLogLine => ({
    at: project.now().toISOString(),
    request_id: requestId,
    platform: 'gcp',
    action:
      found?.method.action ?? (call === null ? 'unknown' : withoutTokens(`${call.method} ${call.path}`).slice(0, 200)),
    ...facts,
    outcome: refusal === null ? 'ok' : 'refused',
    status: answer.status,
    code: refusal?.code ?? null,
    message: refusal?.message ?? null,
    reasons: refusal?.reasons ?? [],
    checks: refusal !== null && refusal.checks.length > 0 ? refusal.checks : facts.checks,
  });
  try {
    if (call === null) throw apiRefusal('INVALID_ARGUMENT', 'Request payload size exceeds the limit: 1048576 bytes.');
    if (found === null) throw unknownMethod(call);
    const note: Note = ({ role, principal, resource, ...more }) => {
      const named = Object.entries({ role, principal, resource }).filter(([, value]) => typeof value === 'string');
      Object.assign(facts, more, Object.fromEntries(named.map(([name, value]) => [name, withoutTokens(value!)])));
    };
    const milliseconds = project.config.latency_milliseconds[found.method.action];
    if (milliseconds !== undefined) await sleep(milliseconds);
    const answer = jsonAnswer(200, await found.method.handle({ call, parts: found.parts, note }, project));
    log(line(answer, null));
    return answer;
  } catch (error) {
    const refusal = error instanceof GcpRefusal ? error : internalFailure(error);
    const answer = refusalAnswer(refusal);
    log(line(answer, refusal));
    return answer;
  }
}

interface FoundMethod {
  readonly method: Method;
  readonly parts: readonly string[];
}

function findMethod(call: HttpCall): FoundMethod | null {
  const host = (header(call, 'host') ?? '').replace(/:\d+$/, '').toLowerCase();
  for (const method of methods) {
    if (!method.verbs.includes(call.method)) continue;
    // Under its own name the stand-in has every method; under Google's names each host has its own.
    if (host.endsWith('.googleapis.com') && !method.hosts.includes(host)) continue;
    const parts = decodedParts(method.path.exec(call.path));
    if (parts !== null) return { method, parts };
  }
  return null;
}

function decodedParts(match: RegExpExecArray | null): readonly string[] | null {
  try {
    return match?.slice(1).map((part) => decodeURIComponent(part)) ?? null;
  } catch {
    return null;
  }
}

function jsonAnswer(status: number, body: Json): Answer {
  return {
    status,
    // What these answers hold is nobody else's to keep.
    headers: { 'content-type': 'application/json; charset=UTF-8', 'cache-control': 'no-cache, no-store' },
    body: `${JSON.stringify(body, null, 2)}\n`,
  };
}

/**
 * A refusal with a header that Google does not send: why, in sentences (base64url of a JSON array), for clients that know
 * that they talk to a stand-in.
 */
function refusalAnswer(refusal: GcpRefusal): Answer {
  const { status, headers, body } = jsonAnswer(refusal.status, refusal.body);
  return {
    status,
    headers: {
      ...headers,
      ...(refusal.challenge !== null && { 'www-authenticate': refusal.challenge }),
      ...(refusal.reasons.length > 0 && { 'x-hallpass-reasons': reasonsHeader(refusal.reasons) }),
    },
    body,
  };
}

function unknownMethod(call: HttpCall): GcpRefusal {
  return apiRefusal('NOT_FOUND', 'Method not found.', {
    reasons: [
      `the stand-in has no ${call.method} ${call.path}; it knows ${methods.map(({ action }) => action).join(', ')}`,
    ],
  });
}

/** A fault of our own; what it says may hold anything, so that only its kind is told. */
function internalFailure(error: unknown): GcpRefusal {
  const kind = error instanceof Error ? error.name : typeof error;
  return apiRefusal('INTERNAL', 'Internal error encountered.', {
    reasons: [`a fault of the stand-in itself: ${kind}`],
  });
}
