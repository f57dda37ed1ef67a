import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { HttpCall } from '../http-call.ts';

/**
 * AWS Signature Version 4, the verifying side: header and presigned query.
 *
 * @see AWS IAM User Guide, "AWS Signature Version 4 for API requests"
 */

/** A signature as the caller stated it; nothing is verified yet. Only `signature` must not be shown. */
export interface StatedSignature {
  readonly accessKeyId: string;
  /** `YYYYMMDD` of the scope. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly timestamp: string;
  /** Lower case, as listed. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly sessionToken: string | null;
  /** Seconds that a presigned query holds; null for a signature in a header. */
  readonly expiresSeconds: number | null;
}

/** Why a request is not taken as signed: AWS' family of answer, and words. */
export type SignatureFault = {
  readonly kind: 'missing' | 'incomplete' | 'expired' | 'mismatch';
  readonly message: string;
};

const algorithm = 'AWS4-HMAC-SHA256';
const allowedSkewMilliseconds = 15 * 60 * 1000;
const mostPresignedSeconds = 7 * 86_400;

/** Reads the signature from the `Authorization` header, or from a presigned query. */
export function readSignature(call: HttpCall): StatedSignature | SignatureFault {
  const authorization = call.headers.get('authorization')?.[0];
  if (authorization !== undefined) return readHeaderSignature(call, authorization);
  const query = new URLSearchParams(call.query);
  if (query.has('X-Amz-Signature') || query.has('X-Amz-Algorithm')) return readQuerySignature(query);
  return { kind: 'missing', message: 'Request is missing Authentication Token' };
}

export function isFault(read: StatedSignature | SignatureFault): read is SignatureFault {
  return 'kind' in read;
}

function readHeaderSignature(call: HttpCall, authorization: string): StatedSignature | SignatureFault {
  const [scheme, rest] = [authorization.split(' ', 1)[0]!, authorization.slice(authorization.indexOf(' ') + 1)];
  if (scheme !== algorithm)
    return { kind: 'incomplete', message: `Unsupported authorization scheme: only ${algorithm} is taken` };
  const parts = new Map(rest.split(',').map((part) => splitPair(part.trim())));
  return statedSignature({
    credential: parts.get('Credential'),
    signedHeaders: parts.get('SignedHeaders'),
    signature: parts.get('Signature'),
    timestamp: call.headers.get('x-amz-date')?.[0] ?? isoBasic(call.headers.get('date')?.[0]),
    sessionToken: call.headers.get('x-amz-security-token')?.[0] ?? null,
    expiresSeconds: null,
  });
}

function readQuerySignature(query: URLSearchParams): StatedSignature | SignatureFault {
  if (query.get('X-Amz-Algorithm') !== algorithm)
    return { kind: 'incomplete', message: `X-Amz-Algorithm must be ${algorithm}` };
  const expires = query.get('X-Amz-Expires');
  const seconds = Number(expires);
  if (expires === null || !/^\d{1,7}$/.test(expires) || seconds > mostPresignedSeconds)
    return { kind: 'incomplete', message: `X-Amz-Expires must be a number of at most ${mostPresignedSeconds} seconds` };
  return statedSignature({
    credential: query.get('X-Amz-Credential') ?? undefined,
    signedHeaders: query.get('X-Amz-SignedHeaders') ?? undefined,
    signature: query.get('X-Amz-Signature') ?? undefined,
    timestamp: query.get('X-Amz-Date') ?? undefined,
    sessionToken: query.get('X-Amz-Security-Token'),
    expiresSeconds: seconds,
  });
}

interface RawSignature {
  readonly credential: string | undefined;
  readonly signedHeaders: string | undefined;
  readonly signature: string | undefined;
  readonly timestamp: string | undefined;
  readonly sessionToken: string | null;
  readonly expiresSeconds: number | null;
}

function statedSignature(raw: RawSignature): StatedSignature | SignatureFault {
  const missing = (['credential', 'signedHeaders', 'signature', 'timestamp'] as const).filter((name) => !raw[name]);
  if (missing.length > 0)
    return {
      kind: 'incomplete',
      message: `Authorization needs Credential, SignedHeaders, Signature and X-Amz-Date; missing: ${missing.join(', ')}`,
    };
  const [accessKeyId, date, region, service, terminator, ...more] = raw.credential!.split('/');
  if (!accessKeyId || !date || !region || !service || terminator !== 'aws4_request' || more.length > 0)
    return { kind: 'incomplete', message: 'Credential must be KEY/DATE/REGION/SERVICE/aws4_request' };
  if (!/^\d{8}T\d{6}Z$/.test(raw.timestamp!) || !raw.timestamp!.startsWith(date))
    return {
      kind: 'mismatch',
      message: `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${raw.timestamp!.slice(0, 8)}'`,
    };
  const signedHeaders = raw.signedHeaders!.split(';');
  if (signedHeaders.some((name) => name !== name.toLowerCase() || name === ''))
    return { kind: 'incomplete', message: 'SignedHeaders must be lower-case names divided by ";"' };
  return {
    accessKeyId,
    date,
    region,
    service,
    timestamp: raw.timestamp!,
    signedHeaders,
    signature: raw.signature!,
    sessionToken: raw.sessionToken,
    expiresSeconds: raw.expiresSeconds,
  };
}

/**
 * Verifies a stated signature with the secret key of its access key id. Pure.
 *
 * @returns null when it holds; else why not, in the order in which AWS looks: what is signed, when, and the signature
 */
export function verifySignature(
  call: HttpCall,
  stated: StatedSignature,
  secretAccessKey: string,
  at: Date,
): SignatureFault | null {
  return unsignedHeader(call, stated) ?? wrongTime(stated, at) ?? wrongSignature(call, stated, secretAccessKey);
}

/** `host` and every `x-amz-…` header that is sent must be signed, or somebody could add one on the way. */
function unsignedHeader(call: HttpCall, stated: StatedSignature): SignatureFault | null {
  const needed = ['host', ...[...call.headers.keys()].filter((name) => name.startsWith('x-amz-'))];
  const unsigned = needed.filter((name) => !stated.signedHeaders.includes(name));
  if (unsigned.length === 0) return null;
  return { kind: 'mismatch', message: `'${unsigned.join("', '")}' must be a 'SignedHeader' in the AWS Authorization.` };
}

function wrongTime(stated: StatedSignature, at: Date): SignatureFault | null {
  const signedAt = timeOf(stated.timestamp);
  const now = at.getTime();
  if (Number.isNaN(signedAt)) return { kind: 'incomplete', message: 'X-Amz-Date is not a time' };
  const nowText = isoBasic(at.toISOString())!;
  if (signedAt - now > allowedSkewMilliseconds)
    return {
      kind: 'expired',
      message: `Signature not yet current: ${stated.timestamp} is still later than ${nowText} (+ 15 min.)`,
    };
  const lasts = stated.expiresSeconds === null ? allowedSkewMilliseconds : stated.expiresSeconds * 1000;
  if (now - signedAt > lasts)
    return {
      kind: 'expired',
      message: `Signature expired: ${stated.timestamp} is now earlier than ${isoBasic(new Date(now - lasts).toISOString())} (${nowText} - ${stated.expiresSeconds === null ? '15 min.' : `${stated.expiresSeconds} s`})`,
    };
  return null;
}

function wrongSignature(call: HttpCall, stated: StatedSignature, secretAccessKey: string): SignatureFault | null {
  const expected = Buffer.from(signatureOf(call, stated, secretAccessKey));
  const actual = Buffer.from(stated.signature);
  if (expected.length === actual.length && timingSafeEqual(expected, actual)) return null;
  return {
    kind: 'mismatch',
    message:
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  };
}

/** The signature that a request should have: lower-case hex. */
export function signatureOf(
  call: HttpCall,
  stated: Pick<StatedSignature, 'date' | 'region' | 'service' | 'timestamp' | 'signedHeaders'>,
  secretAccessKey: string,
): string {
  const dateKey = hmac(`AWS4${secretAccessKey}`, stated.date);
  const signingKey = hmac(hmac(hmac(dateKey, stated.region), stated.service), 'aws4_request');
  return hmac(signingKey, stringToSign(canonicalRequest(call, stated.signedHeaders), stated)).toString('hex');
}

export function stringToSign(
  canonical: string,
  stated: Pick<StatedSignature, 'date' | 'region' | 'service' | 'timestamp'>,
): string {
  const scope = `${stated.date}/${stated.region}/${stated.service}/aws4_request`;
  return [algorithm, stated.timestamp, scope, sha256(canonical)].join('\n');
}

/** The canonical form of a request for every service but S3 (which encodes paths once and may leave bodies unsigned). */
export function canonicalRequest(call: HttpCall, signedHeaders: readonly string[]): string {
  const headers = signedHeaders.map((name) => `${name}:${headerText(call.headers.get(name) ?? [])}\n`);
  return [
    call.method,
    canonicalPath(call.path),
    canonicalQuery(call.query),
    headers.join(''),
    signedHeaders.join(';'),
    sha256(call.body),
  ].join('\n');
}

function headerText(values: readonly string[]): string {
  return values.map((value) => value.trim().replace(/ +/g, ' ')).join(',');
}

/** Removes `.`, `..` and empty parts (RFC 3986 section 5.2.4), then encodes each part once more. */
function canonicalPath(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') kept.pop();
    else if (part !== '' && part !== '.') kept.push(encode(part));
  }
  const trailing = kept.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${kept.join('/')}${trailing}`;
}

/** Sorts by name and value in their encoded forms, as bytes. A name without "=" gets one. */
function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query
    .split('&')
    .map((part) => splitPair(part).map((text) => encode(decode(text))))
    .filter(([name]) => name !== 'X-Amz-Signature');
  pairs.sort(([nameA, valueA], [nameB, valueB]) => compare(nameA!, nameB!) || compare(valueA!, valueB!));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function splitPair(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** RFC 3986: all but unreserved characters, which encodeURIComponent leaves out four of. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function timeOf(timestamp: string): number {
  return Date.parse(timestamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function isoBasic(text: string | undefined): string | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
