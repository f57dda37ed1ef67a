import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HttpCall } from '../http-call.ts';
import {
  canonicalRequest,
  isFault,
  readSignature,
  signatureOf,
  verifySignature,
  type StatedSignature,
} from './sigv4.ts';

interface Vectors {
  readonly secret_access_key: string;
  readonly at: string;
  readonly vectors: readonly {
    readonly name: string;
    readonly header: string;
    readonly canonical: string;
    readonly query: string;
  }[];
}

const published = JSON.parse(
  readFileSync(new URL('../../../test/vectors/aws-sigv4.json', import.meta.url), 'utf8'),
) as Vectors;
const publishedAt = new Date(published.at);
// These send the session token beside the signature, which other services allow; here all x-amz- headers must be signed.
const tokenAfterSigning: Readonly<Record<string, { readonly header: string; readonly query: string }>> = {
  'post-sts-header-after': { header: "'x-amz-security-token' must be", query: 'does not match the signature' },
};

/** A request as the vectors write it: not quite HTTP, since paths are raw and headers may go over several lines. */
function parseVector(text: string): HttpCall {
  const [head, body = ''] = text.split('\n\n', 2) as [string, string?];
  const [requestLine, ...lines] = head.replace(/\n +/g, ' ').split('\n') as [string, ...string[]];
  const [, method, target] = /^(\S+) (.*) HTTP\/1\.1$/.exec(requestLine)!;
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const at = line.indexOf(':');
    const name = line.slice(0, at).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(at + 1)]);
  }
  const [path, query = ''] = target!.split('?', 2) as [string, string?];
  return { method: method!, path, query, headers, body: Buffer.from(body), remoteAddress: '127.0.0.1' };
}

function stated(call: HttpCall): StatedSignature {
  const read = readSignature(call);
  if (isFault(read)) throw new Error(read.message);
  return read;
}

describe('the published test suite', () => {
  for (const vector of published.vectors) {
    it(`verifies ${vector.name} with the signature in the header`, () => {
      const call = parseVector(vector.header);
      expect(canonicalRequest(call, stated(call).signedHeaders)).toBe(vector.canonical);
      const fault = verifySignature(call, stated(call), published.secret_access_key, publishedAt);
      expect(fault?.message ?? '').toContain(tokenAfterSigning[vector.name]?.header ?? '');
      expect(fault === null).toBe(!(vector.name in tokenAfterSigning));
    });

    it(`verifies ${vector.name} with the signature in the query`, () => {
      const call = parseVector(vector.query);
      const fault = verifySignature(call, stated(call), published.secret_access_key, publishedAt);
      expect(fault?.message ?? '').toContain(tokenAfterSigning[vector.name]?.query ?? '');
      expect(fault === null).toBe(!(vector.name in tokenAfterSigning));
    });
  }
});

describe('verifying a signature', () => {
  const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
  const plain: HttpCall = {
    method: 'POST',
    path: '/',
    query: '',
    headers: new Map([
      ['host', ['sts.example.com']],
      ['x-amz-date', ['20261121T120000Z']],
      ['content-type', ['application/x-www-form-urlencoded']],
    ]),
    body: Buffer.from('Action=GetCallerIdentity&Version=2011-06-15'),
    remoteAddress: '127.0.0.1',
  };
  const scope = { date: '20261121', region: 'us-east-1', service: 'sts', timestamp: '20261121T120000Z' };
  const now = new Date('2026-11-21T12:00:00Z');

  function sign(
    call: HttpCall,
    more: Partial<typeof scope> = {},
    signedHeaders = ['content-type', 'host', 'x-amz-date'],
  ): HttpCall {
    const parts = { ...scope, ...more, signedHeaders };
    const credential = `ASIAEXAMPLE/${parts.date}/${parts.region}/${parts.service}/aws4_request`;
    const signature = signatureOf(call, parts, secret);
    const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
    return { ...call, headers: new Map([...call.headers, ['authorization', [authorization]]]) };
  }

  const verify = (call: HttpCall, time = now, key = secret) => verifySignature(call, stated(call), key, time);

  it('accepts a sound request', () => {
    expect(verify(sign(plain))).toBeNull();
  });

  it('accepts it up to 15 minutes to either side, and no further', () => {
    const signed = sign(plain);
    expect(verify(signed, new Date('2026-11-21T12:15:00Z'))).toBeNull();
    expect(verify(signed, new Date('2026-11-21T11:45:00Z'))).toBeNull();
    expect(verify(signed, new Date('2026-11-21T12:15:01Z'))).toEqual({
      kind: 'expired',
      message: 'Signature expired: 20261121T120000Z is now earlier than 20261121T120001Z (20261121T121501Z - 15 min.)',
    });
    expect(verify(signed, new Date('2026-11-21T11:44:59Z'))?.message).toContain('Signature not yet current');
  });

  const changes: Record<string, (call: HttpCall) => HttpCall> = {
    'the body changed': (call) => ({ ...call, body: Buffer.from('Action=GetCallerIdentity&Version=2011-06-16') }),
    'the method changed': (call) => ({ ...call, method: 'PUT' }),
    'the path changed': (call) => ({ ...call, path: '/x' }),
    'a query parameter was added': (call) => ({ ...call, query: 'a=b' }),
    'a signed header changed': (call) => ({
      ...call,
      headers: new Map([...call.headers, ['host', ['evil.example.com']]]),
    }),
    'a header got a second value': (call) => ({
      ...call,
      headers: new Map([...call.headers, ['host', ['sts.example.com', 'x']]]),
    }),
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`refuses it when ${what}`, () => {
      expect(verify(change(sign(plain)))?.kind).toBe('mismatch');
    });
  }

  it('refuses another secret key', () => {
    expect(verify(sign(plain), now, `${secret}x`)?.message).toContain('does not match the signature you provided');
  });

  it('refuses an x-amz- header that is not signed', () => {
    const signed = sign(plain);
    const call = { ...signed, headers: new Map([...signed.headers, ['x-amz-target', ['AmazonSSM.PutParameter']]]) };
    expect(verify(call)?.message).toBe("'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.");
  });

  it('refuses a signature that does not cover the host', () => {
    expect(verify(sign(plain, {}, ['content-type', 'x-amz-date']))?.message).toContain("'host' must be");
  });

  it('refuses a date in the scope that differs from X-Amz-Date', () => {
    const read = readSignature(sign(plain, { date: '20261120' }));
    expect(isFault(read) && read.message).toContain("'20261120' != '20261121'");
  });

  it('covers an empty body as well as a full one', () => {
    const empty = sign({ ...plain, body: Buffer.alloc(0) });
    expect(verify(empty)).toBeNull();
    expect(verify({ ...empty, body: Buffer.from('x') })?.kind).toBe('mismatch');
  });

  const malformed: Record<string, [string, string]> = {
    'no Signature': [
      'AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/sts/aws4_request, SignedHeaders=host',
      'missing: signature',
    ],
    'no Credential': ['AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00', 'missing: credential'],
    'a credential without region': [
      'AWS4-HMAC-SHA256 Credential=A/20261121/sts/aws4_request, SignedHeaders=host, Signature=00',
      'Credential must be',
    ],
    'a credential with more parts': [
      'AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/sts/aws4_request/x, SignedHeaders=host, Signature=00',
      'Credential must be',
    ],
    'another algorithm': [
      'AWS4-ECDSA-P256-SHA256 Credential=A/20261121/sts/aws4_request, SignedHeaders=host, Signature=00',
      'only AWS4-HMAC-SHA256',
    ],
    'a bearer token': ['Bearer abc', 'only AWS4-HMAC-SHA256'],
    'signed headers in upper case': [
      'AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/sts/aws4_request, SignedHeaders=Host, Signature=00',
      'lower-case',
    ],
  };
  for (const [what, [authorization, message]] of Object.entries(malformed)) {
    it(`refuses ${what}, without showing the header`, () => {
      const read = readSignature({
        ...plain,
        headers: new Map([...plain.headers, ['authorization', [authorization]]]),
      });
      expect(isFault(read) && read.message).toContain(message);
    });
  }

  it('refuses a request without any signature', () => {
    expect(readSignature(plain)).toEqual({ kind: 'missing', message: 'Request is missing Authentication Token' });
  });

  it('refuses a presigned query after its own time', () => {
    const call = {
      ...plain,
      query:
        'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261121%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20261121T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00',
      headers: new Map([['host', ['sts.example.com']]]),
    };
    expect(verify(call, new Date('2026-11-21T12:01:01Z'))?.kind).toBe('expired');
    expect(verify(call, new Date('2026-11-21T12:01:00Z'))?.kind).toBe('mismatch');
  });

  it('refuses a presigned query that would hold for longer than a week', () => {
    const read = readSignature({
      ...plain,
      query: 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=604801&X-Amz-Signature=00',
    });
    expect(isFault(read) && read.message).toContain('604800');
  });

  it('never throws on whatever stands in the header or the query', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (authorization, query) => {
        const call = { ...plain, query, headers: new Map([...plain.headers, ['authorization', [authorization]]]) };
        const read = readSignature(call);
        expect(isFault(read) ? read : verifySignature(call, read, secret, now)).not.toBeNull();
      }),
    );
  });

  it('tells any two bodies apart', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (signedBody, sentBody) => {
        const signed = sign({ ...plain, body: Buffer.from(signedBody) });
        const holds = verify({ ...signed, body: Buffer.from(sentBody) }) === null;
        expect(holds).toBe(Buffer.from(signedBody).equals(Buffer.from(sentBody)));
      }),
    );
  });
});
