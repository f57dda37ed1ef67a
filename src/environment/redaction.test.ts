import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactionMark, Redactor, SecretList } from './redaction.ts';
import { formsOf } from './secret-forms.ts';

const secret = 'hunter2-and-more';

function listOf(...values: readonly string[]): SecretList {
  const list = new SecretList();
  for (const value of values) list.add(value);
  return list;
}

function minute(count: number): Date {
  return new Date(count * 60_000);
}

function redacted(list: SecretList, ...chunks: readonly string[]): string {
  const redactor = new Redactor(list);
  const parts = chunks.map((chunk) => redactor.write(Buffer.from(chunk)));
  return Buffer.concat([...parts, redactor.end()]).toString();
}

/** All bytes that belong to any occurrence of any form, run by run, replaced: slow, and plainly right. */
function naive(values: readonly string[], text: Buffer): string {
  const covered = new Uint8Array(text.length);
  for (const form of values.filter((value) => [...value].length >= 8).flatMap(formsOf)) {
    for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) covered.fill(1, at, at + form.length);
  }
  const parts: Buffer[] = [];
  for (let index = 0; index < text.length; index += 1) {
    if (!covered[index]) parts.push(text.subarray(index, index + 1));
    else if (index === 0 || !covered[index - 1]) parts.push(Buffer.from(redactionMark));
  }
  return Buffer.concat(parts).toString('latin1');
}

describe('redaction', () => {
  it.each([
    ['as it is', secret],
    ['in the middle of a word', `x${secret}y`],
    ['twice in a row', secret + secret],
    ['JSON-escaped', JSON.stringify(secret).slice(1, -1)],
    ['as hex', Buffer.from(secret).toString('hex')],
    ['as upper-case hex', Buffer.from(secret).toString('hex').toUpperCase()],
    ['as base64', Buffer.from(secret).toString('base64').replace(/=+$/, '')],
  ])('hides a value %s', (_, text) => {
    const out = redacted(listOf(secret), `a ${text} b`);
    expect(out).toMatch(/^a x?\[redacted\].{0,2} b$/);
  });

  it.each(['', 'a', 'ab', 'abc', 'abcd'])('hides base64 of a text in which the value stands after %j', (prefix) => {
    const encoded = Buffer.from(`${prefix}${secret}tail`).toString('base64');
    const out = redacted(listOf(secret), encoded);
    expect(out).toContain(redactionMark);
    for (let at = 0; at + 8 <= secret.length; at += 1) {
      for (const decoded of decodings(out)) expect(decoded).not.toContain(secret.slice(at, at + 8));
    }
  });

  it.each([76, 64])('hides base64 in lines of %i characters, as programs write it', (width) => {
    const token = `eyJhbGciOiJSUzI1NiJ9.${'Zk5uNq8xTg2sVbWe'.repeat(12)}.c2ln`;
    const encoded = Buffer.from(`${token}\n`).toString('base64');
    const lines = encoded.replace(new RegExp(`.{${width}}`, 'g'), '$&\n');
    expect(redacted(listOf(token), `before ${lines} after`)).toMatch(/^before \[redacted\].{0,4}\s+after$/);
  });

  it('hides the URL-safe alphabet of base64 too', () => {
    const odd = 'ÿþý?>>>~~~ÿÿÿ';
    expect(redacted(listOf(odd), Buffer.from(odd).toString('base64url'))).not.toContain(
      Buffer.from(odd).toString('base64url').slice(2, -2),
    );
  });

  it.each([
    ['quotes and lines in JSON', 'pass"word\n<next>', JSON.stringify('pass"word\n<next>')],
    ["Go's JSON", 'pass<word>&more', '"pass\\u003cword\\u003e\\u0026more"'],
    ['JSON in ASCII', 'pässwörter', '"p\\u00e4ssw\\u00f6rter"'],
    ['a URL', 'pass word/+&=', encodeURIComponent('pass word/+&=')],
    ['a form', 'pass word/+&=', 'pass+word%2F%2B%26%3D'],
    ['lower-case escapes', 'pass/word+++', 'pass%2fword%2b%2b%2b'],
    ['HCL', 'pass${word}more', '"pass$${word}more"'],
  ])('hides a value in %s', (_, value, text) => {
    expect(redacted(listOf(value), text)).toContain(redactionMark);
    expect(redacted(listOf(value), text)).not.toContain('word');
  });

  it('hides each line of a value of several lines', () => {
    const key = '-----BEGIN KEY-----\r\nMIIEvQIBADANBgkq\n  hkiG9w0BAQEFAASC\n-----END KEY-----\n';
    const out = redacted(listOf(key), 'see: hkiG9w0BAQEFAASC, then MIIEvQIBADANBgkq');
    expect(out).toBe('see: [redacted], then [redacted]');
  });

  it('forgets what has ended, and nothing else', () => {
    const list = listOf(secret);
    list.add('token-that-ends', minute(10));
    list.add('token-that-lasts', minute(20));
    list.add('token-told-twice', minute(10));
    list.add('token-told-twice', minute(20));
    const all = `${secret} token-that-ends token-that-lasts token-told-twice`;
    const mark = redactionMark;
    list.forgetEnded(minute(9));
    expect(redacted(list, all)).toBe([mark, mark, mark, mark].join(' '));
    list.forgetEnded(minute(10));
    expect(redacted(list, all)).toBe([mark, 'token-that-ends', mark, mark].join(' '));
    list.forgetEnded(minute(1e6));
    expect(redacted(list, all)).toBe(`${mark} token-that-ends token-that-lasts token-told-twice`);
  });

  it('leaves a value of one character alone', () => {
    const list = new SecretList();
    expect(list.add('e')).toBe(false);
    expect(redacted(list, 'nevertheless')).toBe('nevertheless');
  });

  it('leaves values under 8 characters alone, and says so', () => {
    expect(new SecretList().add('1234567')).toBe(false);
    expect(new SecretList().add('12345678')).toBe(true);
  });

  it('has nothing to say of an empty value', () => {
    expect(new SecretList().add('')).toBe(true);
  });

  it('leaves lines under 8 characters of a longer value alone', () => {
    expect(redacted(listOf('{\n  "private_key": "abcdefgh"\n}'), 'f() {\n}\n')).toBe('f() {\n}\n');
  });

  it('lets text pass at once that cannot begin a secret', () => {
    const redactor = new Redactor(listOf(secret));
    expect(redactor.write(Buffer.from('Enter a value: ')).toString()).toBe('Enter a value: ');
  });

  it('holds back exactly what may begin a secret, and gives it out when it does not', () => {
    const redactor = new Redactor(listOf(secret));
    expect(redactor.write(Buffer.from('see hunter')).toString()).toBe('see ');
    expect(redactor.write(Buffer.from('s and')).toString()).toBe('hunters and');
  });

  it('hides a secret that comes in single bytes', () => {
    expect(redacted(listOf(secret), ...`a ${secret} b`)).toBe('a [redacted] b');
  });

  it('gives out at the end what only began like a secret', () => {
    expect(redacted(listOf(secret), 'hunter2-and')).toBe('hunter2-and');
  });

  it('starts anew after an end: the next command does not continue a secret', () => {
    const redactor = new Redactor(listOf(secret));
    redactor.write(Buffer.from('hunter2-'));
    expect(redactor.end().toString()).toBe('hunter2-');
    expect(redactor.write(Buffer.from('and-more ')).toString()).toBe('and-more ');
  });

  it('writes one mark for secrets that overlap', () => {
    expect(redacted(listOf('abcdefghij', 'ghijklmnop'), '<abcdefghijklmnop>')).toBe('<[redacted]>');
  });

  it('finds a secret that is the tail of another that did not come', () => {
    expect(redacted(listOf('xxabcdefgh-never', 'abcdefgh'), 'xxabcdefgh!')).toBe('xx[redacted]!');
  });

  it('hides a secret that was added while its beginning was held back', () => {
    const list = listOf(secret);
    const redactor = new Redactor(list);
    const first = redactor.write(Buffer.from('hunter2-'));
    list.add('hunter2-renewed');
    const rest = redactor.write(Buffer.from('renewed!'));
    expect(Buffer.concat([first, rest, redactor.end()]).toString()).toBe('[redacted]!');
  });

  it('keeps bytes that are no text', () => {
    const bytes = Buffer.from([0, 255, 254, 128, 10, 13, 0]);
    expect(new Redactor(listOf(secret)).write(bytes)).toEqual(bytes);
  });

  it('does not fail on a value with half a surrogate pair', () => {
    expect(redacted(listOf('half \ud800 a pair'), 'x')).toBe('x');
  });

  it('does as a naive search does, however the text is cut', () => {
    const letters = fc.constantFrom(...'ab01');
    const word = fc.string({ unit: letters, minLength: 6, maxLength: 12 });
    const values = fc.array(word, { minLength: 1, maxLength: 4 });
    const property = fc.property(
      values,
      fc.array(fc.nat(3), { maxLength: 12 }),
      fc.array(word),
      fc.array(fc.nat(9)),
      (all, picks, noise, cuts) => {
        const pieces = picks.map((pick, index) => (all[pick] ?? '') + (noise[index] ?? ''));
        const forms = all.flatMap(formsOf).map(String);
        const text = Buffer.from([...pieces, ...forms.slice(0, 6), ...noise].join(''));
        const redactor = new Redactor(listOf(...all));
        const parts: Buffer[] = [];
        let at = 0;
        for (const cut of [...cuts, text.length]) {
          parts.push(Buffer.from(redactor.write(text.subarray(at, at + cut))));
          at = Math.min(text.length, at + cut);
        }
        parts.push(redactor.end());
        expect(Buffer.concat(parts).toString('latin1')).toBe(naive(all, text));
      },
    );
    fc.assert(property, { numRuns: 400 });
  });

  it('never holds back more than the longest form', () => {
    const list = listOf(secret);
    const longest = Math.max(...formsOf(secret).map((form) => form.length));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const out = new Redactor(list).write(bytes);
        expect(bytes.length - out.length).toBeLessThan(longest);
      }),
    );
  });
});

function decodings(text: string): string[] {
  const runs = text.split(redactionMark);
  return runs.flatMap((run) =>
    [0, 1, 2, 3].map((offset) => Buffer.from('A'.repeat(offset) + run, 'base64').toString('latin1')),
  );
}
