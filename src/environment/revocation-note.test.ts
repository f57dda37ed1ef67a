import * as fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { leaseOf } from '../../test/support/phase.ts';
import { leaseRecord } from '../audit/event-members.ts';
import { Secret } from '../domain/secret.ts';
import { openNote, readNote, sealNote, type RevocationFacts } from './revocation-note.ts';

const facts: RevocationFacts = {
  version: 1,
  platform: 'vault',
  tag: null,
  offered: 'https://vault.example.com:8200 role plan',
  expiresAt: '2026-05-03T15:02:00.000Z',
  createdAt: '2026-05-03T14:02:00.000Z',
  key: 'ab'.repeat(16),
  by: leaseRecord(leaseOf('payments-prod')),
};
const key = randomBytes(32);
const sealed = sealNote(facts, new Secret('{"token":"hvs.secret"}'), key);
const opened = (text: string, by = key): string | null => {
  const note = readNote(text);
  return note === null ? null : (openNote(note, by)?.reveal() ?? null);
};
const changed = (change: Record<string, unknown>): string => JSON.stringify({ ...JSON.parse(sealed), ...change });

describe('a revocation note', () => {
  it('gives back what was sealed, with its facts', () => {
    expect(opened(sealed)).toBe('{"token":"hvs.secret"}');
    expect(readNote(sealed)?.facts).toEqual(facts);
    expect(sealed).not.toContain('hvs');
  });

  it('is another one each time', () => {
    expect(sealNote(facts, new Secret('x'), key)).not.toBe(sealNote(facts, new Secret('x'), key));
  });

  it('holds any text', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (text) => {
        expect(opened(sealNote(facts, new Secret(text), key))).toBe(Buffer.from(text).toString());
      }),
    );
  });

  it('is not opened by another key', () => {
    expect(opened(sealed, randomBytes(32))).toBeNull();
    expect(opened(sealed, randomBytes(16))).toBeNull();
    expect(opened(sealed, Buffer.alloc(0))).toBeNull();
  });

  it.each<[string, Partial<Record<string, unknown>>]>([
    ['platform', { platform: 'lease' }],
    ['tag', { tag: 'PROD' }],
    ['role', { offered: null }],
    ['expiry', { expiresAt: null }],
    ['expiry, by a second', { expiresAt: '2026-05-03T15:02:01.000Z' }],
    ['birth', { createdAt: '2026-05-03T14:02:01.000Z' }],
    ['key', { key: 'cd'.repeat(16) }],
    ['lease', { by: { ...facts.by, lease: 'lease-2' } }],
    ['workload', { by: leaseRecord(leaseOf('other')) }],
    ['members', { more: 1 }],
  ])('is not opened with another %s', (_name, change) => {
    expect(opened(JSON.stringify({ ...JSON.parse(sealed), ...change }))).toBeNull();
  });

  it('is not opened when any character of it was changed to a digit', () => {
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.constantFrom('0', '7', 'Z'), (at, character) => {
        fc.pre(sealed[at] !== character);
        const text = sealed.slice(0, at) + character + sealed.slice(at + 1);
        // The last character of base64 before its padding holds bits that nobody reads.
        fc.pre(!/^=*"\}$/.test(sealed.slice(at + 1)));
        expect(opened(text)).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  const members = [...Object.keys(facts), 'sealed'];

  it.each<[string, string]>([
    ...['', 'null', '[]', '"text"', '{}', '{"sealed":"AAAA"}'].map((text): [string, string] => [text, text]),
    ...members.map((name): [string, string] => [`one without ${name}`, changed({ [name]: undefined })]),
    ...members.map((name): [string, string] => [`one with a number as ${name}`, changed({ [name]: 5 })]),
    ['one whose key is a path', changed({ key: '../../etc/passwd' })],
    ['one whose key is in capitals', changed({ key: 'AB'.repeat(16) })],
    ['one whose end is a word', changed({ expiresAt: 'tomorrow' })],
    ['one whose tag speaks to the terminal', changed({ tag: '\u001b[2J' })],
    ['one whose tag is endless', changed({ tag: 'a'.repeat(5000) })],
    ['one with another type of event', changed({ by: { ...facts.by, type: 'token_minted' } })],
    ['one by a list', changed({ by: [] })],
    ['one by a list as actor', changed({ by: { ...facts.by, actor: [] } })],
    ['one by somebody deep', changed({ by: { ...facts.by, actor: { name: { a: 1 } } } })],
    ['one by nobody', changed({ by: { lease: 'l' } })],
    ['one with an empty text', changed({ sealed: '' })],
    ['one with nothing but a nonce', changed({ sealed: Buffer.alloc(28).toString('base64') })],
  ])('is not read from %s', (_name, text) => {
    expect(readNote(text)).toBeNull();
  });

  it('is read from no text by accident, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(readNote(text)).toBeNull();
      }),
    );
  });
});
