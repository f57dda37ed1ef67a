import { AppError } from '../domain/errors.ts';
import { quoted } from '../domain/printable.ts';

/** AWS takes provider URLs of up to 255 characters, the shortest limit among the platforms. */
const longest = 255;
const pathSegments = /^(?:\/[A-Za-z0-9._~-]+)*$/;

/**
 * Checks the URL by which relying parties know us, and gives it back unchanged: `iss`, the discovery document and every
 * trust policy must hold the same characters, so nothing is repaired silently.
 *
 * `https`, or `http` on loopback only; lower-case host; a path is allowed; no query, fragment, user or trailing slash.
 *
 * @throws {AppError} `issuer_invalid`; where there is one right spelling, the mend shows it
 * @see OpenID Connect Discovery 1.0 section 3 (`issuer`)
 */
export function checkedIssuerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:\/\//i.test(text))
    throw issuerError(text, 'is not an https URL', 'write it like https://id.example.com');
  if (url.username !== '' || url.password !== '') throw issuerError(text, 'holds a user name', without(url));
  if (text.includes('?')) throw issuerError(text, 'holds a query', without(url));
  if (text.includes('#')) throw issuerError(text, 'holds a fragment', without(url));
  if (text.endsWith('/')) throw issuerError(text, 'ends with a slash', without(url));
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    throw issuerError(
      text,
      'uses http, which is only allowed on loopback (127.0.0.1, [::1], localhost)',
      `write ${quoted(text.replace(/^http:/i, 'https:'))}`,
    );
  }
  if (text.length > longest)
    throw issuerError(text, `has ${text.length} characters; AWS takes at most ${longest}`, 'use a shorter one');
  if (url.hostname.endsWith('.')) throw issuerError(text, 'has a host that ends with a dot', 'leave the dot out');
  if (spelling(url) !== text) throw issuerError(text, 'is not spelt as relying parties will compare it', without(url));
  if (!pathSegments.test(path(url)))
    throw issuerError(text, 'has a path with more than letters, digits and "-._~"', 'use a plain path, or none');
  return text;
}

/** Whether an issuer URL is on this machine only: no platform elsewhere can ever have seen its keys. */
export function isLoopbackIssuer(url: string): boolean {
  return isLoopbackHost(new URL(url).hostname);
}

/** The path of an issuer URL, without a slash at its end; empty where there is none. */
export function issuerPath(url: string): string {
  return path(new URL(url));
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function path(url: URL): string {
  return url.pathname.replace(/\/+$/, '');
}

function spelling(url: URL): string {
  return `${url.origin}${path(url)}`;
}

function without(url: URL): string {
  return `write ${quoted(spelling(url))}`;
}

function issuerError(text: string, reason: string, mend: string): AppError {
  return new AppError('issuer_invalid', {
    what: `the issuer URL ${quoted(withoutUser(text))} ${reason}`,
    where: 'issuer',
    mend,
  });
}

/** A URL's user part may be a password that somebody pasted. */
function withoutUser(text: string): string {
  return text.replace(/\/\/[^/?#]*@/, '//***@');
}
