import { createHash } from 'node:crypto';

/** A package whose code is inside the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  /** SPDX expression, as its package.json has it. */
  readonly license: string;
  /** Subresource integrity from the lock file: `sha512-…`. */
  readonly integrity: string;
  /** Names of the bundled packages that it depends on. */
  readonly dependencies: readonly string[];
}

/** The program that the bill describes. */
export interface Product {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  /** Names of the bundled packages that it depends on itself. */
  readonly dependencies: readonly string[];
}

/**
 * Writes the bill of materials of what is bundled. Pure: the same packages and moment give the same bytes, serial number
 * included.
 *
 * @param at when the bundle was made; becomes `metadata.timestamp`
 * @see CycloneDX 1.6, JSON reference
 */
export function billOfMaterials(product: Product, packages: readonly BundledPackage[], at: Date): object {
  const references = new Map(packages.map((one) => [one.name, packageUrl(one)]));
  const refer = (names: readonly string[]) => names.flatMap((name) => references.get(name) ?? []).sort();
  const body = {
    metadata: {
      timestamp: at.toISOString(),
      component: { type: 'application', 'bom-ref': packageUrl(product), ...described(product) },
    },
    components: packages.map((one) => ({
      type: 'library',
      'bom-ref': packageUrl(one),
      ...described(one),
      scope: 'required',
      hashes: [{ alg: 'SHA-512', content: hexDigest(one) }],
    })),
    dependencies: [
      { ref: packageUrl(product), dependsOn: refer(product.dependencies) },
      ...packages.map((one) => ({ ref: packageUrl(one), dependsOn: refer(one.dependencies) })),
    ],
  };
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(body))}`,
    version: 1,
    ...body,
  };
}

/** The parts that product and packages are described by alike. */
function described(one: Product | BundledPackage): object {
  return {
    name: one.name,
    version: one.version,
    ...(one.description === undefined ? {} : { description: one.description }),
    licenses: [/[ ()]/.test(one.license) ? { expression: one.license } : { license: { id: one.license } }],
    purl: packageUrl(one),
  };
}

/** The package URL of an npm package; the scope's `@` is percent-encoded (purl specification, type npm). */
export function packageUrl({ name, version }: { readonly name: string; readonly version: string }): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function hexDigest({ name, integrity }: BundledPackage): string {
  const match = /^sha512-([A-Za-z0-9+/]+=*)$/.exec(integrity);
  const digest = Buffer.from(match?.[1] ?? '', 'base64');
  if (digest.length !== 64) throw new Error(`the lock file has no SHA-512 for ${name}`);
  return digest.toString('hex');
}

/** A UUID of version 8 (RFC 9562 section 5.8) made from a SHA-256 of the contents. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
