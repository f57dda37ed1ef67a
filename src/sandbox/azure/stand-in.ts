import { randomUUID } from 'node:crypto';
import { isGuid } from '../../platforms/azure/configure.ts';
import { header, type Answer, type HttpCall } from '../http-call.ts';
import { delay } from '../latency.ts';
import { loggedAnswer } from '../logged-answer.ts';
import type { StandInWorld } from '../stand-in.ts';
import { jsonAnswer, refusalAnswer, type RequestIds } from './answer.ts';
import { AzureRefusal, EntraRefusal, ResourceRefusal } from './refusal.ts';
import { graphPath } from './resources.ts';
import { routes, type Route } from './routes.ts';
import type { Tenant } from './tenant.ts';

/** Every action that the stand-in has. */
export const knownActions: readonly string[] = routes.map(({ action }) => action);

/** Answers one request as Microsoft's services would. */
export async function answerCall(call: HttpCall | null, tenant: Tenant, log: StandInWorld['log']): Promise<Answer> {
  const ids: RequestIds = { request: randomUUID(), correlation: correlationOf(call) };
  const found = call === null ? null : routeOf(call);
  return loggedAnswer<AzureRefusal>(
    {
      platform: 'azure',
      requestId: ids.request,
      action: found?.route.action ?? unknownAction(call),
      async perform(note) {
        if (call === null)
          throw new ResourceRefusal('RequestContentTooLarge', 413, 'The request is larger than the stand-in takes.');
        if (found === null) throw nothingThere(call);
        const { route, path } = found;
        await delay(tenant.config.latency_milliseconds, route.action);
        const { status, body } = await route.answer({ call, base: baseOf(call), note }, tenant, path);
        return jsonAnswer(body, ids, status);
      },
      refusals: AzureRefusal,
      failure: (reason) =>
        new ResourceRefusal('InternalServerError', 500, 'The stand-in failed.', { reasons: [reason] }),
      refuse: (refusal) => refusalAnswer(refusal, ids, tenant.now()),
    },
    { now: tenant.now, log },
  );
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
function nothingThere(call: HttpCall): AzureRefusal {
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

/** For the log, printable and short whatever was sent. */
function unknownAction(call: HttpCall | null): string {
  const text = call === null ? 'oversized request' : `${call.method} ${call.path}`;
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 120);
}
