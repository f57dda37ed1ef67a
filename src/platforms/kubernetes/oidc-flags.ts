import type { JsonNode } from '../json-document.ts';
import { Validation } from './authenticator-checks.ts';
import { everyAlgorithm, type EntryFields, type KubernetesAuthenticator, type ReadOptions } from './authenticator.ts';
import { Decoding, list, object, text } from './decode.ts';

/** Flags that are known, with their defaults. */
const defaults = {
  'oidc-issuer-url': '',
  'oidc-client-id': '',
  'oidc-ca-file': '',
  'oidc-username-claim': 'sub',
  'oidc-username-prefix': '',
  'oidc-groups-claim': '',
  'oidc-groups-prefix': '',
} as const;

/** What the flags of one API server say. */
export interface OidcFlags {
  readonly values: Readonly<Record<keyof typeof defaults, string>>;
  readonly requiredClaims: ReadonlyMap<string, string>;
  readonly algorithms: readonly string[];
}

const document = object('OidcFlags', { apiVersion: text, kind: text, flags: list(text) });

/**
 * Reads `{kind: OidcFlags, flags: [--oidc-issuer-url=…, …]}`: the API server's own command line, as a document of ours.
 * Other flags of it may stand there too.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`
 * @see Kubernetes docs, "Authenticating", configuring the API server using flags
 */
export function readOidcFlags(node: JsonNode, options: ReadOptions = {}): KubernetesAuthenticator {
  const decoding = new Decoding('v1');
  decoding.note('', node);
  const { flags } = document(node, { path: '', goField: '' }, decoding);
  const read = parseOidcFlags(flags);
  if ('problem' in read) {
    throw decoding.error(read.index === null ? 'flags' : `flags[${read.index}]`, read.problem, 'mend the flag');
  }
  return new Validation(decoding, options).entry(entryOf(read), 'jwt[0]', read.algorithms);
}

/** Flags as the API server's command line takes them, or what is wrong with one. Pure. */
export function parseOidcFlags(flags: readonly string[]): OidcFlags | { problem: string; index: number | null } {
  const values: Record<string, string> = { ...defaults };
  const requiredClaims = new Map<string, string>();
  let algorithms: readonly string[] | null = null;
  for (const [index, flag] of flags.entries()) {
    const [, name = '', value] = /^--([^=]+)(?:=([^]*))?$/.exec(flag) ?? [];
    if (name === 'authentication-config') {
      return { problem: 'authentication-config file and oidc-* flags are mutually exclusive', index };
    }
    if (!name.startsWith('oidc-')) continue;
    if (value === undefined) return { problem: `flag needs an argument: --${name}`, index };
    if (name === 'oidc-required-claim') {
      const [, key, wanted] = /^([^=]*)=([^]*)$/.exec(value) ?? [];
      if (key === undefined || wanted === undefined) {
        const why = 'malformed pair, expect string=string';
        return { problem: `invalid argument ${JSON.stringify(value)} for "--oidc-required-claim" flag: ${why}`, index };
      }
      requiredClaims.set(key.trim(), wanted.trim());
    } else if (name === 'oidc-signing-algs') {
      algorithms = [...(algorithms ?? []), ...(value === '' ? [] : value.split(','))];
      const bad = algorithms.find((one) => !everyAlgorithm.some((known) => known === one));
      if (bad !== undefined) return { problem: `oidc: unsupported signing alg: ${JSON.stringify(bad)}`, index };
    } else if (Object.hasOwn(defaults, name)) {
      values[name] = value;
    } else {
      return { problem: `unknown flag: --${name}`, index };
    }
  }
  if (values['oidc-issuer-url'] === '' || values['oidc-client-id'] === '') {
    const problem = 'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set';
    return { problem, index: null };
  }
  return {
    values: values as OidcFlags['values'],
    requiredClaims,
    algorithms: algorithms === null || algorithms.length === 0 ? ['RS256'] : algorithms,
  };
}

/** The entry of an authentication configuration that says the same. */
function entryOf({ values, requiredClaims }: OidcFlags): EntryFields {
  const issuer = values['oidc-issuer-url'];
  const claim = values['oidc-username-claim'];
  const given = values['oidc-username-prefix'];
  const prefix = given === '-' ? '' : given === '' && claim !== 'email' ? `${issuer}#` : given;
  const groups = values['oidc-groups-claim'];
  return {
    issuer: {
      url: issuer,
      discoveryURL: null,
      certificateAuthority: '',
      audiences: [values['oidc-client-id']],
      audienceMatchPolicy: '',
      egressSelectorType: '',
    },
    claimValidationRules: [...requiredClaims].map(([name, requiredValue]) => ({
      claim: name,
      requiredValue,
      expression: '',
      message: '',
    })),
    claimMappings: {
      username: { claim, prefix, expression: '' },
      groups: { claim: groups, prefix: groups === '' ? null : values['oidc-groups-prefix'], expression: '' },
      uid: { claim: '', expression: '' },
      extra: [],
    },
    userValidationRules: [],
  };
}
