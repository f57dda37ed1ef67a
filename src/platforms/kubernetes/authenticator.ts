import type { KubernetesExpression } from './cel/index.ts';

/** One entry of `jwt`, checked; or what the older flags say. */
export interface KubernetesAuthenticator {
  /** Equals `iss`. */
  readonly issuer: string;
  /** Where discovery is read instead. */
  readonly discoveryUrl: string | null;
  /** PEM; null: the system's authorities. */
  readonly certificateAuthority: string | null;
  /** `RS256`, … */
  readonly algorithms: readonly string[];
  /** One must be in `aud`. */
  readonly audiences: readonly string[];
  readonly rules: readonly ClaimRule[];
  readonly username: Mapping;
  /** Null: no groups. */
  readonly groups: Mapping | null;
  readonly uid: Mapping | null;
  readonly extra: readonly { readonly key: string; readonly expression: KubernetesExpression }[];
  readonly userRules: readonly ExpressionRule[];
}

/** A rule over the claims of a token. */
export type ClaimRule = RequiredClaim | ExpressionRule;

/** A claim that must have exactly this value. */
export interface RequiredClaim {
  readonly claim: string;
  readonly requiredValue: string;
}

/** An expression that must be true, and what the API server's log says where it is not. */
export interface ExpressionRule {
  readonly expression: KubernetesExpression;
  readonly message: string;
}

/** How a user name or groups come from the claims. */
export type Mapping =
  | { readonly claim: string; readonly prefix: string }
  | { readonly expression: KubernetesExpression };

/** What a document may hold beyond what the real API server takes. */
export interface ReadOptions {
  /** Issuers on loopback may be plain http: a sandbox's own. */
  readonly httpOnLoopback?: boolean;
}

/** All that an authentication configuration takes; the API server does no more with flags. */
export const everyAlgorithm = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
] as const;

export interface IssuerFields {
  readonly url: string;
  readonly discoveryURL: string | null;
  readonly certificateAuthority: string;
  readonly audiences: readonly string[];
  readonly audienceMatchPolicy: string;
  readonly egressSelectorType: string;
}

export interface RuleFields {
  readonly claim: string;
  readonly requiredValue: string;
  readonly expression: string;
  readonly message: string;
}

export interface PrefixedFields {
  readonly claim: string;
  readonly prefix: string | null;
  readonly expression: string;
}

export interface MappingFields {
  readonly username: PrefixedFields;
  readonly groups: PrefixedFields;
  readonly uid: { readonly claim: string; readonly expression: string };
  readonly extra: readonly { readonly key: string; readonly valueExpression: string }[];
}

/** The fields of an entry as they stand in a document, decoded; absent ones are empty. */
export interface EntryFields {
  readonly issuer: IssuerFields;
  readonly claimValidationRules: readonly RuleFields[];
  readonly claimMappings: MappingFields;
  readonly userValidationRules: readonly { readonly expression: string; readonly message: string }[];
}
