import { X509Certificate } from 'node:crypto';
import {
  everyAlgorithm,
  type ClaimRule,
  type EntryFields,
  type ExpressionRule,
  type IssuerFields,
  type KubernetesAuthenticator,
  type Mapping,
  type MappingFields,
  type PrefixedFields,
  type ReadOptions,
  type RuleFields,
} from './authenticator.ts';
import { compileExpression, ExpressionFault, type KubernetesExpression } from './cel/index.ts';
import type { Decoding } from './decode.ts';
import { readGoUrl } from './go-url.ts';

/** Issuers of service account tokens, as kubeadm and most others call them. */
const disallowedIssuers = ['https://kubernetes.default.svc', 'https://kubernetes.default.svc.cluster.local'];

/** The checks of `ValidateAuthenticationConfiguration`, one refusal at a time. */
export class Validation {
  readonly #decoding: Decoding;
  readonly #options: ReadOptions;

  constructor(decoding: Decoding, options: ReadOptions) {
    this.#decoding = decoding;
    this.#options = options;
  }

  entry(fields: EntryFields, path: string, algorithms: readonly string[] = everyAlgorithm): KubernetesAuthenticator {
    const { issuer } = fields;
    this.#issuer(issuer, `${path}.issuer`);
    const rules = this.#rules(fields.claimValidationRules, `${path}.claimValidationRules`);
    const mappings = this.#mappings(fields.claimMappings, `${path}.claimMappings`);
    this.#email(fields.claimMappings.username.expression, mappings, rules, `${path}.claimMappings.username.expression`);
    return {
      issuer: issuer.url,
      discoveryUrl: issuer.discoveryURL || null,
      certificateAuthority: issuer.certificateAuthority || null,
      algorithms,
      audiences: issuer.audiences,
      rules,
      ...mappings,
      userRules: this.#userRules(fields.userValidationRules, `${path}.userValidationRules`),
    };
  }

  refuse(path: string, what: string): Error {
    return this.#decoding.error(path, `${path}: ${what}`, 'the API server refuses to start with it: mend this field');
  }

  invalid(path: string, shown: string, why: string): Error {
    return this.refuse(path, `Invalid value: ${shown}: ${why}`);
  }

  unique(values: readonly string[], pathOf: (index: number) => string): void {
    const double = values.findIndex((value, index) => value !== '' && values.indexOf(value) !== index);
    if (double >= 0) throw this.refuse(pathOf(double), `Duplicate value: ${JSON.stringify(values[double])}`);
  }

  #issuer(issuer: IssuerFields, path: string): void {
    const { url, discoveryURL, audiences, audienceMatchPolicy: policy, egressSelectorType: egress } = issuer;
    if (url === '') throw this.refuse(`${path}.url`, 'Required value');
    if (disallowedIssuers.includes(url)) {
      const why = `URL must not overlap with disallowed issuers: [${disallowedIssuers.join(' ')}]`;
      throw this.invalid(`${path}.url`, JSON.stringify(url), why);
    }
    this.#url(url, `${path}.url`);
    if (discoveryURL) {
      if (url.replace(/\/+$/, '') === discoveryURL.replace(/\/+$/, '')) {
        throw this.invalid(
          `${path}.discoveryURL`,
          JSON.stringify(discoveryURL),
          'discoveryURL must be different from URL',
        );
      }
      this.#url(discoveryURL, `${path}.discoveryURL`);
    }
    if (audiences.length === 0) {
      throw this.refuse(`${path}.audiences`, `Required value: at least one ${path}.audiences is required`);
    }
    const empty = audiences.indexOf('');
    if (empty >= 0) throw this.refuse(`${path}.audiences[${empty}]`, 'Required value');
    this.unique(audiences, (index) => `${path}.audiences[${index}]`);
    if (policy !== 'MatchAny' && (audiences.length > 1 || policy !== '')) {
      const wanted = audiences.length > 1 ? 'MatchAny for multiple audiences' : 'empty or MatchAny for single audience';
      throw this.invalid(
        `${path}.audienceMatchPolicy`,
        JSON.stringify(policy),
        `audienceMatchPolicy must be ${wanted}`,
      );
    }
    this.#authority(issuer.certificateAuthority, `${path}.certificateAuthority`);
    if (!['', 'controlplane', 'cluster'].includes(egress)) {
      const why = 'egress selector must be either controlplane or cluster';
      throw this.invalid(`${path}.egressSelectorType`, JSON.stringify(egress), why);
    }
  }

  #url(address: string, path: string): void {
    const url = readGoUrl(address);
    const refuse = (why: string): Error => this.invalid(path, JSON.stringify(address), why);
    if (typeof url === 'string') throw refuse(url);
    if (url.scheme !== 'https' && !(this.#options.httpOnLoopback === true && isLoopback(address))) {
      throw refuse('URL scheme must be https');
    }
    if (url.hasUser) throw refuse('URL must not contain a username or password');
    if (url.hasQuery) throw refuse('URL must not contain a query');
    if (url.hasFragment) throw refuse('URL must not contain a fragment');
  }

  #authority(pem: string, path: string): void {
    if (pem === '') return;
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    const none = 'data does not contain any valid RSA or ECDSA certificates';
    if (blocks.length === 0) throw this.invalid(path, '"<omitted>"', none);
    if (!blocks.every(isCertificate)) throw this.invalid(path, '"<omitted>"', 'x509: malformed certificate');
  }

  #rules(rules: readonly RuleFields[], path: string): readonly ClaimRule[] {
    const read = rules.map(({ claim, requiredValue, expression, message }, index): ClaimRule => {
      const at = `${path}[${index}]`;
      if (claim !== '' && expression !== '') {
        throw this.invalid(at, JSON.stringify(claim), "claim and expression can't both be set");
      }
      if (claim === '' && expression === '') throw this.refuse(at, 'Required value: claim or expression is required');
      if (claim !== '') {
        if (message === '') return { claim, requiredValue };
        throw this.invalid(`${at}.message`, JSON.stringify(message), 'may not be specified when claim is set');
      }
      if (requiredValue !== '') {
        const why = 'may not be specified when expression is set';
        throw this.invalid(`${at}.requiredValue`, JSON.stringify(requiredValue), why);
      }
      return { expression: this.#compile(expression, 'claims', 'bool', `${at}.expression`), message };
    });
    this.unique(
      rules.map(({ claim }) => claim),
      (index) => `${path}[${index}].claim`,
    );
    this.unique(
      rules.map(({ expression }) => expression),
      (index) => `${path}[${index}].expression`,
    );
    return read;
  }

  #mappings({ username, groups, uid, extra }: MappingFields, path: string): ReadMappings {
    if (username.claim === '' && username.expression === '') {
      throw this.refuse(`${path}.username`, 'Required value: claim or expression is required');
    }
    if (uid.claim !== '' && uid.expression !== '') {
      throw this.invalid(`${path}.uid`, '""', "claim and expression can't both be set");
    }
    return {
      username: this.#prefixed(username, `${path}.username`)!,
      groups: this.#prefixed(groups, `${path}.groups`),
      uid:
        uid.expression !== ''
          ? { expression: this.#compile(uid.expression, 'claims', 'anything', `${path}.uid.expression`) }
          : uid.claim !== ''
            ? { claim: uid.claim, prefix: '' }
            : null,
      extra: this.#extra(extra, `${path}.extra`),
    };
  }

  #prefixed({ claim, prefix, expression }: PrefixedFields, path: string): Mapping | null {
    if (claim !== '' && expression !== '') throw this.invalid(path, '""', "claim and expression can't both be set");
    if (expression !== '') {
      if (prefix !== null) {
        throw this.invalid(`${path}.prefix`, JSON.stringify(prefix), 'may not be specified when expression is set');
      }
      return { expression: this.#compile(expression, 'claims', 'anything', `${path}.expression`) };
    }
    if (claim === '') return null;
    if (prefix !== null) return { claim, prefix };
    const why = 'prefix is required when claim is set. It can be set to an empty string to disable prefixing';
    throw this.refuse(`${path}.prefix`, `Required value: ${why}`);
  }

  #extra(extra: MappingFields['extra'], path: string): ReadMappings['extra'] {
    return extra.map(({ key, valueExpression }, index) => {
      const at = `${path}[${index}]`;
      const problem = keyProblem(key);
      if (problem === 'Required value') throw this.refuse(`${at}.key`, problem);
      if (problem !== null) throw this.invalid(`${at}.key`, JSON.stringify(problem.shown), problem.why);
      const isDouble = extra.findIndex((one) => one.key === key) < index;
      if (isDouble) throw this.refuse(`${at}.key`, `Duplicate value: ${JSON.stringify(key)}`);
      if (valueExpression === '') throw this.refuse(`${at}.valueExpression`, 'Required value');
      const expression = this.#compile(valueExpression, 'claims', 'anything', `${at}.valueExpression`);
      return { key, expression };
    });
  }

  #email(expression: string, { username, extra }: ReadMappings, rules: readonly ClaimRule[], path: string): void {
    if (!('expression' in username) || !username.expression.mentions('email')) return;
    const expressions = [username, ...extra, ...rules].flatMap((one) => ('expression' in one ? [one.expression] : []));
    if (expressions.some((one) => one.mentions('email_verified'))) return;
    const why =
      'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression ' +
      'or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression';
    throw this.invalid(path, JSON.stringify(expression), why);
  }

  #userRules(rules: EntryFields['userValidationRules'], path: string): readonly ExpressionRule[] {
    const read = rules.map(({ expression, message }, index) => {
      const at = `${path}[${index}].expression`;
      if (expression === '') throw this.refuse(at, 'Required value');
      return { expression: this.#compile(expression, 'user', 'bool', at), message };
    });
    this.unique(
      rules.map(({ expression }) => expression),
      (index) => `${path}[${index}].expression`,
    );
    return read;
  }

  #compile(
    expression: string,
    variable: 'claims' | 'user',
    wanted: 'bool' | 'anything',
    path: string,
  ): KubernetesExpression {
    try {
      return compileExpression(expression, variable, wanted);
    } catch (error) {
      if (!(error instanceof ExpressionFault)) throw error;
      if (error.message.startsWith('program instantiation'))
        throw this.refuse(path, `Internal error: ${error.message}`);
      throw this.invalid(path, JSON.stringify(expression), error.message);
    }
  }
}

type ReadMappings = Pick<KubernetesAuthenticator, 'username' | 'groups' | 'uid' | 'extra'>;

const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** Why a key of `extra` is none, in Kubernetes' words; null: it is one. */
function keyProblem(key: string): { shown: string; why: string } | 'Required value' | null {
  if (key === '') return 'Required value';
  const slash = key.indexOf('/');
  const [host, path] = [key.slice(0, Math.max(0, slash)), key.slice(slash + 1)];
  if (slash < 1 || path === '') {
    return { shown: key, why: 'must be a domain-prefixed path (such as "acme.io/foo")' };
  }
  if (host.length > 253) return { shown: host, why: 'must be no more than 253 bytes' };
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(host))
    return { shown: host, why: subdomain };
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path)) {
    return { shown: path, why: "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')" };
  }
  if (key !== key.toLowerCase()) return { shown: key, why: 'must be lowercase' };
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(host)) return null;
  return { shown: key, why: 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use' };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== null;
  } catch {
    return false;
  }
}

function isLoopback(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
