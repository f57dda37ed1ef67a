import { describe, expect, it } from 'vitest';
import type { Json } from '../../domain/json.ts';
import { TrustDocumentError } from '../../domain/trust.ts';
import { decideAwsAccess, readAwsIdentityPolicy, type AwsAccessVerdict } from './identity-policy.ts';

const resource = 'arn:aws:ssm:eu-west-1:111122223333:parameter/demo/greeting';

function access(statements: Json, action = 'ssm:GetParameter', context: Record<string, string> = {}): AwsAccessVerdict {
  const policy = readAwsIdentityPolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
  return decideAwsAccess([policy], { action, resource, context });
}

const read = {
  Effect: 'Allow',
  Action: ['ssm:Get*', 'ssm:DescribeParameters'],
  Resource: 'arn:aws:ssm:*:111122223333:parameter/demo/*',
};

describe('decideAwsAccess', () => {
  it('allows what an Allow names', () => {
    expect(access(read)).toMatchObject({ allowed: true, explicitDeny: false, reasons: [] });
    expect(access({ ...read, Resource: '*' }, 'SSM:getparameter').allowed).toBe(true);
  });

  it('refuses another action, and says which were allowed', () => {
    const verdict = access(read, 'ssm:PutParameter');
    expect(verdict).toMatchObject({ allowed: false, explicitDeny: false });
    expect(verdict.reasons).toEqual([
      'no statement allows ssm:PutParameter',
      'Action: wanted "ssm:Get*" or "ssm:DescribeParameters", was "ssm:PutParameter"',
    ]);
  });

  it('refuses another resource', () => {
    const verdict = access({ ...read, Resource: 'arn:aws:ssm:*:111122223333:parameter/other/*' });
    expect(verdict.allowed).toBe(false);
    expect(verdict.reasons).toContain(
      `Resource: wanted "arn:aws:ssm:*:111122223333:parameter/other/*", was "${resource}"`,
    );
  });

  it('lets a Deny win, in any policy', () => {
    const deny = {
      Effect: 'Deny',
      Action: '*',
      Resource: '*',
      Condition: { DateLessThan: { 'aws:TokenIssueTime': '2026-11-21T08:00:00Z' } },
    };
    const context = { 'aws:TokenIssueTime': '2026-11-21T07:43:50Z' };
    expect(access([read, deny], 'ssm:GetParameter', context)).toMatchObject({ allowed: false, explicitDeny: true });
    expect(access([read, deny], 'ssm:GetParameter', { 'aws:TokenIssueTime': '2026-11-21T09:00:00Z' }).allowed).toBe(
      true,
    );
  });

  it('takes NotAction and NotResource as everything else', () => {
    expect(access({ Effect: 'Allow', NotAction: 'ssm:Delete*', NotResource: 'arn:aws:s3:::*' }).allowed).toBe(true);
    expect(access({ Effect: 'Allow', NotAction: 'ssm:Get*', Resource: '*' }).allowed).toBe(false);
    expect(access({ Effect: 'Allow', Action: '*', NotResource: '*' }).allowed).toBe(false);
  });

  it('fills variables in resources, literally', () => {
    const own = { ...read, Resource: 'arn:aws:ssm:*:*:parameter/${aws:PrincipalTag/Team}/*' };
    expect(access(own, 'ssm:GetParameter', { 'aws:PrincipalTag/Team': 'demo' }).allowed).toBe(true);
    expect(access(own, 'ssm:GetParameter', { 'aws:PrincipalTag/Team': '*' }).allowed).toBe(false);
    expect(access(own).allowed).toBe(false);
  });

  it('refuses everything without a policy, and says so', () => {
    const verdict = decideAwsAccess([], { action: 'ssm:GetParameter', resource, context: {} });
    expect(verdict.allowed).toBe(false);
    expect(verdict.reasons.join()).toContain('no permission policy');
  });
});

describe('readAwsIdentityPolicy', () => {
  it.each<[string, Json, string]>([
    ['a principal', { ...read, Principal: '*' }, 'Has prohibited field Principal'],
    ['no resource', { Effect: 'Allow', Action: '*' }, 'Missing required field Resource'],
    ['a resource that is no ARN', { ...read, Resource: '/demo/*' }, 'must be in ARN format'],
    ['both resources', { ...read, NotResource: '*' }, 'both Resource and NotResource'],
    ['an open variable', { ...read, Resource: 'arn:aws:ssm:*:*:parameter/${x' }, 'failed legacy parsing'],
  ])('refuses %s', (_, statement, words) => {
    const text = JSON.stringify({ Version: '2012-10-17', Statement: statement });
    expect(() => readAwsIdentityPolicy(text)).toThrow(TrustDocumentError);
    expect(() => readAwsIdentityPolicy(text)).toThrow(words);
  });
});
