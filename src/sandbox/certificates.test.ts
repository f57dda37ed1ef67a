import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { isIP, type AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loopbackNames, openCertificateAuthority, type CertificateAuthority } from './certificates.ts';

const at = new Date();
const hosts = ['sts.amazonaws.com', 'sts.*.amazonaws.com', 'login.microsoftonline.com'];
const open = (): Promise<CertificateAuthority> => openCertificateAuthority({ hosts, at });

/** What a client that trusts the CA, and nobody else, says of a server that claims to be these names. */
async function judge(authority: CertificateAuthority, names: readonly string[], asks: string): Promise<string> {
  const server = createServer(await authority.certificateFor(...names)).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // A name is asked for by SNI; an address cannot be, so it is dialled.
  const name = isIP(asks) === 0 ? { servername: asks } : {};
  const socket = connect({ port, host: '127.0.0.1', ca: authority.pem, ...name });
  try {
    await once(socket, 'secureConnect');
    return 'trusted';
  } catch (error) {
    return (error as Error).message;
  } finally {
    socket.destroy();
  }
}

describe('the CA', () => {
  it('lives a day in all, by the time that it was given', async () => {
    const authority = await open();
    const certificate = new X509Certificate(authority.pem);
    expect(certificate.ca).toBe(true);
    expect(certificate.validToDate.getTime() - certificate.validFromDate.getTime()).toBe(24 * 3600 * 1000);
    expect(certificate.validFromDate.getTime()).toBeLessThanOrEqual(at.getTime());
    expect(authority.expiresAt).toEqual(certificate.validToDate);
  });

  it('is on P-256, and never the same twice', async () => {
    const [one, other] = (await Promise.all([open(), open()])).map(({ pem }) => new X509Certificate(pem));
    expect(one!.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(one!.serialNumber).not.toBe(other!.serialNumber);
    expect(one!.subject).not.toBe(other!.subject);
    expect(one!.fingerprint256).not.toBe(other!.fingerprint256);
  });

  it('hands out its certificate only, no key', async () => {
    const { pem } = await open();
    expect(pem.match(/-----BEGIN [A-Z ]+-----/g)).toEqual(['-----BEGIN CERTIFICATE-----']);
  });
});

describe('a certificate of the CA', () => {
  it.each(['localhost', '127.0.0.1'])('is trusted for %s', async (name) => {
    expect(await judge(await open(), loopbackNames, name)).toBe('trusted');
  });

  it.each(['sts.amazonaws.com', 'sts.eu-west-1.amazonaws.com', 'login.microsoftonline.com'])(
    'is trusted for %s, which a stand-in plays',
    async (name) => {
      expect(await judge(await open(), [name], name)).toBe('trusted');
    },
  );

  it.each(['example.com', 'microsoftonline.com', 'notamazonaws.com', 'amazonaws.com.example'])(
    'is refused for %s, to which the CA is not constrained',
    async (name) => {
      expect(await judge(await open(), [name], name)).toBe('permitted subtree violation');
    },
  );

  it('is refused for another address than loopback', async () => {
    expect(await judge(await open(), ['localhost', '127.0.0.2'], 'localhost')).toBe('permitted subtree violation');
  });

  it('is refused under a name that it was not made for', async () => {
    expect(await judge(await open(), ['sts.amazonaws.com'], 'login.microsoftonline.com')).toEqual(
      expect.stringContaining("does not match certificate's altnames"),
    );
  });

  it('is refused by whoever trusts another sandbox', async () => {
    const [one, other] = await Promise.all([open(), open()]);
    expect(await judge({ ...one, pem: other.pem }, loopbackNames, 'localhost')).toMatch(
      /^unable to verify the first certificate/,
    );
  });

  it('cannot be a CA itself', async () => {
    const { cert } = await (await open()).certificateFor('localhost');
    expect(new X509Certificate(cert).ca).toBe(false);
  });

  it('is made once for the same names, and a flood of names does not pile up', async () => {
    const authority = await open();
    const first = await authority.certificateFor('sts.amazonaws.com');
    expect(await authority.certificateFor('sts.amazonaws.com')).toBe(first);
    for (let count = 0; count < 201; count += 1) await authority.certificateFor(`sts.r${count}.amazonaws.com`);
    expect(await authority.certificateFor('sts.amazonaws.com')).not.toBe(first);
  });
});
