import { assert as check, constantFrom, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64, certificateA, certificateB } from '../../../test/support/certificates.ts';
import { variableReader } from '../variables.ts';
import { configureVault, roleUrl, vaultVariables, type VaultConfiguration } from './configure.ts';

function configured(values: Readonly<Record<string, string>>): VaultConfiguration {
  const all = { ADDR: 'https://vault.example.com', RUN_ROLE: 'plan', ...values };
  const variables = new Map(Object.entries(all).map(([name, value]) => [`TFC_VAULT_${name}`, value]));
  return configureVault(variableReader(vaultVariables, variables, { tag: null, phase: 'plan', workspace: 'w' }));
}

describe('configureVault', () => {
  it('fills in what HCP Terraform fills in', () => {
    expect(configured({})).toEqual({
      address: 'https://vault.example.com',
      namespace: null,
      ca: null,
      authPath: 'jwt',
      role: 'plan',
      audience: 'vault.workload.identity',
      timeoutSeconds: 60,
    });
  });

  it.each([
    ['ADDR', 'https://vault.example.com/', 'address', 'https://vault.example.com'],
    ['ADDR', 'HTTP://[::1]:8200', 'address', 'HTTP://[::1]:8200'],
    ['ADDR', 'https://example.com/vault//', 'address', 'https://example.com/vault'],
    ['NAMESPACE', 'admin/team1/', 'namespace', 'admin/team1'],
    ['NAMESPACE', '/team1', 'namespace', 'team1'],
    ['AUTH_PATH', '/jwt/', 'authPath', 'jwt'],
    ['AUTH_PATH', 'hallpass/prod', 'authPath', 'hallpass/prod'],
    ['AUTH_PATH', 'author', 'authPath', 'author'],
    ['CLIENT_TIMEOUT', '0007', 'timeoutSeconds', 7],
    ['CLIENT_TIMEOUT', '3600', 'timeoutSeconds', 3600],
    ['ENCODED_CACERT', base64(certificateA), 'ca', certificateA],
    ['ENCODED_CACERT', base64(certificateA).replace(/.{76}/g, '$&\n'), 'ca', certificateA],
    ['ENCODED_CACERT', base64(`# ours\r\n${certificateA}\n# and\n${certificateB}`), 'ca', certificateA + certificateB],
  ] as const)('takes %s = %j', (name, value, member, expected) => {
    expect(configured({ [name]: value })[member]).toBe(expected);
  });

  it('never shows a password that stands in the address', () => {
    expect(() => configured({ ADDR: 'https://me:hunter22@vault.example.com' })).toThrow(/^(?!.*hunter22).*password/);
  });

  it('makes an address that leads where it says, whatever stands in it', () => {
    const part = string({ unit: constantFrom(...'a1-._~/?#@:%\\[] \n'), maxLength: 12 });
    check(
      property(part, part, (host, path) => {
        let given: VaultConfiguration;
        try {
          given = configured({ ADDR: `https://${host}`, AUTH_PATH: path });
        } catch {
          return;
        }
        const url = new URL(`${given.address}/v1/auth/${given.authPath}/login`);
        expect([url.username, url.password, url.search, url.hash]).toEqual(['', '', '', '']);
        expect(url.origin).toBe(new URL(`https://${host}`).origin);
        expect(url.pathname.endsWith(`/v1/auth/${given.authPath}/login`)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('roleUrl', () => {
  it('is the path at which Vault keeps the role', () => {
    expect(roleUrl(configured({ NAMESPACE: 'a/b', AUTH_PATH: 'x/y' }))).toBe(
      'https://vault.example.com/v1/a/b/auth/x/y/role/plan',
    );
    expect(roleUrl(configured({}))).toBe('https://vault.example.com/v1/auth/jwt/role/plan');
  });
});
