import { randomUUID } from 'node:crypto';
import { compactVerify, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JsonObject } from '../../domain/json.ts';
import type { AzureApplication } from './config.ts';

/** What an access token of the stand-in says. */
export interface AccessClaims {
  readonly audience: string;
  readonly application: AzureApplication;
  readonly expiresAt: Date;
}

/** Why an access token does not count. */
export type AccessFault = 'invalid' | 'expired';

/** Access tokens, signed with a key that ends with the stand-in. */
export interface AccessTokens {
  issue(claims: AccessClaims, at: Date): Promise<string>;
  read(
    token: string,
    at: Date,
  ): Promise<AccessClaims | { readonly fault: AccessFault; readonly expiresAt: Date | null }>;
  /** The public key, as the discovery document points to it. */
  publicKey(): Promise<JsonObject>;
}

/** Opens the tenant's key when it is first needed. */
export function openAccessTokens(tenant: string, applications: readonly AzureApplication[]): AccessTokens {
  const issuer = `https://sts.windows.net/${tenant}/`;
  const kid = randomUUID().replaceAll('-', '');
  let opened: ReturnType<typeof generateKeyPair> | null = null;
  const keys = () => (opened ??= generateKeyPair('RS256'));
  return {
    async issue({ audience, application, expiresAt }, at) {
      const { privateKey } = await keys();
      const issuedAt = Math.floor(at.getTime() / 1000);
      return new SignJWT({
        aud: audience,
        iss: issuer,
        iat: issuedAt,
        nbf: issuedAt,
        exp: Math.floor(expiresAt.getTime() / 1000),
        appid: application.clientId,
        // The caller proved itself with an assertion.
        appidacr: '2',
        idp: issuer,
        idtyp: 'app',
        oid: application.objectId,
        sub: application.objectId,
        tid: tenant,
        uti: randomUUID(),
        ver: '1.0',
      })
        .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid })
        .sign(privateKey);
    },
    async read(token, at) {
      const { publicKey } = await keys();
      try {
        // The time is judged by the stand-in's own clock.
        const { payload } = await compactVerify(token, publicKey, { algorithms: ['RS256'] });
        const claims = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<Record<string, unknown>>;
        const application = applications.find(({ clientId }) => clientId === claims['appid']);
        const { aud, exp } = claims;
        if (application === undefined || typeof aud !== 'string' || typeof exp !== 'number')
          return { fault: 'invalid', expiresAt: null };
        const expiresAt = new Date(exp * 1000);
        return expiresAt <= at ? { fault: 'expired', expiresAt } : { audience: aud, application, expiresAt };
      } catch {
        return { fault: 'invalid', expiresAt: null };
      }
    },
    async publicKey() {
      const { publicKey } = await keys();
      const { kty = 'RSA', n = '', e = '' } = await exportJWK(publicKey);
      return { kty, n, e, use: 'sig', kid };
    },
  };
}
