import { randomUUID } from 'node:crypto';
import type { Json } from '../../domain/json.ts';
import { header, reasonsHeader, type Answer, type HttpCall } from '../http-call.ts';
import { delay } from '../latency.ts';
import { loggedAnswer, type Note } from '../logged-answer.ts';
import type { StandInWorld } from '../stand-in.ts';
import { methods, type Method } from './methods.ts';
import type { GcpProject } from './project.ts';
import { apiRefusal, GcpRefusal, withoutTokens } from './refusal.ts';

/** Answers one request as Google would. */
export async function answerCall(
  call: HttpCall | null,
  project: GcpProject,
  log: StandInWorld['log'],
): Promise<Answer> {
  const found = call === null ? null : findMethod(call);
  const asked = call === null ? 'unknown' : withoutTokens(`${call.method} ${call.path}`).slice(0, 200);
  return loggedAnswer(
    {
      platform: 'gcp',
      requestId: randomUUID(),
      action: found?.method.action ?? asked,
      async perform(note) {
        if (call === null)
          throw apiRefusal('INVALID_ARGUMENT', 'Request payload size exceeds the limit: 1048576 bytes.');
        if (found === null) throw unknownMethod(call);
        const { method, parts } = found;
        await delay(project.config.latency_milliseconds, method.action);
        return jsonAnswer(200, await method.handle({ call, parts, note: withoutTokensIn(note) }, project));
      },
      refusals: GcpRefusal,
      failure: (reason) => apiRefusal('INTERNAL', 'Internal error encountered.', { reasons: [reason] }),
      refuse: refusalAnswer,
    },
    { now: project.now, log },
  );
}

/** Names in requests are the caller's own words. */
function withoutTokensIn(note: Note): Note {
  return ({ role, principal, resource, ...more }) => {
    const named = Object.entries({ role, principal, resource }).filter(([, value]) => typeof value === 'string');
    note({ ...more, ...Object.fromEntries(named.map(([name, value]) => [name, withoutTokens(value!)])) });
  };
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
      ...reasonsHeader(refusal.reasons),
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
