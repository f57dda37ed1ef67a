import { readFileSync } from 'node:fs';
import { assert as check, constantFrom, property, string, array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../domain/json.ts';
import { conditionContext } from './condition-context.ts';
import { decideCondition, operatorNames, readOperator } from './condition.ts';
import { readAwsTrustPolicy } from './trust-policy.ts';

interface OperatorVector {
  readonly condition: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly sub: string | null;
  readonly amr?: readonly string[];
  readonly version?: '2008-10-17' | null;
  readonly holds: boolean | 'unknown';
  readonly why: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/aws-operators.json', import.meta.url), 'utf8'),
) as { readonly operators: readonly OperatorVector[] };

const provider = 'arn:aws:iam::111122223333:oidc-provider/id.example.com';

function contextOf(vector: Pick<OperatorVector, 'sub' | 'amr'>) {
  return conditionContext(
    [
      ['id.example.com:sub', vector.sub ?? undefined],
      ['id.example.com:aud', 'aws.workload.identity'],
      ['id.example.com:amr', vector.amr],
      ['sts:RoleSessionName', 'run-1-plan'],
      ['sts:RoleAuthorizedByIdp', 'false'],
      ['aws:ResourceAccount', '111122223333'],
      ['aws:FederatedProvider', provider],
      ['aws:CurrentTime', '2026-11-21T07:43:50.000Z'],
      ['aws:EpochTime', '1795247030'],
      ['aws:SourceIp', '203.0.113.9'],
      ['aws:SecureTransport', 'true'],
    ],
    ['aws:userid'],
  );
}

function conditionOf(vector: Pick<OperatorVector, 'condition' | 'version'>) {
  const policy = readAwsTrustPolicy(
    JSON.stringify({
      ...(vector.version === null ? {} : { Version: vector.version ?? '2012-10-17' }),
      Statement: {
        Effect: 'Allow',
        Principal: { Federated: provider },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: vector.condition,
      },
    }),
  );
  return { condition: policy.statements[0]!.conditions[0]!, version: policy.version };
}

const verdicts = { pass: true, fail: false, unknown: 'unknown' } as const;

describe('condition operators', () => {
  it.each(vectors.operators.map((vector) => ({ shown: JSON.stringify(vector.condition), ...vector })))(
    '$shown over $sub holds: $holds ($why)',
    (vector) => {
      const { condition, version } = conditionOf(vector);
      const outcome = decideCondition(condition, contextOf(vector), version);
      expect(verdicts[outcome.result]).toBe(vector.holds);
    },
  );

  it('says what was wanted and what was there', () => {
    const { condition, version } = conditionOf({
      condition: { StringLike: { 'id.example.com:sub': 'organization:acme:project:*:workspace:payments-prod:*' } },
    });
    const outcome = decideCondition(condition, contextOf({ sub: 'organization:acme:payments-prod2' }), version);
    expect(outcome.sentence).toBe(
      'condition StringLike id.example.com:sub: wanted "organization:acme:project:*:workspace:payments-prod:*", was "organization:acme:payments-prod2"',
    );
  });

  it('does not take two numbers for equal that a double cannot tell apart', () => {
    const { condition, version } = conditionOf({
      condition: { NumericEquals: { 'id.example.com:sub': '9007199254740993' } },
    });
    expect(decideCondition(condition, contextOf({ sub: '9007199254740992' }), version).result).toBe('unknown');
    const { condition: short } = conditionOf({ condition: { NumericEquals: { 'id.example.com:sub': '1.50' } } });
    expect(decideCondition(short, contextOf({ sub: '1.5' }), version).result).toBe('pass');
  });

  it.each([
    [{ StringNotEquals: { 'id.example.com:sub': 'x' } }, 'wanted anything but "x", was missing'],
    [{ StringEquals: { 'id.example.com:sub': ['x', 'y'] } }, 'wanted "x" or "y", was missing'],
    [{ Null: { 'id.example.com:sub': 'false' } }, 'wanted absence to be "false", was missing'],
    [{ StringEquals: { 'aws:userid': 'x' } }, 'wanted "x", was not known here'],
    [
      { StringEquals: { 'id.example.com:sub': '${aws:ResourceAccount}' } },
      'wanted "${aws:ResourceAccount}" (here "111122223333"), was missing',
    ],
    [
      { StringLike: { 'id.example.com:sub': '*${aws:PrincipalArn}' } },
      '(here nothing, its variable is missing), was missing',
    ],
    [{ StringLike: { 'id.example.com:sub': '${aws:userid}' } }, '(here something not known here), was missing'],
  ])('words %j', (condition, words) => {
    const { condition: read, version } = conditionOf({ condition });
    expect(decideCondition(read, contextOf({ sub: null }), version).sentence).toContain(words);
  });
});

describe('readOperator', () => {
  it.each(operatorNames)('knows %s', (name) => expect(readOperator(name)?.base).toBe(name));

  it('takes prefix and suffix apart', () => {
    expect(readOperator('ForAnyValue:StringLikeIfExists')).toEqual({
      name: 'ForAnyValue:StringLikeIfExists',
      set: 'ForAnyValue',
      base: 'StringLike',
      ifExists: true,
    });
  });

  it.each([
    '',
    'stringequals',
    'StringEqual',
    'StringEqualsIfExistsIfExists',
    'IfExists',
    'ForAnyValue:',
    'ForSomeValue:StringEquals',
    'ForAnyValue:ForAllValues:StringEquals',
    'NullIfExists',
    'ForAnyValue:Null',
    'BoolNot',
    'constructor',
    'toString',
  ])('does not know %j', (name) => expect(readOperator(name)).toBeNull());
});

describe('negation', () => {
  const pairs = [
    ['StringEquals', 'StringNotEquals'],
    ['StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase'],
    ['StringLike', 'StringNotLike'],
    ['ArnLike', 'ArnNotLike'],
    ['ArnEquals', 'ArnNotEquals'],
  ] as const;
  const word = string({ unit: constantFrom('a', 'A', 'b', '*', '?', ':'), maxLength: 6 });

  it('is exactly the opposite, present or missing, for any values', () => {
    check(
      property(constantFrom(...pairs), array(word, { maxLength: 3 }), word, ([positive, negative], values, sub) => {
        const outcomes = [positive, negative].map((name) => {
          const condition = { operator: readOperator(name)!, key: 'id.example.com:sub', values };
          return [sub, null].map((value) => decideCondition(condition, contextOf({ sub: value }), '2012-10-17').result);
        });
        expect(outcomes[0]!.map((result) => (result === 'pass' ? 'fail' : 'pass'))).toEqual(outcomes[1]);
      }),
    );
  });

  it('ForAllValues over a positive operator is not ForAnyValue over its negation', () => {
    check(
      property(array(word, { minLength: 1, maxLength: 3 }), array(word, { maxLength: 3 }), (amr, values) => {
        const of = (name: string): string =>
          decideCondition(
            { operator: readOperator(name)!, key: 'id.example.com:amr', values },
            contextOf({ sub: null, amr }),
            '2012-10-17',
          ).result;
        // An empty text counts as nothing to ForAllValues.
        if (amr.every((value) => value === '')) return;
        expect(of('ForAllValues:StringLike') === 'pass').toBe(of('ForAnyValue:StringNotLike') === 'fail');
      }),
    );
  });
});
