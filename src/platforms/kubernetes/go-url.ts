/** What Kubernetes looks at in an address. */
export interface GoUrl {
  readonly scheme: string;
  readonly hasUser: boolean;
  readonly hasQuery: boolean;
  readonly hasFragment: boolean;
}

/**
 * Takes an address apart as Go's `net/url` does, which is another than the browsers' way.
 *
 * @returns the words of Go's error instead, where it is none
 */
export function readGoUrl(address: string): GoUrl | string {
  const refuse = (why: string): string => `parse ${JSON.stringify(address)}: ${why}`;
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(address)) return refuse('net/url: invalid control character in URL');
  const [beforeFragment, fragment] = splitOnce(address, '#');
  if (beforeFragment.startsWith(':')) return refuse('missing protocol scheme');
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(beforeFragment)?.[1]?.toLowerCase() ?? '';
  const rest = scheme === '' ? beforeFragment : beforeFragment.slice(scheme.length + 1);
  const [beforeQuery, query] = splitOnce(rest, '?');
  if (scheme === '' && /^[^/]*:/.test(beforeQuery)) return refuse('first path segment in URL cannot contain colon');
  const authority = /^\/\/([^/]*)/.exec(beforeQuery)?.[1] ?? '';
  const user = authority.includes('@') ? authority.slice(0, authority.lastIndexOf('@')) : null;
  const host = user === null ? authority : authority.slice(user.length + 1);
  const problem = hostProblem(host) ?? escapeProblem(beforeQuery) ?? escapeProblem(fragment);
  if (problem !== undefined) return refuse(problem);
  return { scheme, hasUser: user !== null, hasQuery: query !== '', hasFragment: fragment !== '' };
}

function hostProblem(host: string): string | undefined {
  const port = /^(?:\[[^\]]*\]|[^:]*)(:.*)?$/.exec(host)?.[1] ?? '';
  if (!/^(?::\d*)?$/.test(port)) return `invalid port ${JSON.stringify(port)} after host`;
  const bad = /[ "<>\\^`{|}]/.exec(host)?.[0];
  return bad === undefined ? undefined : `invalid character ${JSON.stringify(bad)} in host name`;
}

function escapeProblem(text: string): string | undefined {
  const bad = /%(?![0-9a-fA-F]{2})/.exec(text);
  return bad === null ? undefined : `invalid URL escape ${JSON.stringify(text.slice(bad.index, bad.index + 3))}`;
}

function splitOnce(text: string, sign: string): readonly [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
