import type { ObjectNode } from '../json-document.ts';
import { refuse } from '../json-members.ts';
import { goQuoted } from './go-value.ts';
import { checkKinds, ignoredNames, nativeFields, type FieldKind } from './native-field.ts';

/** The configuration of a JWT auth mount, read and checked; its key source is read by whoever fetches the keys. */
export interface JwtConfig {
  /** Empty when `iss` is not looked at. */
  readonly boundIssuer: string;
  /** Empty when the keys come from elsewhere. */
  readonly discoveryUrl: string;
  readonly jwksUrl: string;
  readonly algorithms: readonly string[];
  /** In lower case; empty when none is set. */
  readonly defaultRole: string;
  /** Names in the document that the server does not know, and ignores. */
  readonly ignored: readonly string[];
}

/** What a mount takes where `jwt_supported_algs` is not set. */
export const jwtAlgorithms: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
];

const configFields: Readonly<Record<string, FieldKind>> = {
  oidc_discovery_url: 'text',
  oidc_discovery_ca_pem: 'text',
  oidc_client_id: 'text',
  oidc_client_secret: 'text',
  oidc_response_mode: 'text',
  oidc_response_types: 'list',
  jwks_url: 'text',
  jwks_ca_pem: 'text',
  default_role: 'text',
  jwt_validation_pubkeys: 'list',
  jwt_supported_algs: 'list',
  bound_issuer: 'text',
  provider_config: 'members',
  override_allowed_server_names: 'list',
  namespace_in_state: 'flag',
  skip_jwks_validation: 'flag',
};

/** Only Vault has these, or only prints them. */
const furtherFields: Readonly<Record<string, FieldKind>> = {
  jwks_pairs: 'members',
  unsupported_critical_cert_extensions: 'list',
  status: 'text',
};

const sources =
  "exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs', 'oidc_discovery_url', or 'provider_config' must be set";

/**
 * Reads the configuration of a mount as it is written to `auth/MOUNT/config`, with the server's refusals. Nothing is
 * fetched.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 */
export function readJwtConfig(document: ObjectNode): JwtConfig {
  const fields = nativeFields(document);
  checkKinds(fields, configFields);
  const discoveryUrl = fields.text('oidc_discovery_url').split('.well-known/openid-configuration')[0]!;
  const jwksUrl = fields.text('jwks_url');
  const pairs = fields.at('jwks_pairs');
  const counted = [
    fields.text('oidc_discovery_url') !== '',
    jwksUrl !== '',
    fields.list('jwt_validation_pubkeys').length > 0,
    fields.has('jwks_pairs') && pairs.kind === 'list' && pairs.items.length > 0,
  ].filter(Boolean).length;
  if (counted !== 1)
    throw refuse(document, sources, 'set oidc_discovery_url to the URL of the issuer, and nothing else');
  if ((fields.text('oidc_client_id') !== '') !== (fields.text('oidc_client_secret') !== ''))
    throw refuse(
      fields.at('oidc_client_id'),
      "both 'oidc_client_id' and 'oidc_client_secret' must be set for OIDC",
      'remove them: no JWT login needs them',
    );
  const algorithms = fields.list('jwt_supported_algs');
  const unknown = algorithms.find((name) => !jwtAlgorithms.includes(name));
  if (unknown !== undefined)
    throw refuse(
      fields.at('jwt_supported_algs'),
      `invalid jwt_supported_algs: unsupported signing algorithm ${goQuoted(unknown)}`,
      `take one of ${jwtAlgorithms.join(', ')}`,
    );
  return {
    boundIssuer: fields.text('bound_issuer'),
    discoveryUrl,
    jwksUrl,
    algorithms: algorithms.length > 0 ? algorithms : jwtAlgorithms,
    defaultRole: fields.text('default_role').toLowerCase(),
    ignored: ignoredNames(document, { ...configFields, ...furtherFields }),
  };
}
