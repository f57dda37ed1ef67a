import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlatformIo } from '../../domain/credential.ts';
import { AppError } from '../../domain/errors.ts';
import { parseJsonObject, type JsonObject } from '../../domain/json.ts';
import type { Secret } from '../../domain/secret.ts';
import { fetchWithCa } from '../fetch-with-ca.ts';
import { readLimited } from '../read-limited.ts';
import { standInReasons } from '../refusal-text.ts';
import type { VaultPlace } from './configure.ts';
import { unreachable, VaultUnreachable } from './unreachable.ts';

/** The part of the world that calls to Vault need. */
export type VaultIo = Pick<PlatformIo, 'fetch' | 'fetchTrusting' | 'signal'>;

/** One call of Vault's API. */
export interface VaultCall {
  readonly method: 'GET' | 'POST';
  /** Behind `/v1/`. */
  readonly path: string;
  readonly token?: Secret;
  readonly body?: JsonObject;
}

/** What came back, read. */
export interface VaultAnswer {
  readonly status: number;
  /** Null when the body is no JSON object. */
  readonly json: JsonObject | null;
  /** Vault's own words, one text each; empty when there are none. */
  readonly errors: readonly string[];
  readonly contentType: string;
  /** `Retry-After`, where it stands in seconds. */
  readonly retryAfterSeconds: number | null;
  readonly reasons: readonly string[];
  /** Where the first answer pointed, when it was a redirect; this is then the answer from there. */
  readonly redirectedTo: string | null;
}

const longestAnswer = 1_000_000;
const firstPauseSeconds = 0.25;
const longestPauseSeconds = 5;
/** A name or port that is wrong stays wrong: nobody shall wait a minute to hear it. */
const unreachableSeconds = 3;

/**
 * One call, and again with growing pauses while the answer is one that passes by itself (429, 5xx: also a sealed or starting
 * Vault) or nobody can be reached, within the time given. A last answer of that kind is returned.
 *
 * @throws {AppError} `exchange_failed` when nobody answers in time, or TLS fails
 */
export async function callWithRetries(
  place: VaultPlace,
  call: VaultCall,
  io: VaultIo,
  timeoutSeconds: number,
): Promise<VaultAnswer> {
  const end = performance.now() + timeoutSeconds * 1000;
  let lostSince: number | null = null;
  for (let pause = firstPauseSeconds; ; pause = Math.min(pause * 2, longestPauseSeconds)) {
    const left = (end - performance.now()) / 1000;
    const answer = await tryCall(place, call, io, { left: Math.max(left, 0.001), timeoutSeconds });
    const isLost = answer instanceof VaultUnreachable;
    if (isLost ? !answer.isPassing : !passes(answer.status)) return settled(answer);
    lostSince = isLost ? (lostSince ?? performance.now()) : null;
    const wait = (isLost ? null : answer.retryAfterSeconds) ?? pause * (0.75 + Math.random() / 2);
    const stop = lostSince === null ? end : Math.min(end, lostSince + unreachableSeconds * 1000);
    if (performance.now() + wait * 1000 >= stop) return settled(answer);
    await pauseFor(wait, io.signal);
  }
}

function settled(answer: VaultAnswer | VaultUnreachable): VaultAnswer {
  if (answer instanceof VaultUnreachable) throw answer;
  return answer;
}

async function tryCall(
  place: VaultPlace,
  call: VaultCall,
  io: VaultIo,
  { left, timeoutSeconds }: { left: number; timeoutSeconds: number },
): Promise<VaultAnswer | VaultUnreachable> {
  try {
    return await callOnce(place, call, io, left);
  } catch (error) {
    // Whoever ends the phase says so by an error of ours.
    if (io.signal?.aborted) throw io.signal.reason;
    if (error instanceof AppError) throw error;
    return unreachable(place, error, timeoutSeconds);
  }
}

/** Whether this is an answer that another try may better. 501 is a Vault that nobody has initialised. */
export function passes(status: number): boolean {
  return status === 429 || status === 412 || (status >= 500 && status !== 501);
}

/**
 * One call, nothing repeated. A redirect is followed once, with the same method and body, as Vault's own clients do it: a
 * standby points at the active node. Never from https to http.
 */
export async function callOnce(
  place: VaultPlace,
  call: VaultCall,
  io: VaultIo,
  timeoutSeconds: number,
): Promise<VaultAnswer> {
  const signals = [AbortSignal.timeout(Math.ceil(timeoutSeconds * 1000)), ...(io.signal ? [io.signal] : [])];
  const signal = AbortSignal.any(signals);
  const url = `${place.address}/v1/${call.path}`;
  const first = await send(place, call, url, { io, signal });
  const target = redirection(url, first);
  if (target === null) return readAnswer(first, null);
  await first.body?.cancel();
  const second = await send(place, call, target, { io, signal });
  return readAnswer(second, target);
}

function send(
  { namespace, ca }: VaultPlace,
  { method, token, body }: VaultCall,
  url: string,
  { io, signal }: { io: VaultIo; signal: AbortSignal },
): Promise<Response> {
  const ask = ca !== null && url.startsWith('https:') ? (io.fetchTrusting ?? fetchWithCa)(ca) : io.fetch;
  return ask(url, {
    method,
    headers: {
      accept: 'application/json',
      // Without it a proxy in front may refuse: it shows that no page of somebody else's makes the call.
      'x-vault-request': 'true',
      ...(namespace === null ? {} : { 'x-vault-namespace': namespace }),
      ...(token === undefined ? {} : { 'x-vault-token': token.reveal() }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    redirect: 'manual',
    signal,
  });
}

const redirects: ReadonlySet<number> = new Set([301, 302, 307, 308]);

/** Where an answer points, or null. */
function redirection(from: string, response: Response): string | null {
  const location = redirects.has(response.status) ? response.headers.get('location') : null;
  if (location === null) return null;
  if (!URL.canParse(location, from)) return null;
  const target = new URL(location, from);
  const downgrades = from.startsWith('https:') && target.protocol !== 'https:';
  const isPlain = /^https?:$/.test(target.protocol) && target.username === '' && target.password === '';
  return downgrades || !isPlain ? null : target.href;
}

async function readAnswer(response: Response, redirectedTo: string | null): Promise<VaultAnswer> {
  const text = await readLimited(response, longestAnswer);
  const json = parseJsonObject(text);
  const errors = json?.['errors'];
  const retryAfter = response.headers.get('retry-after') ?? '';
  return {
    status: response.status,
    json,
    errors: Array.isArray(errors) ? errors.filter((one): one is string => typeof one === 'string') : [],
    contentType: (response.headers.get('content-type') ?? '').split(';')[0]!.trim(),
    retryAfterSeconds: /^[0-9]{1,5}$/.test(retryAfter) ? Number(retryAfter) : null,
    reasons: standInReasons(response),
    redirectedTo,
  };
}

async function pauseFor(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(seconds * 1000, undefined, signal === undefined ? {} : { signal });
  } catch {
    throw signal!.reason;
  }
}
