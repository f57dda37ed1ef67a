import type { JsonNode } from '../json-document.ts';
import { Validation } from './authenticator-checks.ts';
import type {
  EntryFields,
  IssuerFields,
  KubernetesAuthenticator,
  MappingFields,
  ReadOptions,
  RuleFields,
} from './authenticator.ts';
import { boolean, Decoding, list, object, optional, optionalText, text } from './decode.ts';

const prefixed = object<{ claim: string; prefix: string | null; expression: string }>('PrefixedClaimOrExpression', {
  claim: text,
  prefix: optionalText,
  expression: text,
});

const entry = object<EntryFields>('JWTAuthenticator', {
  issuer: object<IssuerFields>('Issuer', {
    url: text,
    discoveryURL: optionalText,
    certificateAuthority: text,
    audiences: list(text),
    audienceMatchPolicy: text,
    egressSelectorType: text,
  }),
  claimValidationRules: list(
    object<RuleFields>('ClaimValidationRule', { claim: text, requiredValue: text, expression: text, message: text }),
  ),
  claimMappings: object<MappingFields>('ClaimMappings', {
    username: prefixed,
    groups: prefixed,
    uid: object('ClaimOrExpression', { claim: text, expression: text }),
    extra: list(object('ExtraMapping', { key: text, valueExpression: text })),
  }),
  userValidationRules: list(object('UserValidationRule', { expression: text, message: text })),
});

const configuration = object('AuthenticationConfiguration', {
  apiVersion: text,
  kind: text,
  jwt: list(entry),
  anonymous: optional(
    object('AnonymousAuthConfig', {
      enabled: boolean,
      conditions: list(object('AnonymousAuthCondition', { path: text })),
    }),
  ),
});

/**
 * Reads an `AuthenticationConfiguration`, with the refusals of the API server's start in its own words.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`
 * @see Kubernetes docs, "Authenticating", using authentication configuration
 */
export function readAuthenticationConfiguration(
  node: JsonNode,
  version: string,
  options: ReadOptions = {},
): readonly KubernetesAuthenticator[] {
  const decoding = new Decoding(version);
  decoding.note('', node);
  const { jwt, anonymous } = configuration(node, { path: '', goField: '' }, decoding);
  const check = new Validation(decoding, options);
  if (jwt.length > 64) throw check.refuse('jwt', `Too many: ${jwt.length}: must have at most 64 items`);
  const authenticators = jwt.map((one, index) => check.entry(one, `jwt[${index}]`));
  check.unique(
    jwt.map(({ issuer }) => issuer.url),
    (index) => `jwt[${index}].issuer.url`,
  );
  check.unique(
    jwt.map(({ issuer }) => issuer.discoveryURL ?? ''),
    (index) => `jwt[${index}].issuer.discoveryURL`,
  );
  if (anonymous !== null && !anonymous.enabled && anonymous.conditions.length > 0) {
    const shown = anonymous.conditions.map(({ path }) => `{"Path":${JSON.stringify(path)}}`).join(',');
    throw check.invalid(
      'anonymous.conditions',
      `[${shown}]`,
      'enabled should be set to true when conditions are defined',
    );
  }
  return authenticators;
}
