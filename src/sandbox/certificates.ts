import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { platformSuffix } from './host-pattern.ts';

/** The CA of one sandbox. Its key is made here, cannot be exported, is never written, and ends with the process. */
export interface CertificateAuthority {
  /** The certificate in PEM, for clients to trust. */
  readonly pem: string;
  readonly expiresAt: Date;
  /** What a TLS server needs to be these names; made when first asked for. */
  certificateFor(...names: readonly string[]): Promise<ServerCertificate>;
}

/** Both in PEM, as `node:tls` takes them. The key is in memory only. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

/** Names under which every stand-in is reached. */
export const loopbackNames = ['localhost', '127.0.0.1', '::1'] as const;

const lifeMilliseconds = 24 * 60 * 60 * 1000;
/** Clocks in containers and virtual machines lag a little. */
const earlyMilliseconds = 5 * 60 * 1000;
const mostCertificates = 200;

const signing = { name: 'ECDSA', hash: 'SHA-256' } as const;
const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/**
 * Makes a CA on P-256 that is valid for a day in all and constrained to loopback and the given hosts: whoever came to
 * trust it for good would trust it for nothing else.
 *
 * @param options.hosts  names of platforms, `*` for one label; a name with `*` constrains to what follows the last one
 * @param options.at     the real time, since clients compare it with theirs
 * @see RFC 5280 section 4.2.1.10 (name constraints)
 */
export async function openCertificateAuthority(options: {
  readonly hosts: readonly string[];
  readonly at: Date;
}): Promise<CertificateAuthority> {
  // The library asks for its polyfill to be there before it loads; neither is wanted where nothing is served over TLS.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const { subtle } = globalThis.crypto;
  const keys = await subtle.generateKey(curve, false, ['sign', 'verify']);
  // X.509 knows whole seconds only.
  const notBefore = new Date(Math.floor((options.at.getTime() - earlyMilliseconds) / 1000) * 1000);
  const notAfter = new Date(notBefore.getTime() + lifeMilliseconds);
  // Nobody shall take the CA of one start for that of another.
  const name = `CN=Hallpass sandbox, OU=${randomBytes(8).toString('hex')}`;
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name,
    notBefore,
    notAfter,
    signingAlgorithm: signing,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      new x509.Extension('2.5.29.30', true, nameConstraints([...loopbackNames, ...options.hosts.map(platformSuffix)])),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const leafKeys = await subtle.generateKey(curve, true, ['sign', 'verify']);
  const leafKey = pem('PRIVATE KEY', await subtle.exportKey('pkcs8', leafKeys.privateKey));
  const caKeyIdentifier = await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey);

  async function issue(names: readonly string[]): Promise<ServerCertificate> {
    const leaf = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: 'O=Hallpass sandbox',
      issuer: ca.subjectName,
      notBefore,
      notAfter,
      signingAlgorithm: signing,
      publicKey: leafKeys.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
        ),
        caKeyIdentifier,
      ],
    });
    return { key: leafKey, cert: leaf.toString('pem') };
  }

  const certificates = new Map<string, Promise<ServerCertificate>>();
  return {
    pem: `${ca.toString('pem').trim()}\n`,
    expiresAt: notAfter,
    certificateFor(...names) {
      const known = certificates.get(names.join());
      if (known) return known;
      // A name with "*" stands for as many hosts as a client can think of.
      if (certificates.size >= mostCertificates) certificates.delete(certificates.keys().next().value!);
      const made = issue(names);
      certificates.set(names.join(), made);
      return made;
    },
  };
}

function pem(label: string, der: ArrayBuffer): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** 127 random bits, positive (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** NameConstraints with permitted subtrees only, in DER: the library has no type for it. */
function nameConstraints(names: readonly string[]): Uint8Array<ArrayBuffer> {
  const subtrees = [...new Set(names)].map((name) => {
    const family = isIP(name);
    const base = family === 0 ? encoded(0x82, Buffer.from(name, 'ascii')) : encoded(0x87, addressAndMask(name, family));
    return encoded(0x30, base);
  });
  return new Uint8Array(encoded(0x30, encoded(0xa0, Buffer.concat(subtrees))));
}

/** One address only: every bit of the mask is set. */
function addressAndMask(address: string, family: number): Buffer {
  const bytes =
    family === 4 ? Buffer.from(address.split('.').map(Number)) : Buffer.concat([Buffer.alloc(15), Buffer.from([1])]);
  return Buffer.concat([bytes, Buffer.alloc(bytes.length, 0xff)]);
}

function encoded(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
