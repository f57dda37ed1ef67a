import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dayOf, readMoment, timeOf, zoneName } from './moment.ts';

const now = new Date('2026-05-03T14:02:11.500Z');
const read = (text: string, edge: 'start' | 'end' = 'start') =>
  readMoment('--since', text, now, 'utc', edge).toISOString();

describe('readMoment', () => {
  it.each([
    ['2h', '2026-05-03T12:02:11.500Z'],
    ['7d', '2026-04-26T14:02:11.500Z'],
    ['1h30m', '2026-05-03T12:32:11.500Z'],
    ['2026-05-01', '2026-05-01T00:00:00.000Z'],
    ['2026-05-01T10:11', '2026-05-01T10:11:00.000Z'],
    ['2026-05-01 10:11:12', '2026-05-01T10:11:12.000Z'],
    ['2026-05-01T10:11:12.5Z', '2026-05-01T10:11:12.500Z'],
    ['2026-05-01T10:11:12+02:00', '2026-05-01T08:11:12.000Z'],
    ['2026-05-01T10:11-0330', '2026-05-01T13:41:00.000Z'],
  ])('reads %s as %s', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it.each([
    ['2026-05-01', '2026-05-01T23:59:59.999Z'],
    ['2026-05-01T10:11', '2026-05-01T10:11:59.999Z'],
    ['2026-05-01T10:11:12Z', '2026-05-01T10:11:12.000Z'],
    ['2h', '2026-05-03T12:02:11.500Z'],
  ])('takes the end of %s for %s', (text, expected) => {
    expect(read(text, 'end')).toBe(expected);
  });

  it.each([
    '',
    'yesterday',
    '2',
    '-2h',
    '2 h',
    '2026',
    '2026-13-01',
    '2026-02-30',
    '2026-05-01T25:00',
    '2026-05-01T10:61',
    '2026-05-01Z',
    '01.05.2026',
    '1777000000',
  ])('refuses %j', (text) => {
    expect(() => read(text)).toThrow('neither a time nor a duration');
  });

  it('reads back in the zone of the machine what it shows there', () => {
    const minutes = fc.integer({ min: 0, max: 4_000_000_000 }).map((second) => new Date(second * 1000));
    fc.assert(
      fc.property(minutes, (moment) => {
        const shown = `${dayOf(moment, 'local')}T${timeOf(moment, 'local')}${zoneName(moment, 'local').slice(3) || 'Z'}`;
        expect(readMoment('--since', shown, now, 'local', 'start')).toEqual(moment);
      }),
    );
  });
});
