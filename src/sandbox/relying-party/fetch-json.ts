import { parseJsonObject, type JsonObject } from '../../domain/json.ts';

/** How an issuer's document may be fetched: what a careful stranger allows. */
export interface FetchLimits {
  readonly timeoutMilliseconds: number;
  readonly maximumBytes: number;
  readonly maximumRedirects: number;
}

/** What the stand-ins allow. */
export const defaultFetchLimits: FetchLimits = {
  timeoutMilliseconds: 5_000,
  maximumBytes: 512 * 1024,
  maximumRedirects: 3,
};

export type FetchedJson =
  | { readonly ok: true; readonly value: JsonObject }
  /** `unreachable`: may pass on its own (no answer, 429, 5xx). `unusable`: an answer that will not do. */
  | { readonly ok: false; readonly kind: 'unreachable' | 'unusable'; readonly why: string };

/**
 * Fetches a JSON object with a limit on time and size. Redirects are followed only on the same origin, so that a
 * document never comes from a host, or over a scheme, that nobody configured.
 */
export async function fetchJson(url: string, fetcher: typeof fetch, limits: FetchLimits): Promise<FetchedJson> {
  const signal = AbortSignal.timeout(limits.timeoutMilliseconds);
  try {
    let at = new URL(url);
    for (let redirects = 0; redirects <= limits.maximumRedirects; redirects += 1) {
      const response = await fetcher(at, { redirect: 'manual', signal, headers: { accept: 'application/json' } });
      if (response.status < 300 || response.status > 399) return await readAnswer(at.href, response, limits);
      await response.body?.cancel();
      const next = new URL(response.headers.get('location') ?? '', at);
      if (next.origin !== at.origin) return unusable(`${at.href} redirects to another host, ${next.origin}`);
      at = next;
    }
    return unusable(`${url} redirects more than ${limits.maximumRedirects} times`);
  } catch (error) {
    return { ok: false, kind: 'unreachable', why: `${url} cannot be reached: ${reasonOf(error, limits)}` };
  }
}

async function readAnswer(url: string, response: Response, limits: FetchLimits): Promise<FetchedJson> {
  if (response.status !== 200) {
    await response.body?.cancel();
    const why = `${url} answers with HTTP status ${response.status}`;
    const passing = response.status === 429 || response.status >= 500;
    return passing ? { ok: false, kind: 'unreachable', why } : unusable(why);
  }
  const text = await readLimited(response, limits.maximumBytes);
  if (text === null) return unusable(`${url} answers with more than ${limits.maximumBytes} bytes`);
  const value = parseJsonObject(text);
  return value === null ? unusable(`${url} does not answer with a JSON object`) : { ok: true, value };
}

async function readLimited(response: Response, maximumBytes: number): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (size > maximumBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unusable(why: string): FetchedJson {
  return { ok: false, kind: 'unusable', why };
}

function reasonOf(error: unknown, limits: FetchLimits): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${limits.timeoutMilliseconds / 1000} s`;
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}
