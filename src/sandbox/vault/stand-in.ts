import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import { fitsCidrs } from '../../platforms/vault/token-parameters.ts';
import { header, isForm, type Answer, type HttpCall } from '../http-call.ts';
import { delay } from '../latency.ts';
import { loggedAnswer, type Note } from '../logged-answer.ts';
import type { StandInWorld } from '../stand-in.ts';
import { allowedOn, type Capability } from './acl-policy.ts';
import { envelope, okAnswer, refusalAnswer } from './answer.ts';
import type { vaultActions } from './config-schema.ts';
import { answerKv, kvPath } from './kv.ts';
import { login } from './login.ts';
import { notAllowed, notAuthenticated, oneError, VaultRefusal } from './refusal.ts';
import type { Space, TokenCall, VaultCall, VaultServer } from './server.ts';
import { answerStatus, mountOf } from './system.ts';
import { createToken, lookupSelf, renewSelf, revokeSelf } from './token-calls.ts';
import type { VaultToken } from './token-store.ts';

type Action = (typeof vaultActions)[number];

/** Answers one request as the server would. */
export async function answerCall(
  call: HttpCall | null,
  server: VaultServer,
  log: StandInWorld['log'],
): Promise<Answer> {
  const path = call === null ? 'oversized request' : call.path.replace(/^\/v1\//, '');
  const action = call === null ? 'write' : actionOf(call);
  return loggedAnswer(
    {
      platform: 'vault',
      requestId: randomUUID(),
      action,
      resource: path.replace(/[^\x20-\x7e]/g, '?').slice(0, 200),
      async perform(note) {
        if (call === null) throw new VaultRefusal(413, 'request body too large');
        return perform(call, action, server, note);
      },
      refusals: VaultRefusal,
      failure: (reason) => new VaultRefusal(500, 'internal error', { reasons: [reason] }),
      refuse: refusalAnswer,
    },
    { now: server.now, log },
  );
}

const tokenActions: Readonly<Record<string, Action>> = {
  'lookup-self': 'lookup',
  'renew-self': 'renew',
  'revoke-self': 'revoke',
  create: 'create',
};

function actionOf(call: HttpCall): Action {
  const path = call.path.replace(/^\/v1\//, '');
  const token = /(?:^|\/)auth\/token\/([a-z-]+)$/.exec(path)?.[1];
  if (token !== undefined && Object.hasOwn(tokenActions, token)) return tokenActions[token]!;
  if (/(?:^|\/)auth\/.+\/login$/.test(path)) return 'login';
  if (path.startsWith('sys/')) return 'status';
  const method = methodOf(call);
  return method === 'GET' ? 'read' : method === 'LIST' ? 'list' : method === 'DELETE' ? 'delete' : 'write';
}

/** PUT is POST to the server, and a GET may ask for a list. */
function methodOf(call: HttpCall): string {
  if (call.method === 'GET' && new URLSearchParams(call.query).get('list') === 'true') return 'LIST';
  return call.method === 'PUT' ? 'POST' : call.method === 'HEAD' ? 'GET' : call.method;
}

async function perform(call: HttpCall, action: Action, server: VaultServer, note: Note): Promise<Answer> {
  await delay(server.config.latency_milliseconds, action);
  if (!call.path.startsWith('/v1/')) throw new VaultRefusal(404, []);
  const asked = decodedPath(call.path.slice('/v1/'.length));
  const status = answerStatus(asked, header(call, 'x-vault-namespace'), server);
  if (status !== null) return status;
  if (server.config.sealed) throw new VaultRefusal(503, 'Vault is sealed');
  const { space, path } = located(asked, header(call, 'x-vault-namespace') ?? '', server);
  const vaultCall: VaultCall = { call, space, path, query: new URLSearchParams(call.query), body: {}, note };
  const found = /^auth\/(.+)\/login$/.exec(path);
  const mount = found === null ? undefined : space.auth.get(found[1]!);
  if (mount !== undefined) {
    if (methodOf(call) !== 'POST') throw new VaultRefusal(405, 'unsupported operation');
    const { auth, warnings } = await login({ ...vaultCall, body: bodyOf(call) }, found![1]!, mount, server);
    return okAnswer(envelope({ auth, warnings }));
  }
  return answerWithToken(vaultCall, server);
}

function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new VaultRefusal(400, 'the path is not percent-encoded UTF-8');
  }
}

/** The namespace of a call: the header, then the longest one that begins the path. */
function located(path: string, named: string, server: VaultServer): { readonly space: Space; readonly path: string } {
  const base = named.replace(/^\/+|\/+$/g, '').replace(/^root$/, '');
  if (!server.spaces.has(base)) throw new VaultRefusal(404, 'namespace not found');
  const full = base === '' ? path : `${base}/${path}`;
  const best = [...server.spaces.values()]
    .filter((space) => space.path === '' || full.startsWith(`${space.path}/`))
    .toSorted((left, right) => left.path.length - right.path.length)
    .at(-1)!;
  return { space: best, path: best.path === '' ? full : full.slice(best.path.length + 1) };
}

function answerWithToken(given: VaultCall, server: VaultServer): Answer {
  const token = tokenOf(given, server);
  const method = methodOf(given.call);
  // What is listed is a folder, also without the slash.
  const call = method === 'LIST' ? { ...given, path: given.path.replace(/\/?$/, '/') } : given;
  const mounted = mountOf(call.path, [...call.space.kv.keys()]);
  const store = mounted === null ? undefined : call.space.kv.get(mounted.mount);
  if (call.path.startsWith('sys/internal/ui/mounts/')) return uiMount(call, token, server);
  const kv = mounted === null ? null : kvPath(mounted.rest);
  const isNew = kv?.kind === 'data' && !store!.has(kv.secret);
  const needed: Capability = method === 'POST' && isNew ? 'create' : (neededFor[method] ?? 'update');
  requireCapability(call, token, needed, server);
  const tokenCall: TokenCall = { ...call, token, body: bodyOf(call.call) };
  const handler = tokenHandlers[`${method} ${call.path}`];
  if (handler !== undefined) {
    const reply = handler(tokenCall, server);
    return okAnswer(reply);
  }
  if (store !== undefined && kv !== null) {
    const data = answerKv(tokenCall, method, store, kv, server);
    return okAnswer(data === null ? null : envelope({ data }));
  }
  if (/^(?:sys|auth\/token)\//.test(call.path)) throw new VaultRefusal(404, oneError('unsupported path'));
  throw new VaultRefusal(404, `no handler for route "${call.path}". route entry not found.`);
}

const neededFor: Readonly<Record<string, Capability>> = {
  GET: 'read',
  LIST: 'list',
  POST: 'update',
  DELETE: 'delete',
  PATCH: 'patch',
};

const tokenHandlers: Readonly<Record<string, (call: TokenCall, server: VaultServer) => JsonObject | null>> = {
  'GET auth/token/lookup-self': lookupSelf,
  'POST auth/token/renew-self': renewSelf,
  'POST auth/token/revoke-self': revokeSelf,
  'POST auth/token/create': createToken,
  'POST sys/capabilities-self': (call, server) => {
    const paths = Array.isArray(call.body['paths']) ? call.body['paths'] : [call.body['path'] ?? ''];
    const data = Object.fromEntries(
      paths.map((path): [string, readonly string[]] => {
        const { capabilities } = decisionOn(String(path), call.token, call.space, server, false);
        return [String(path), capabilities.size > 0 ? [...capabilities].toSorted() : ['deny']];
      }),
    );
    return { ...envelope({ data }), ...data };
  },
};

/** The token of a call; each call uses one up. */
function tokenOf({ call, note }: VaultCall, server: VaultServer): VaultToken {
  const bearer = /^Bearer (\S+)$/i.exec(header(call, 'authorization') ?? '')?.[1];
  const id = header(call, 'x-vault-token') ?? bearer;
  if (id === undefined || id === '') throw notAuthenticated('the call has no X-Vault-Token');
  const token = server.tokens.find(id, server.now());
  if (token === null) throw notAuthenticated('the token is unknown, has ended, was revoked or was used up');
  note({ principal: token.displayName, ...(token.role !== null && { role: token.role }) });
  if (!fitsCidrs(call.remoteAddress, token.boundCidrs))
    throw notAuthenticated(`the token is bound to ${token.boundCidrs.join(', ')}, the caller is ${call.remoteAddress}`);
  // A token that is used up is left with a negative number, and found no more.
  if (token.usesLeft > 0) token.usesLeft = token.usesLeft === 1 ? -1 : token.usesLeft - 1;
  return token;
}

/** What the token may do on a path; policies speak of paths from the token's own namespace on. */
function decisionOn(path: string, token: VaultToken, space: Space, server: VaultServer, isList: boolean) {
  const home = server.spaces.get(token.space)!;
  const full = space.path === '' ? path : `${space.path}/${path}`;
  const inside = home.path === '' || full.startsWith(`${home.path}/`);
  if (!inside) return { capabilities: new Set<Capability>(), rule: null };
  const policies = token.policies.flatMap((name) => [home.policies.get(name) ?? []]);
  return allowedOn(home.path === '' ? full : full.slice(home.path.length + 1), policies, isList);
}

function requireCapability(call: VaultCall, token: VaultToken, needed: Capability, server: VaultServer): void {
  const { capabilities, rule } = decisionOn(call.path, token, call.space, server, needed === 'list');
  if (capabilities.has(needed)) return;
  const says = rule === null ? 'no rule speaks of it' : `the rule for ${rule} allows ${[...capabilities].join(', ')}`;
  throw notAllowed(`${needed} on ${call.path} is not allowed by ${token.policies.join(', ')}: ${says}`);
}

/** What the CLI and libraries ask before they touch a kv path: whether it is version 1 or 2. */
function uiMount(call: VaultCall, token: VaultToken, server: VaultServer): Answer {
  const path = call.path.slice('sys/internal/ui/mounts/'.length);
  const mounted = mountOf(path.replace(/\/*$/, '/'), [...call.space.kv.keys()]);
  const home = server.spaces.get(token.space)!;
  const rules = token.policies.flatMap((name) => home.policies.get(name) ?? []);
  const isSeen =
    mounted !== null && rules.some((rule) => rule.path.startsWith(`${mounted.mount}/`) || rule.path === '*');
  if (mounted === null || !isSeen)
    throw new VaultRefusal(
      403,
      `preflight capability check returned 403, please ensure client's policies grant access to path "${path.replace(/\/*$/, '/')}"`,
    );
  const data = {
    accessor: 'kv_00000000',
    config: { default_lease_ttl: 0, force_no_cache: false, max_lease_ttl: 0 },
    deprecation_status: 'supported',
    description: 'key/value secret storage',
    external_entropy_access: false,
    local: false,
    options: { version: '2' },
    path: `${mounted.mount}/`,
    seal_wrap: false,
    type: 'kv',
    uuid: randomUUID(),
  };
  return okAnswer(envelope({ data }));
}

/**
 * The body as the server reads it: a form when it says so, else JSON; nothing and null are an empty object.
 *
 * @throws {VaultRefusal}
 */
function bodyOf(call: HttpCall): JsonObject {
  const text = call.body.toString('utf8');
  if (isForm(call) && !/^\s*[{[]/.test(text)) return Object.fromEntries(new URLSearchParams(text));
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const broken = /^\s*[{["]/.test(text) ? 'unexpected EOF' : 'invalid character looking for beginning of value';
    throw new VaultRefusal(400, `failed to decode JSON input: ${broken}`);
  }
  if (value === null) return {};
  if (isJsonObject(value)) return value;
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  throw new VaultRefusal(
    400,
    `failed to decode JSON input: json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`,
  );
}
