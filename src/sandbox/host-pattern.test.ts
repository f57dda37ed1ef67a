import { assert, property, string, stringMatching } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostFits, platformSuffix } from './host-pattern.ts';

describe('a host pattern', () => {
  it.each([
    ['sts.amazonaws.com', 'sts.amazonaws.com'],
    ['sts.*.amazonaws.com', 'sts.eu-west-1.amazonaws.com'],
    ['*.example.com', 'a.example.com'],
  ])('%s fits %s', (pattern, host) => expect(hostFits(host, pattern)).toBe(true));

  it.each([
    ['sts.amazonaws.com', 'sts.amazonaws.com.'],
    ['sts.amazonaws.com', 'STS.amazonaws.com'],
    ['sts.amazonaws.com', 'xsts.amazonaws.com'],
    ['sts.amazonaws.com', 'stsxamazonaws.com'],
    ['sts.amazonaws.com', 'sts.amazonaws.com.example'],
    ['sts.amazonaws.com', ''],
    ['sts.*.amazonaws.com', 'sts.amazonaws.com'],
    ['sts.*.amazonaws.com', 'sts..amazonaws.com'],
    ['sts.*.amazonaws.com', 'sts.a.b.amazonaws.com'],
    ['sts.*.amazonaws.com', 'sts.*.amazonaws.com'],
    ['sts.*.amazonaws.com', 'sts.-a.amazonaws.com'],
    ['sts.*.amazonaws.com', 'sts.a-.amazonaws.com'],
    ['sts.*.amazonaws.com', 'sts.a\u0000.amazonaws.com'],
    ['sts.*.amazonaws.com', `sts.${'a'.repeat(64)}.amazonaws.com`],
  ])('%s does not fit %j', (pattern, host) => expect(hostFits(host, pattern)).toBe(false));

  it('without "*" fits itself alone', () => {
    assert(
      property(string(), (host) => {
        expect(hostFits(host, 'sts.amazonaws.com')).toBe(host === 'sts.amazonaws.com');
      }),
    );
  });

  it('holds every host that it fits in its suffix', () => {
    assert(
      property(stringMatching(/^[a-z0-9]{1,10}$/), (label) => {
        const host = `sts.${label}.amazonaws.com`;
        expect(hostFits(host, 'sts.*.amazonaws.com')).toBe(true);
        expect(host.endsWith(`.${platformSuffix('sts.*.amazonaws.com')}`)).toBe(true);
      }),
    );
    expect(platformSuffix('sts.amazonaws.com')).toBe('sts.amazonaws.com');
  });
});
