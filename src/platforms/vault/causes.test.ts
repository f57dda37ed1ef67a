import { assert as check, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../test/support/any-text.ts';
import { likelyCauses } from './causes.ts';
import type { VaultConfiguration } from './configure.ts';

const configuration: VaultConfiguration = {
  address: 'https://vault.example.com',
  namespace: 'team1',
  ca: null,
  authPath: 'jwt2',
  role: 'payments-plan',
  audience: 'vault.workload.identity',
  timeoutSeconds: 60,
};
const offered = {
  configuration,
  iss: 'https://id.example.com',
  aud: 'vault.workload.identity',
  sub: 'organization:acme:project:payments:workspace:payments-prod:run_phase:plan',
};

describe('likelyCauses', () => {
  // Texts of OpenBao 2.7.2 and of Vault.
  it.each<[number, string, RegExp]>([
    [
      400,
      'error validating token: invalid audience (aud) claim: audience claim does not match any expected audience',
      /^bound_audiences of role payments-plan does not have "vault\.workload\.identity"/,
    ],
    [400, 'audience claim found in JWT but no audiences bound to the role', /^bound_audiences/],
    [400, 'error validating token: invalid subject (sub) claim', /^bound_subject .* is not exactly "organization:acme/],
    [400, 'error validating claims: claim "sub" does not match any associated bound claim values', /^bound_claims/],
    [400, 'error validating claims: claim "terraform_run_phase" is missing', /looks for a claim/],
    [400, 'claim "terraform_full_workspace" not found in token', /looks for a claim/],
    [400, 'failed to fetch groups: "groups" claim not found in token', /looks for a claim/],
    [400, `error converting claim 'x' to string`, /looks for a claim/],
    [
      400,
      'error validating token: invalid issuer (iss) claim',
      /^bound_issuer of the mount jwt2 is not exactly https:\/\/id/,
    ],
    [
      400,
      'error validating token: error verifying token signature: fetching keys oidc: get keys failed Get "https://x": EOF',
      /cannot reach the issuer/,
    ],
    [400, 'error configuring token validator: x', /cannot reach the issuer/],
    [
      400,
      'error validating token: error verifying token signature: failed to verify id token signature',
      /^the keys that Vault has/,
    ],
    [
      400,
      'error validating token: error verifying token signature: no known key successfully validated the token signature',
      /^the keys that Vault has/,
    ],
    [
      400,
      'error validating token: invalid algorithm (alg) header parameter: token signed with unexpected algorithm',
      /^jwt_supported_algs/,
    ],
    [400, 'error validating token: invalid expiration time (exp) claim: token is expired', /clocks/],
    [400, 'error validating token: invalid not before (nbf) claim: token not yet valid', /clocks/],
    [400, 'error validating token: invalid issued at (iat) claim: token issued in the future', /clocks/],
    [400, 'role "payments-plan" could not be found', /^there is no role payments-plan at the mount jwt2/],
    [400, 'role with oidc role_type is not allowed', /role_type = "jwt"/],
    [400, 'could not load configuration', /^the mount jwt2 is there, but not configured/],
    [403, 'permission denied', /^there is no auth method at jwt2/],
    [
      404,
      'no handler for route "auth/jwt2/login". route entry not found.',
      /^there is no namespace team1, or no mount jwt2/,
    ],
    [404, 'namespace not found', /^there is no namespace team1/],
    [405, 'unsupported operation', /does not accept sub/],
    [200, 'a second factor is asked for (login MFA)', /login MFA enforcement/],
    [200, 'the answer is wrapped, which Hallpass cannot open', /X-Vault-Wrap-TTL/],
  ])('of %i %s', (status, message, likeliest) => {
    expect(likelyCauses(`HTTP ${status}`, message, offered)[0]).toMatch(likeliest);
  });

  it('are three, filled in, whatever is said', () => {
    check(
      property(
        constantFrom('HTTP 400', 'HTTP 403', 'HTTP 404', 'HTTP 418'),
        anyText({ maxLength: 40 }),
        (code, text) => {
          const causes = likelyCauses(code, text, offered);
          expect(causes).toHaveLength(3);
          expect(causes.join()).not.toMatch(/\{\w+\}/);
        },
      ),
    );
  });

  it('name the root where there is no namespace', () => {
    const root = { ...offered, configuration: { ...configuration, namespace: null } };
    expect(likelyCauses('HTTP 403', 'permission denied', root)[1]).toContain('the root');
  });
});
