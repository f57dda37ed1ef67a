import { header, isForm, splitOnce, type HttpCall } from '../http-call.ts';

/** How the caller speaks, and so how it must be answered. */
export type Protocol = 'query' | 'json';

/** What a call asks for. */
export interface Operation {
  readonly protocol: Protocol;
  /** Prefix of IAM actions, such as `sts`; null when nothing tells. */
  readonly service: string | null;
  /** Such as `GetCallerIdentity`; null when nothing tells. */
  readonly name: string | null;
}

/** Parameters of the query protocol: from the form, and from the query string without what signs it. */
export function queryParameters(call: HttpCall): URLSearchParams {
  const parameters = new URLSearchParams(isForm(call) ? call.body.toString('utf8') : '');
  for (const [name, value] of new URLSearchParams(call.query)) {
    if (!/^x-amz-/i.test(name) && !parameters.has(name)) parameters.append(name, value);
  }
  return parameters;
}

/** Finds out what a call asks for, before anything about it is verified. */
export function operationOf(call: HttpCall): Operation {
  const scope = scopeService(call);
  const target = header(call, 'x-amz-target');
  if (target !== undefined) {
    const [prefix, name] = splitOnce(target, '.');
    return { protocol: 'json', service: scope ?? servicePrefixes[prefix] ?? null, name: name || null };
  }
  if (/json|cbor/.test(header(call, 'content-type') ?? '')) return { protocol: 'json', service: scope, name: null };
  const parameters = queryParameters(call);
  const isRest = !parameters.has('Action') && scope !== null && !xmlServices.has(scope);
  if (isRest) return { protocol: 'json', service: scope, name: null };
  const service = scope ?? versions[parameters.get('Version') ?? ''] ?? null;
  return { protocol: 'query', service, name: parameters.get('Action') };
}

/** Services that answer in XML without being asked by an Action; all other REST services answer in JSON. */
const xmlServices: ReadonlySet<string> = new Set(['s3', 'route53', 'cloudfront']);

/** Services told by the first half of `X-Amz-Target`, for calls without a signature. */
const servicePrefixes: Readonly<Record<string, string>> = { AmazonSSM: 'ssm' };
/** Services told by their API version, for calls without a signature. */
const versions: Readonly<Record<string, string>> = { '2011-06-15': 'sts', '2010-05-08': 'iam' };

/** The service that the signature's scope names: `…/DATE/REGION/SERVICE/aws4_request`. */
function scopeService(call: HttpCall): string | null {
  const credential =
    /Credential=([^,\s]+)/.exec(header(call, 'authorization') ?? '')?.[1] ??
    new URLSearchParams(call.query).get('X-Amz-Credential');
  const service = credential?.split('/').at(-2);
  return service !== undefined && /^[a-z0-9-]{1,40}$/.test(service) ? service : null;
}
