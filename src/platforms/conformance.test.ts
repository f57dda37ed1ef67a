import { describe, expect, it } from 'vitest';
import { describePlatform, type PlatformExamples } from './conformance.ts';
import { platforms } from './registry.ts';

const examples: Readonly<Record<string, PlatformExamples>> = {
  aws: {
    values: { ROLE_ARN: 'arn:aws:iam::111122223333:role/ci/payments-plan' },
    otherValues: {
      ROLE_ARN: 'arn:aws-us-gov:iam::444455556666:role/other',
      WORKLOAD_IDENTITY_AUDIENCE: 'https://sts.example.com/',
    },
    refused: {
      ROLE_ARN: [
        'payments-plan',
        'arn:aws:iam::111122223333:role/',
        'arn:aws:iam::11112222333:role/x',
        'arn:aws:iam::111122223333:user/x',
        'arn:aws:sts::111122223333:assumed-role/x/y',
        'arn:aws:iam:eu-west-1:111122223333:role/x',
        'arn:aws:iam::111122223333:role/a b',
        'arn:aws:iam::111122223333:role/a*',
        'arn:aws:iam::111122223333:role/x\n[other]',
        ' arn:aws:iam::111122223333:role/x',
        'arn:evil:iam::111122223333:role/x',
        `arn:aws:iam::111122223333:role/${'p'.repeat(2048)}/x`,
        `arn:aws:iam::111122223333:role/${'x'.repeat(65)}`,
      ],
      WORKLOAD_IDENTITY_AUDIENCE: ['a b', 'a\n', 'x'.repeat(256)],
    },
    members: ['shared_config_file'],
  },
};

for (const platform of platforms) describePlatform(platform, examples[platform.id]!);

describe('the registry', () => {
  it('has an example for every platform', () => {
    expect(Object.keys(examples)).toEqual(platforms.map((platform) => platform.id));
  });
});
