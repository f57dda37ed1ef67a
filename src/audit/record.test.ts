import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keyEvent, mintedEvent } from '../../test/support/audit.ts';
import { canonicalJson } from './canonical.ts';
import type { AuditRecord } from './event.ts';
import { beginning, linkFault, linkOf, readLine, seal } from './record.ts';

const stamp = { id: 'evt-1', at: '2026-05-03T14:02:11.000Z' };
const bytesOf = (line: string) => Buffer.from(line.slice(0, -1));

describe('seal and readLine', () => {
  it('hash a record as anybody can with canonical JSON and SHA-256', () => {
    const { hash, ...open } = JSON.parse(seal(mintedEvent(), beginning, stamp).line) as AuditRecord;
    expect(hash).toBe(createHash('sha256').update(canonicalJson(open)).digest('hex'));
    expect(open).toMatchObject({ ...stamp, sequence: 1, previous_hash: '0'.repeat(64), type: 'token_minted' });
  });

  it('read back what was written, and leave the bytes as they were', () => {
    const { record, line } = seal(keyEvent('“k”\n'), beginning, stamp);
    const bytes = bytesOf(line);
    expect(readLine(bytes)).toEqual({ record, fault: null });
    expect(bytes.toString()).toBe(line.slice(0, -1));
  });

  it('find any change of any byte', () => {
    const { line } = seal(keyEvent('kéy'), beginning, stamp);
    fc.assert(
      fc.property(fc.nat(Buffer.byteLength(line) - 2), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = bytesOf(line);
        bytes[at] = bytes[at]! ^ change;
        expect(readLine(bytes).fault).not.toBeNull();
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['white space', (line: string) => line.replace('"actor":', '"actor": '), 'record_changed'],
    [
      'another order of members',
      (line: string) => line.replace(/^\{(.*),"hash":"(.*)"\}$/, '{"hash":"$2",$1}'),
      'record_changed',
    ],
    ['an escape for a letter', (line: string) => line.replace('key_created', 'key_creat\\u0065d'), 'record_changed'],
    ['a member more', (line: string) => line.replace('{', '{"a":1,'), 'record_changed'],
    ['something after it', (line: string) => `${line} `, 'record_changed'],
    [
      'a hash in capitals',
      (line: string) => line.replace(/"hash":"[^"]+"/, (hash) => hash.toUpperCase()),
      'not_a_record',
    ],
    ['half of it missing', (line: string) => line.slice(0, 40), 'not_a_record'],
    ['all of it missing', () => '', 'not_a_record'],
    ['another JSON value', () => '[]', 'not_a_record'],
    ['null', () => 'null', 'not_a_record'],
  ])('find %s', (_name, change, fault) => {
    const { line } = seal(keyEvent('key'), beginning, stamp);
    expect(readLine(Buffer.from(change(line.slice(0, -1)))).fault).toBe(fault);
  });

  it('find bytes that are no UTF-8', () => {
    const { line } = seal(keyEvent('kéy'), beginning, stamp);
    expect(readLine(Buffer.from(line.slice(0, -1), 'latin1'))).toEqual({ record: null, fault: 'not_utf8' });
  });

  it('refuse a record that is too long to be one', () => {
    expect(() => seal(keyEvent('k'.repeat(300_000)), beginning, stamp)).toThrow(RangeError);
  });
});

describe('linkFault', () => {
  const first = seal(keyEvent('1'), beginning, stamp).record;
  const second = seal(keyEvent('2'), linkOf(first), stamp).record;
  const third = seal(keyEvent('3'), linkOf(second), stamp).record;

  it.each([
    ['the next record', second, linkOf(first), null],
    ['the same record again', second, linkOf(second), 'line_repeated'],
    ['the one after the next', third, linkOf(first), 'chain_broken'],
    ['an earlier one', first, linkOf(second), 'chain_broken'],
    ['a wrong number', second, { ...linkOf(first), sequence: 7 }, 'sequence_wrong'],
    ['any hash, where nobody can know it', third, { sequence: 2, hash: null }, null],
    ['a wrong number, where nobody can know the hash', third, { sequence: 1, hash: null }, 'sequence_wrong'],
  ] as const)('judges %s', (_name, record, before, fault) => {
    expect(linkFault(record, before, false)).toBe(fault);
  });
});
