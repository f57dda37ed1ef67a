import type { PlatformIo, Refusal } from '../../domain/credential.ts';
import type { IdentityToken } from '../../domain/token.ts';
import { likelyCauses } from './causes.ts';
import type { AwsConfiguration } from './configure.ts';
import { foreignText, standInReasons } from '../refusal-text.ts';
import { explainSeconds, refusedAnswer } from '../refused-answer.ts';
import { awsSessionName } from './render.ts';

/**
 * Tries the exchange once, to say why STS refuses it: one unsigned `AssumeRoleWithWebIdentity`, as the SDKs send it,
 * nothing retried. Credentials of a success are thrown away unread.
 *
 * @returns null when STS accepts the token, cannot be reached within 3 s, or fails by itself (429, 5xx)
 * @see AWS STS API, AssumeRoleWithWebIdentity
 */
export async function explainAws(
  configuration: AwsConfiguration,
  tag: string | null,
  token: IdentityToken,
  io: PlatformIo,
): Promise<Refusal | null> {
  const endpoint = stsEndpoint(io.environment);
  if (endpoint === null) return null;
  try {
    const response = await io.fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/xml' },
      body: new URLSearchParams({
        Action: 'AssumeRoleWithWebIdentity',
        Version: '2011-06-15',
        RoleArn: configuration.roleArn,
        RoleSessionName: awsSessionName(io.sessionName),
        WebIdentityToken: token.compact.reveal(),
      }).toString(),
      redirect: 'manual',
      signal: AbortSignal.timeout(explainSeconds * 1000),
    });
    const body = await refusedAnswer(response);
    return body === null ? null : readRefusal(configuration, tag, token, endpoint, response, body);
  } catch {
    // Whatever kept the call from being answered says nothing about the trust policy.
    return null;
  }
}

/**
 * Where the SDKs would call STS, from the child's variables: `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`, the region's
 * endpoint, else the global one. Null when the variables give no usable address.
 *
 * @see AWS SDKs and Tools Reference Guide, "Service-specific endpoints" and "AWS STS Regional endpoints"
 */
export function stsEndpoint(environment: Readonly<Record<string, string>>): string | null {
  const ignored = environment['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS']?.toLowerCase() === 'true';
  const configured = ignored ? undefined : environment['AWS_ENDPOINT_URL_STS'] || environment['AWS_ENDPOINT_URL'];
  if (configured) return /^https?:\/\//i.test(configured) && URL.canParse(configured) ? configured : null;
  const region = environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'];
  if (!region) return 'https://sts.amazonaws.com/';
  // The region becomes part of a host name.
  if (!/^[a-z]{2,}(-[a-z0-9]+)+$/.test(region)) return null;
  return `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`;
}

function readRefusal(
  configuration: AwsConfiguration,
  tag: string | null,
  token: IdentityToken,
  endpoint: string,
  response: Response,
  body: string,
): Refusal {
  const show = (text: string): string => foreignText(text, token);
  const code = show(element(body, 'Code') ?? `HTTP ${response.status}`);
  const message = show(element(body, 'Message') ?? 'the answer is not one of STS');
  const requestId = element(body, 'RequestId') ?? response.headers.get('x-amzn-requestid');
  return {
    platform: 'aws',
    tag,
    role: configuration.roleArn,
    code,
    message,
    status: response.status,
    requestId: requestId === null ? null : show(requestId),
    causes: likelyCauses(code, message, {
      role: configuration.roleArn,
      iss: token.claims.iss,
      aud: token.claims.aud,
      sub: token.claims.sub,
      atAws: /\.amazonaws\.com(?:\.cn)?$/.test(new URL(endpoint).hostname),
    }),
    reasons: standInReasons(response).map(show),
  };
}

/** The text of the first element of this name. Enough for STS's `ErrorResponse`, which has no attributes there. */
function element(xml: string, name: string): string | null {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? null : unescapeXml(text).trim();
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return entities[name as string]!;
    const codePoint = decimal === undefined ? Number.parseInt(hex as string, 16) : Number(decimal);
    return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : whole;
  });
}
