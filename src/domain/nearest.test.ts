import { describe, expect, it } from 'vitest';
import { nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['TFC_AWS_RUN_ROLE_ANR', 'TFC_AWS_RUN_ROLE_ARN'],
    ['tfc_aws_run_role_arn', 'TFC_AWS_RUN_ROLE_ARN'],
    ['TFC_AWS_ROLE_ARN', 'TFC_AWS_RUN_ROLE_ARN'],
  ])('finds what was meant by %s', (typed, meant) => {
    expect(nearest(typed, ['TFC_AWS_PROVIDER_AUTH', 'TFC_AWS_RUN_ROLE_ARN'])).toBe(meant);
  });

  it('says nothing when nothing is close', () => {
    expect(nearest('completely-different', ['exec', 'demo'])).toBeUndefined();
    expect(nearest('x', [])).toBeUndefined();
  });
});
