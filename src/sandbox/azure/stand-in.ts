import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isGuid } from '../../platforms/azure/configure.ts';
import { header, type Answer, type HttpCall } from '../http-call.ts';
import type { SandboxLogLine } from '../log.ts';
import { jsonAnswer, refusalAnswer, type RequestIds } from './answer.ts';
import { EntraRefusal, ResourceRefusal, type Refusal } from './refusal.ts';
import { graphPath } from './resources.ts';
import { routes, type Route } from './routes.ts';
import type { Note, Tenant } from './tenant.ts';

/** Every action that the stand-in has. */
export const knownActions: readonly string[] = routes.map(({ action }) => action);

/** What a request is told with in the log, while it is learned. */
type Facts = Pick<SandboxLogLine, 'role' | 'principal' | 'resource' | 'checks' | 'expires_at'>;

/** Answers one request as Microsoft's services would, and says what became of it. Nothing that a caller sends makes it throw. */
export async function answerCall(
  call: HttpCall | null,
  tenant: Tenant,
  log: (line: SandboxLogLine) => void,
): Promise<Answer> {
  const at = tenant.now();
  const ids: RequestIds = { request: randomUUID(), correlation: correlationOf(call) };
  const found = call === null ? null : routeOf(call);
  const facts: { -readonly [Key in keyof Facts]: Facts[Key] } = {
    role: null,
    principal: null,
    resource: null,
    checks: [],
    expires_at: null,
  };
  const note: Note = (more) => void Object.assign(facts, more);
  const line = (answer: Answer, refusal: Refusal | null): SandboxLogLine => ({
    at: at.toISOString(),
    request_id: ids.request,
    platform: 'azure',
    action: found?.route.action ?? unknownAction(call),
    ...facts,
    outcome: refusal === null ? 'ok' : 'refused',
    status: answer.status,
    code: refusal?.code ?? null,
    message: refusal?.message ?? null,
    reasons: refusal?.reasons ?? [],
    checks: refusal !== null && refusal.checks.length > 0 ? refusal.checks : facts.checks,
  });
  try {
    if (call === null)
      throw new ResourceRefusal('RequestContentTooLarge', 413, 'The request is larger than the stand-in takes.');
    if (found === null) throw nothingThere(call);
    const { latency_milliseconds: latencies } = tenant.config;
    await sleep(latencies[found.route.action] ?? 0);
    const { status, body } = await found.route.answer({ call, base: baseOf(call), note }, tenant, found.path);
    const answer = jsonAnswer(body, ids, status);
    log(line(answer, null));
    return answer;
  } catch (error) {
    const refusal = error instanceof EntraRefusal || error instanceof ResourceRefusal ? error : internalFailure(error);
    const answer = refusalAnswer(refusal, ids, at);
    log(line(answer, refusal));
    return answer;
  }
}

function routeOf(call: HttpCall): { readonly route: Route; readonly path: readonly string[] } | null {
  for (const route of routes) {
    const found = route.method === call.method ? route.path.exec(call.path) : null;
    const path = found?.slice(1).map(decoded) ?? [];
    if (found !== null && path.every((part) => part !== null)) return { route, path };
  }
  return null;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** The address that the caller believes to talk to; links in answers start with it. */
function baseOf(call: HttpCall): string {
  const host = header(call, 'host') ?? '';
  return /^[A-Za-z0-9.:[\]-]+$/.test(host) ? `https://${host.toLowerCase()}` : 'https://localhost';
}

function correlationOf(call: HttpCall | null): string {
  const asked = call === null ? undefined : header(call, 'client-request-id')?.toLowerCase();
  return asked !== undefined && isGuid(asked) ? asked : randomUUID();
}

/** Each service has its own words for what it does not have. */
function nothingThere(call: HttpCall): Refusal {
  const reasons = [`the stand-in knows ${knownActions.join(', ')}`];
  const path = call.path.slice(0, 200);
  if (call.method !== 'POST' && /\/oauth2\//.test(call.path)) {
    return new EntraRefusal(
      {
        code: 'AADSTS900561',
        oauth: 'invalid_request',
        description: `The endpoint only accepts POST requests. Received a ${call.method.slice(0, 20)} request.`,
        status: 400,
      },
      { reasons },
    );
  }
  if (call.path.startsWith(`${graphPath}/`) || /^\/(?:v1\.0|beta)\//.test(call.path))
    return new ResourceRefusal('Request_ResourceNotFound', 404, `Resource '${path}' does not exist.`, { reasons });
  return new ResourceRefusal(
    'InvalidResourceType',
    404,
    `No resource was found for ${call.method.slice(0, 20)} ${path}.`,
    { reasons },
  );
}

/** A fault of the stand-in itself; only its kind is told, since its words may quote anything. */
function internalFailure(error: unknown): Refusal {
  const kind = error instanceof Error ? error.name : typeof error;
  return new ResourceRefusal('InternalServerError', 500, 'The stand-in failed; this is a fault of Hallpass.', {
    reasons: [`the stand-in failed with ${kind}`],
  });
}

/** For the log, printable and short whatever was sent. */
function unknownAction(call: HttpCall | null): string {
  const text = call === null ? 'oversized request' : `${call.method} ${call.path}`;
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 120);
}
