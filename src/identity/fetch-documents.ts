import { isJsonObject, type JsonObject } from '../domain/json.ts';
import { discoveryDocument, wellKnownPaths } from './discovery.ts';
import { readKeySet, type ReadKeySet } from './key-set.ts';
import { documentMaxAgeSeconds } from './key-ring.ts';
import { parseStrictJson } from './strict-json.ts';

/** Something about published documents that a platform would stumble over, or should know. */
export interface Finding {
  /** An error makes tokens be refused; a warning does not, or not everywhere. */
  readonly severity: 'error' | 'warning';
  readonly what: string;
  readonly mend?: string;
}

/** What came back from an issuer's URL. */
export interface FetchedDocuments {
  readonly findings: readonly Finding[];
  /** Null when either document could not be read. */
  readonly keySet: ReadKeySet | null;
}

interface Fetched {
  readonly url: string;
  readonly text: string;
  readonly contentType: string;
  readonly cacheControl: string | null;
}

const longestMilliseconds = 5000;
const longestBytes = 1_000_000;
const mostRedirects = 3;

/**
 * Fetches both documents of an issuer as a platform does: within 5 seconds each, over verified TLS, following redirects
 * within the same origin only, at most a megabyte. Everything that is wrong is a finding; nothing is thrown.
 *
 * @see OpenID Connect Discovery 1.0 section 4
 */
export async function fetchDocuments(issuer: string, fetcher: typeof fetch): Promise<FetchedDocuments> {
  const findings: Finding[] = [];
  const add = (severity: Finding['severity'], what: string, mend?: string): void => {
    findings.push({ severity, what, ...(mend === undefined ? {} : { mend }) });
  };
  const fetched = async (url: string): Promise<Fetched | null> => {
    try {
      const document = await fetchOne(url, fetcher);
      judgeHeaders(document, add);
      return document;
    } catch (error) {
      add('error', `${url} cannot be fetched: ${failure(error)}`);
      return null;
    }
  };

  const configuration = await fetched(`${issuer}${wellKnownPaths.configuration}`);
  const keysUrl = configuration && judgeConfiguration(configuration, issuer, add);
  if (!keysUrl) return { findings, keySet: null };
  const keys = await fetched(keysUrl);
  return { findings, keySet: keys && judgeKeys(keys, add) };
}

type Add = (severity: Finding['severity'], what: string, mend?: string) => void;

function judgeHeaders({ url, contentType, cacheControl }: Fetched, add: Add): void {
  const type = contentType.split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json' && !(type === 'application/jwk-set+json' && !url.endsWith('configuration'))) {
    add('error', `${url} has the content type ${JSON.stringify(type)}`, 'serve it as application/json');
  }
  const maxAge = /(?:^|[\s,])max-age=(\d+)/.exec(cacheControl ?? '')?.[1];
  if (cacheControl === null || /no-store|no-cache/.test(cacheControl)) {
    add(
      'warning',
      `${url} may not be cached; platforms may fetch it for every token, and fail when many come at once`,
      `send Cache-Control: public, max-age=${documentMaxAgeSeconds}`,
    );
  } else if (maxAge !== undefined && Number(maxAge) > documentMaxAgeSeconds) {
    add(
      'error',
      `${url} may be cached for ${maxAge} s; a new key signs after ${documentMaxAgeSeconds} s, unknown to such caches`,
      `send Cache-Control: public, max-age=${documentMaxAgeSeconds}`,
    );
  }
}

/** The URL of the key set, when the document is good enough to go on. */
function judgeConfiguration({ url, text }: Fetched, issuer: string, add: Add): string | null {
  let document: JsonObject;
  try {
    const value = parseStrictJson(text);
    if (!isJsonObject(value)) throw new SyntaxError('no object');
    document = value;
  } catch {
    add('error', `${url} is not a JSON object without ambiguity`, 'export it anew: hallpass issuer export DIR');
    return null;
  }
  if (document['issuer'] !== issuer) {
    const found = JSON.stringify(document['issuer'])?.slice(0, 300) ?? 'nothing';
    add(
      'error',
      `${url} says that the issuer is ${found}, not "${issuer}"`,
      'both must be equal, to the last character',
    );
  }
  for (const [member, wanted] of Object.entries(discoveryDocument(issuer))) {
    if (!(member in document)) add('warning', `${url} lacks "${member}"`);
    else if (member.endsWith('alg_values_supported') && !listed(document[member], wanted))
      add('error', `${url} does not list RS256 in "${member}"`);
  }
  const keysUrl = keysUrlOf(document['jwks_uri'], url, issuer, add);
  // Whoever does not say that it is this issuer does not speak for it (OpenID Connect Discovery 1.0 section 4.3).
  return document['issuer'] === issuer ? keysUrl : null;
}

function keysUrlOf(value: unknown, url: string, issuer: string, add: Add): string | null {
  if (typeof value !== 'string' || !URL.canParse(value)) {
    add('error', `${url} has no URL in "jwks_uri"`);
    return null;
  }
  const [keys, own] = [new URL(value), new URL(issuer)];
  if (keys.protocol !== 'https:' && keys.protocol !== own.protocol) {
    add('error', `${url} points to keys over ${keys.protocol}//, which platforms refuse`);
    return null;
  }
  if (keys.origin !== own.origin) {
    add(
      'error',
      `${url} points to keys at ${keys.origin}, not at ${own.origin}: whoever serves there could sign for you`,
    );
    return null;
  }
  return value;
}

function listed(value: unknown, wanted: unknown): boolean {
  return Array.isArray(value) && Array.isArray(wanted) && wanted.every((entry) => value.includes(entry));
}

function judgeKeys({ url, text }: Fetched, add: Add): ReadKeySet | null {
  try {
    const set = readKeySet(text);
    for (const problem of set.problems) add('error', `${url}: ${problem}`);
    if (set.entries.length > 100) add('error', `${url} holds ${set.entries.length} keys; AWS takes 100`);
    return set;
  } catch (error) {
    const reason =
      error instanceof SyntaxError && error.message.startsWith('it is') ? error.message : 'it is not whole JSON';
    add('error', `${url} is not a key set: ${reason}`, 'export it anew: hallpass issuer export DIR');
    return null;
  }
}

async function fetchOne(start: string, fetcher: typeof fetch): Promise<Fetched> {
  const signal = AbortSignal.timeout(longestMilliseconds);
  let url = start;
  for (let hops = 0; hops <= mostRedirects; hops += 1) {
    const response = await fetcher(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } });
    if (response.status < 300 || response.status >= 400) return await whole(response, start);
    await response.body?.cancel();
    url = redirected(response, url, start);
  }
  throw new FetchProblem(`it redirects more than ${mostRedirects} times`);
}

function redirected(response: Response, url: string, start: string): string {
  const location = response.headers.get('location');
  if (location === null || !URL.canParse(location, url))
    throw new FetchProblem(`it answers ${response.status} without a target`);
  const target = new URL(location, url);
  if (target.origin === new URL(start).origin) return target.href;
  throw new FetchProblem(`it redirects to ${target.origin}, where platforms do not follow`);
}

async function whole(response: Response, url: string): Promise<Fetched> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new FetchProblem(`it answers ${response.status}`);
  }
  return {
    url,
    text: await limitedText(response),
    contentType: response.headers.get('content-type') ?? '',
    cacheControl: response.headers.get('cache-control'),
  };
}

async function limitedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > longestBytes) throw new FetchProblem('it is larger than a megabyte');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

class FetchProblem extends Error {}

/** What the network's error codes mean to people. */
const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up now',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from a private CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from a CA that is not publicly trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate chain is incomplete, or comes from a private CA',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
};

function failure(error: unknown): string {
  if (error instanceof FetchProblem) return error.message;
  if (error instanceof Error && error.name === 'TimeoutError')
    return 'it takes longer than 5 s; platforms give up then';
  const cause = (error as { cause?: unknown }).cause ?? error;
  const code = (cause as { code?: unknown }).code;
  return (typeof code === 'string' ? networkReasons[code] : undefined) ?? (cause as Error).message;
}
