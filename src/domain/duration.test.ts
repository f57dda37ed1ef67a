import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';
import { SettingsError } from './errors.ts';

describe('parseDuration', () => {
  it.each([
    ['10s', 10],
    ['15m', 900],
    ['2h', 7200],
    ['1d', 86_400],
    ['1h30m', 5400],
  ])('reads %s', (text, seconds) => expect(parseDuration('token_lifetime', text)).toBe(seconds));

  it.each(['', '15', 'm', '15 m', '-5m', '1.5h', '15min', 'PT15M', '15m ', '99999999s'])(
    'refuses %j and names the setting',
    (text) => {
      expect(() => parseDuration('token_lifetime', text)).toThrow(SettingsError);
      expect(() => parseDuration('token_lifetime', text)).toThrow(/token_lifetime/);
    },
  );

  it('reads back what formatDuration wrote', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 1_000_000 }), (s) => parseDuration('x', formatDuration(s)) === s));
  });
});
