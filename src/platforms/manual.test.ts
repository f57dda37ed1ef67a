import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../domain/errors.ts';
import { Secret, revealed } from '../domain/secret.ts';
import { canary, exampleIo, exampleToken } from './conformance.ts';
import { manualRequests } from './manual.ts';

const requests = (variables: Record<string, string>) =>
  manualRequests(new Map(Object.entries(variables)), 'plan', { workspace: 'w' });

describe('manual tokens', () => {
  it('are asked for by an audience, with and without a tag', async () => {
    const [plain, tagged] = requests({
      TFC_WORKLOAD_IDENTITY_AUDIENCE_tail_1: 'tail',
      TFC_WORKLOAD_IDENTITY_AUDIENCE: 'any',
    });
    expect([plain!.tag, plain!.audience, tagged!.tag, tagged!.audience]).toEqual([null, 'any', 'tail_1', 'tail']);
    const sets = await Promise.all([plain!, tagged!].map((request) => request.obtain(exampleToken(), exampleIo())));
    expect(sets.map((set) => Object.keys(set.environment))).toEqual([
      ['TFC_WORKLOAD_IDENTITY_TOKEN'],
      ['TFC_WORKLOAD_IDENTITY_TOKEN_tail_1'],
    ]);
    for (const set of sets) {
      expect(set.input).toBeNull();
      expect(set.files.map((file) => [file.name, revealed(file.contents)])).toEqual([['token', canary]]);
      for (const value of Object.values(set.environment)) expect(value).toBeInstanceOf(Secret);
      expect(JSON.stringify(set)).not.toContain(canary);
      expect('renew' in set).toBe(false);
    }
  });

  it.each<Record<string, string>>([
    { TFC_WORKLOAD_IDENTITY_AUDIENCE: '' },
    { TFC_WORKLOAD_IDENTITY_AUDIENCE_TYPE: 'x' },
    { 'TFC_WORKLOAD_IDENTITY_AUDIENCE_A-B': 'x' },
    { TFC_WORKLOAD_IDENTITY_AUDIENCE_: 'x' },
    { TFC_WORKLOAD_IDENTITY_AUDIENCES: 'x' },
    { TFC_DEFAULT_WORKLOAD_IDENTITY_AUDIENCE: 'x' },
    { TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE: 'x' },
    {},
  ])('are not asked for by %j', (variables) => expect(requests(variables)).toEqual([]));

  it.each(['a\nb', 'a\u0000', 'x'.repeat(256)])('refuse the audience %j, naming the variable', (audience) => {
    expect(() => requests({ TFC_WORKLOAD_IDENTITY_AUDIENCE_X: audience })).toThrow(ConfigurationError);
    expect(() => requests({ TFC_WORKLOAD_IDENTITY_AUDIENCE_X: audience })).toThrow('TFC_WORKLOAD_IDENTITY_AUDIENCE_X');
  });
});
