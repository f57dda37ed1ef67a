import { describe, expect, it } from 'vitest';
import { billOfMaterials, packageUrl, type BundledPackage, type Product } from './bill-of-materials.ts';

const product: Product = {
  name: 'hallpass',
  version: '1.2.3',
  description: 'identities',
  license: 'Apache-2.0',
  dependencies: ['jose', '@clack/prompts', 'not-bundled'],
};
const jose: BundledPackage = {
  name: 'jose',
  version: '6.2.17',
  license: 'MIT',
  integrity: `sha512-${Buffer.alloc(64, 0xab).toString('base64')}`,
  dependencies: [],
};
const prompts: BundledPackage = { ...jose, name: '@clack/prompts', version: '1.9.0', dependencies: ['jose', 'fs'] };
const at = new Date('2026-01-02T03:04:05Z');

function serial(packages: readonly BundledPackage[]): string {
  return (billOfMaterials(product, packages, at) as { serialNumber: string }).serialNumber;
}

describe('bill of materials', () => {
  it('lists what is bundled, with package URL, licence and hash', () => {
    expect(billOfMaterials(product, [prompts, jose], at)).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      serialNumber: expect.stringMatching(
        /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      metadata: { timestamp: '2026-01-02T03:04:05.000Z', component: { name: 'hallpass', version: '1.2.3' } },
      components: [
        { name: '@clack/prompts', purl: 'pkg:npm/%40clack/prompts@1.9.0', licenses: [{ license: { id: 'MIT' } }] },
        { name: 'jose', hashes: [{ alg: 'SHA-512', content: 'ab'.repeat(64) }] },
      ],
    });
  });

  it('says who depends on whom, among what is bundled', () => {
    expect(billOfMaterials(product, [prompts, jose], at)).toMatchObject({
      dependencies: [
        { ref: 'pkg:npm/hallpass@1.2.3', dependsOn: ['pkg:npm/%40clack/prompts@1.9.0', 'pkg:npm/jose@6.2.17'] },
        { ref: packageUrl(prompts), dependsOn: [packageUrl(jose)] },
        { ref: packageUrl(jose), dependsOn: [] },
      ],
    });
  });

  it('writes a licence that is an expression as one', () => {
    const both = { ...jose, license: '(MIT OR CC0-1.0)' };
    expect(billOfMaterials(product, [both], at)).toMatchObject({
      components: [{ licenses: [{ expression: '(MIT OR CC0-1.0)' }] }],
    });
  });

  it('gives the same serial number for the same contents, another for others', () => {
    expect(serial([jose])).toBe(serial([jose]));
    expect(serial([jose])).not.toBe(serial([prompts]));
  });

  it.each(['', 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=', 'sha512-AAAA'])(
    'refuses a package whose lock entry is %j',
    (integrity) => {
      expect(() => billOfMaterials(product, [{ ...jose, integrity }], at)).toThrow(/no SHA-512 for jose/);
    },
  );
});
