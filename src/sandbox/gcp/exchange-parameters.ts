import { isJsonObject } from '../../domain/json.ts';
import { header, isForm, type HttpCall } from '../http-call.ts';
import { oauthRefusal, type GcpRefusal } from './refusal.ts';

/** What a caller of the token exchange asks for, checked for form. */
export interface ExchangeParameters {
  /** `//iam.googleapis.com/PROVIDER`. */
  readonly audience: string;
  readonly scopes: readonly string[];
  /** The compact token: secret, never in a message. */
  readonly subjectToken: string;
}

/** Form names and, in JSON, their camelCase; RFC 8693 section 2.1. */
const names = {
  grant_type: 'grantType',
  audience: 'audience',
  scope: 'scope',
  requested_token_type: 'requestedTokenType',
  subject_token: 'subjectToken',
  subject_token_type: 'subjectTokenType',
  options: 'options',
} as const;
type Name = keyof typeof names;

const tokenTypes = 'urn:ietf:params:oauth:token-type:';
const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** What an exchange gives. */
export const accessTokenType = `${tokenTypes}access_token`;
const subjectTokenTypes = [`${tokenTypes}jwt`, `${tokenTypes}id_token`];
const mostOptions = 4 * 1024 * 1024;

/**
 * Reads a token exchange from its form or its JSON. Only the text about `audience` is Google's own as seen on the wire;
 * the others follow its pattern.
 *
 * @throws {GcpRefusal} 400 `invalid_request`, `unsupported_grant_type`, `invalid_scope`
 * @see Google Cloud, Security Token Service API, Method: token
 */
export function readExchangeParameters(call: HttpCall): ExchangeParameters {
  const given = isForm(call) ? formParameters(call) : jsonParameters(call);
  const one = (name: Name): string => {
    const value = given.get(name);
    if (value === undefined || value === '') throw invalid(name, `the call has no ${name}`);
    return value;
  };
  const asked = one('grant_type');
  if (asked !== grantType)
    throw oauthRefusal(400, 'unsupported_grant_type', `Unsupported grant type: ${asked}`, {
      reasons: [`grant_type is ${asked}; it must be ${grantType}`],
    });
  const audience = one('audience');
  const scopes = one('scope')
    .split(/\s+/)
    .filter((scope) => scope !== '');
  const odd = scopes.find(
    (scope) => !/^(?:https:\/\/www\.googleapis\.com\/auth\/[\w./-]+|openid|email|profile)$/.test(scope),
  );
  if (odd !== undefined || scopes.length === 0)
    throw oauthRefusal(400, 'invalid_scope', `Some requested scopes were invalid. {invalid=[${odd ?? ''}]}`, {
      reasons: [`scope holds ${JSON.stringify(odd ?? '')}; Google's are https://www.googleapis.com/auth/…`],
    });
  requireOneOf('requested_token_type', one('requested_token_type'), [accessTokenType]);
  requireOneOf('subject_token_type', one('subject_token_type'), subjectTokenTypes);
  requireOptions(given.get('options'));
  return { audience, scopes, subjectToken: one('subject_token') };
}

const audienceText =
  'This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.';

/** A parameter that is missing or wrong. */
export function invalid(name: Name, reason: string): GcpRefusal {
  const description = `Invalid value for "${name}".${name === 'audience' ? ` ${audienceText}` : ''}`;
  return oauthRefusal(400, 'invalid_request', description, { reasons: [reason] });
}

function requireOneOf(name: Name, value: string, accepted: readonly string[]): void {
  if (!accepted.includes(value)) throw invalid(name, `${name} is ${value}; accepted are ${accepted.join(', ')}`);
}

/** Refused rather than ignored: an access boundary that is not played would leave the token wider than asked for. */
function requireOptions(text: string | undefined): void {
  if (text === undefined || text === '') return;
  if (text.length > mostOptions) throw invalid('options', `options has more than ${mostOptions} characters`);
  try {
    const options: unknown = JSON.parse(text);
    if (isJsonObject(options)) {
      const other = Object.keys(options).find((name) => name !== 'userProject');
      if (other === undefined && ['string', 'undefined'].includes(typeof options['userProject'])) return;
      throw invalid(
        'options',
        `options has ${other ?? 'a userProject that is no text'}; the stand-in knows userProject`,
      );
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw invalid('options', 'options is not the text of a JSON object');
}

function formParameters(call: HttpCall): ReadonlyMap<Name, string> {
  const form = new URLSearchParams(call.body.toString('utf8'));
  const found = new Map<Name, string>();
  for (const name of Object.keys(names) as Name[]) {
    const values = form.getAll(name);
    if (values.length > 1) throw invalid(name, `${name} is there ${values.length} times`);
    if (values.length === 1) found.set(name, values[0]!);
  }
  return found;
}

/** Protocol buffers take both spellings of a name in JSON; both at once would leave it open which counts. */
function jsonParameters(call: HttpCall): ReadonlyMap<Name, string> {
  let body: unknown = null;
  try {
    if (/json/i.test(header(call, 'content-type') ?? '')) body = JSON.parse(call.body.toString('utf8'));
  } catch {
    // the same answer as for a body of another kind
  }
  if (!isJsonObject(body))
    throw oauthRefusal(400, 'invalid_request', 'Invalid JSON payload received.', {
      reasons: ['the body is neither a form (application/x-www-form-urlencoded) nor a JSON object (application/json)'],
    });
  const found = new Map<Name, string>();
  for (const [name, camel] of Object.entries(names) as [Name, string][]) {
    const values = [...new Set([name, camel])].map((key) => body[key]).filter((value) => value !== undefined);
    if (values.length === 0) continue;
    if (values.length > 1) throw invalid(name, `${camel} and ${name} are both there`);
    if (typeof values[0] !== 'string') throw invalid(name, `${camel} is not a text`);
    found.set(name, values[0]);
  }
  return found;
}
