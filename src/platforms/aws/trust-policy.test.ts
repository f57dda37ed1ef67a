import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../domain/json.ts';
import { TrustDocumentError } from '../../domain/trust.ts';
import { decideAwsTrust, readAwsTrustPolicy, type AwsTrustRequest, type AwsTrustVerdict } from './trust-policy.ts';

const now = 1_795_247_030;
const arn = 'arn:aws:iam::111122223333:oidc-provider/id.example.com';
const sub = 'organization:acme:project:Default Project:workspace:web:run_phase:plan';

const claims: JsonObject = {
  iss: 'https://id.example.com',
  aud: 'aws.workload.identity',
  sub,
  jti: 'a',
  iat: now,
  nbf: now,
  exp: now + 600,
};

const request: AwsTrustRequest = {
  roleArn: 'arn:aws:iam::111122223333:role/web-plan',
  provider: { arn, url: 'https://id.example.com', clientIds: ['aws.workload.identity'] },
  at: new Date(now * 1000),
  claims,
  sessionName: 'run-1-plan',
  sourceIp: '203.0.113.9',
};

const allow = {
  Effect: 'Allow',
  Principal: { Federated: arn },
  Action: 'sts:AssumeRoleWithWebIdentity',
  Condition: {
    StringEquals: { 'id.example.com:aud': 'aws.workload.identity' },
    StringLike: { 'id.example.com:sub': 'organization:acme:project:*:workspace:web:*' },
  },
};

function decide(statements: Json, changes: Partial<AwsTrustRequest> = {}): AwsTrustVerdict {
  const policy = readAwsTrustPolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
  return decideAwsTrust(policy, { ...request, ...changes });
}

const withClaims = (changes: JsonObject): Partial<AwsTrustRequest> => ({ claims: { ...claims, ...changes } });
const without = (name: string): Partial<AwsTrustRequest> => ({
  claims: Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name)),
});

const allowBoth = { ...allow, Action: ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession'] };

const requiring = (id: string) => ({
  ...allowBoth,
  Condition: {
    StringEquals: { 'aws:RequestTag/terraformworkspaceid': id },
    'ForAllValues:StringEquals': {
      'aws:TagKeys': ['TerraformWorkspaceId', 'Team'],
      'sts:TransitiveTagKeys': 'Team',
    },
  },
});

const tag = (value: string) =>
  withClaims({ 'https://aws.amazon.com/tags': { principal_tags: { Workspace: [value] } } });

const only = (Condition: Json, changes: Partial<AwsTrustRequest> = {}) =>
  decide({ ...allow, Condition }, changes).allowed;

describe('decideAwsTrust', () => {
  it('allows when principal, action and every condition hold, and shows every check', () => {
    const verdict = decide(allow);
    expect(verdict).toMatchObject({ allowed: true, code: null, error: null, reasons: [] });
    expect(verdict.checks.every((row) => row.result === 'pass')).toBe(true);
    expect(verdict.checks.map((row) => row.key)).toEqual(
      expect.arrayContaining(['iss', 'exp', 'aud', 'Principal', 'Action', 'id.example.com:sub', 'id.example.com:aud']),
    );
  });

  it('refuses a neighbour and says which condition failed, with both values', () => {
    const neighbour = sub.replace('web', 'web2');
    const verdict = decide(allow, withClaims({ sub: neighbour }));
    expect(verdict.allowed).toBe(false);
    expect(verdict.error).toEqual({
      code: 'AccessDenied',
      message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity',
      status: 403,
    });
    expect(verdict.reasons).toEqual([
      'no statement allows sts:AssumeRoleWithWebIdentity',
      `condition StringLike id.example.com:sub: wanted "organization:acme:project:*:workspace:web:*", was "${neighbour}"`,
    ]);
    // The passed checks are there as well.
    expect(verdict.checks.find((row) => row.key === 'id.example.com:aud')?.result).toBe('pass');
  });

  it.each<[string, Partial<AwsTrustRequest>, string, string]>([
    [
      'another issuer',
      withClaims({ iss: 'https://id.example.com/' }),
      'InvalidIdentityToken',
      'No OpenIDConnect provider found in your account for https://id.example.com/',
    ],
    ['no issuer', without('iss'), 'InvalidIdentityToken', 'Missing a required claim: iss'],
    [
      'a role of another account',
      { roleArn: 'arn:aws:iam::999999999999:role/x' },
      'InvalidIdentityToken',
      'No OpenIDConnect provider found in your account for https://id.example.com',
    ],
    ['no aud', without('aud'), 'InvalidIdentityToken', 'Missing a required claim: aud'],
    ['no sub', without('sub'), 'InvalidIdentityToken', 'Missing a required claim: sub'],
    ['a subject of five characters', withClaims({ sub: 'abcde' }), 'InvalidIdentityToken', 'Invalid claim: sub'],
    ['a subject of 256 characters', withClaims({ sub: 'a'.repeat(256) }), 'InvalidIdentityToken', 'Invalid claim: sub'],
    ['no iat', without('iat'), 'InvalidIdentityToken', 'Missing a required claim: iat'],
    ['no exp', without('exp'), 'InvalidIdentityToken', 'Missing a required claim: exp'],
    [
      'another audience',
      withClaims({ aud: 'vault.workload.identity' }),
      'InvalidIdentityToken',
      'Incorrect token audience',
    ],
    [
      'an audience in another case',
      withClaims({ aud: 'AWS.workload.identity' }),
      'InvalidIdentityToken',
      'Incorrect token audience',
    ],
    [
      'two audiences without azp',
      withClaims({ aud: ['aws.workload.identity', 'b'] }),
      'InvalidIdentityToken',
      'Token audience contains more than one audience while authorized party is not present',
    ],
    [
      'an azp that is no client id',
      withClaims({ aud: ['aws.workload.identity', 'b'], azp: 'c' }),
      'InvalidIdentityToken',
      'Incorrect token audience',
    ],
    [
      'a time with a fraction',
      withClaims({ iat: now + 0.5 }),
      'InvalidIdentityToken',
      'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)',
    ],
    [
      'a time as text',
      withClaims({ exp: `${now + 600}` }),
      'InvalidIdentityToken',
      'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)',
    ],
    [
      'an expired token',
      withClaims({ exp: now - 300 }),
      'ExpiredTokenException',
      `Token expired: current date/time ${now} must be before the expiration date/time ${now - 300}`,
    ],
    ['an old token', withClaims({ iat: now - 441_398 }), 'ExpiredTokenException', 'Token too old: 441398'],
    [
      'a token of the future',
      withClaims({ iat: now + 301 }),
      'InvalidIdentityToken',
      'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)',
    ],
    [
      'a token that is not yet valid',
      withClaims({ nbf: now + 301 }),
      'InvalidIdentityToken',
      'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)',
    ],
    [
      'a roles claim without this role',
      withClaims({ 'https://aws.amazon.com/roles': ['arn:aws:iam::111122223333:role/other'] }),
      'InvalidIdentityToken',
      'The target role ARN is not present in the roles claim of the identity token',
    ],
    [
      'an empty roles claim',
      withClaims({ 'https://aws.amazon.com/roles': [] }),
      'InvalidIdentityToken',
      'The target role ARN is not present in the roles claim of the identity token',
    ],
    [
      'tags with two values',
      withClaims({ 'https://aws.amazon.com/tags': { principal_tags: { A: ['1', '2'] } } }),
      'InvalidIdentityToken',
      'The session tags in the identity token are not valid',
    ],
    [
      'tags that differ in case only',
      withClaims({ 'https://aws.amazon.com/tags': { principal_tags: { A: ['1'], a: ['1'] } } }),
      'InvalidIdentityToken',
      'The session tags in the identity token are not valid',
    ],
    [
      'a tag that begins with aws:',
      withClaims({ 'https://aws.amazon.com/tags': { principal_tags: { 'AWS:x': ['1'] } } }),
      'InvalidIdentityToken',
      'The session tags in the identity token are not valid',
    ],
    [
      'a source identity with a blank',
      withClaims({ 'https://aws.amazon.com/source_identity': 'a b' }),
      'InvalidIdentityToken',
      'The source identity in the identity token is not valid',
    ],
  ])('refuses %s before it looks at the policy', (_, changes, code, message) => {
    const verdict = decide(allow, changes);
    expect(verdict.allowed).toBe(false);
    expect(verdict.error).toMatchObject({ code, message });
    expect(verdict.reasons.length).toBeGreaterThan(0);
  });

  it.each<[string, Partial<AwsTrustRequest>]>([
    ['an audience as a list of one', withClaims({ aud: ['aws.workload.identity'] })],
    [
      'several audiences with an azp that is a client id',
      withClaims({ aud: ['x', 'y'], azp: 'aws.workload.identity' }),
    ],
    ['a token at the edge of the tolerance', withClaims({ exp: now - 299 })],
    ['a token without nbf', without('nbf')],
    ['a roles claim that is null', withClaims({ 'https://aws.amazon.com/roles': null })],
    [
      'a roles claim with the role, as text',
      withClaims({
        'https://aws.amazon.com/roles': 'arn:aws:iam::111122223333:role/x; arn:aws:iam::111122223333:role/web-plan',
      }),
    ],
  ])('takes %s', (_, changes) => expect(decide(allow, changes).allowed).toBe(true));

  it('shows the original audience as oaud when there is an azp', () => {
    const statement = {
      ...allow,
      Condition: { StringEquals: { 'id.example.com:oaud': 'x', 'id.example.com:aud': 'aws.workload.identity' } },
    };
    expect(decide(statement, withClaims({ aud: 'x', azp: 'aws.workload.identity' })).allowed).toBe(true);
    expect(decide(statement).allowed).toBe(false);
  });

  it('compares HOST with its port and path, ignoring case in the key only', () => {
    const url = 'https://TFE.example.com:8443/id/Path';
    const provider = {
      arn: `arn:aws:iam::111122223333:oidc-provider/${url.slice(8)}`,
      url,
      clientIds: ['aws.workload.identity'],
    };
    const statement = (key: string) => ({
      ...allow,
      Principal: { Federated: provider.arn },
      Condition: { StringEquals: { [key]: sub } },
    });
    const changes = { provider, ...withClaims({ iss: url }) };
    expect(decide(statement('TFE.example.com:8443/id/Path:sub'), changes).allowed).toBe(true);
    expect(decide(statement('tfe.example.com:8443/id/path:SUB'), changes).allowed).toBe(true);
    expect(decide(statement('tfe.example.com:sub'), changes).allowed).toBe(false);
    expect(decide(statement('tfe.example.com/id/path:sub'), changes).allowed).toBe(false);
  });

  describe('statements', () => {
    const audOnly = { ...allow, Condition: { StringEquals: { 'id.example.com:aud': 'aws.workload.identity' } } };
    const subOnly = { ...allow, Condition: { StringEquals: { 'id.example.com:sub': 'someone else' } } };

    it('are alternatives: the weakest one decides', () => {
      expect(decide([audOnly, subOnly]).allowed).toBe(true);
      expect(decide([subOnly]).allowed).toBe(false);
    });

    it('deny when a Deny applies, whatever allows', () => {
      const deny = {
        Sid: 'DenyPlan',
        Effect: 'Deny',
        Principal: { Federated: arn },
        Action: 'sts:*',
        Condition: { StringLike: { 'id.example.com:sub': '*:run_phase:plan' } },
      };
      const verdict = decide([allow, deny]);
      expect(verdict.allowed).toBe(false);
      expect(verdict.reasons).toContain('statement 2 (DenyPlan) denies sts:AssumeRoleWithWebIdentity');
      expect(verdict.reasons).toContain(
        `statement 2 (DenyPlan): condition StringLike id.example.com:sub: wanted "*:run_phase:plan", was "${sub}"`,
      );
      expect(decide([allow, deny], withClaims({ sub: sub.replace('plan', 'apply') })).allowed).toBe(true);
    });

    it('do not let a Deny apply that does not fit', () => {
      const deny = {
        ...allow,
        Effect: 'Deny',
        Condition: { StringNotLike: { 'id.example.com:sub': 'organization:acme:*' } },
      };
      expect(decide([allow, deny]).allowed).toBe(true);
      expect(decide([allow, deny], withClaims({ sub: sub.replace('acme', 'evil') })).allowed).toBe(false);
    });

    it('never allow when a Deny depends on something unknown', () => {
      const deny = { ...allow, Effect: 'Deny', Condition: { StringEquals: { 'aws:userid': 'x' } } };
      const verdict = decide([allow, deny]);
      expect(verdict.allowed).toBe(false);
      expect(verdict.reasons.join()).toContain('not certain');
    });

    it('compare actions without regard to case, with wildcards', () => {
      for (const Action of [
        'STS:assumerolewithwebidentity',
        'sts:*',
        'sts:AssumeRole*',
        '*',
        ['sts:TagSession', 'sts:AssumeRoleWith?ebIdentity'],
      ]) {
        expect(decide({ ...allow, Action }).allowed).toBe(true);
      }
      for (const Action of ['sts:AssumeRole', 'sts:TagSession', 'sts:AssumeRoleWithSAML']) {
        expect(decide({ ...allow, Action }).allowed).toBe(false);
      }
    });

    it('take NotAction as everything else', () => {
      const { Action: _, ...rest } = allow;
      expect(decide({ ...rest, NotAction: 'sts:TagSession' }).allowed).toBe(true);
      expect(decide({ ...rest, NotAction: 'sts:AssumeRole*' }).allowed).toBe(false);
    });
  });

  describe('principals', () => {
    it.each<[string, Json, boolean]>([
      ['a list with the provider', { Federated: ['cognito-identity.amazonaws.com', arn] }, true],
      ['another provider', { Federated: arn.replace('id.', 'id2.') }, false],
      ['a provider in another case', { Federated: arn.replace('id.', 'ID.') }, false],
      ['an account', { AWS: 'arn:aws:iam::111122223333:root' }, false],
      ['a service', { Service: 'ec2.amazonaws.com' }, false],
      ['anyone', '*', false],
      ['any AWS principal', { AWS: '*' }, false],
      ['any federated principal', { Federated: '*' }, false],
    ])('%s', (_, Principal, allowed) => expect(decide({ ...allow, Principal }).allowed).toBe(allowed));

    it('"*" is unknown, not failed', () => {
      const row = decide({ ...allow, Principal: '*' }).checks.find((check) => check.key === 'Principal');
      expect(row?.result).toBe('unknown');
    });

    it('NotPrincipal does not allow everyone else: that is not certain', () => {
      const { Principal: _, ...rest } = allow;
      const verdict = decide({ ...rest, NotPrincipal: { Federated: arn.replace('id.', 'other.') } });
      expect(verdict.allowed).toBe(false);
      expect(verdict.checks.find((check) => check.key === 'NotPrincipal')?.result).toBe('unknown');
    });

    it('NotPrincipal denies everyone else', () => {
      const { Principal: _, ...rest } = allow;
      const deny = (NotPrincipal: Json) => ({ ...rest, Effect: 'Deny', NotPrincipal });
      expect(decide([allow, deny({ Federated: arn })]).allowed).toBe(true);
      expect(decide([allow, deny({ Federated: arn.replace('id.', 'other.') })]).allowed).toBe(false);
    });
  });

  describe('session tags', () => {
    const tagged = withClaims({
      'https://aws.amazon.com/tags': {
        principal_tags: { TerraformWorkspaceId: ['ws-1'], Team: ['pay'] },
        transitive_tag_keys: ['Team'],
      },
    });

    it('need sts:TagSession', () => {
      expect(decide(allow, tagged).error).toMatchObject({
        code: 'AccessDenied',
        message: 'Not authorized to perform sts:TagSession',
      });
      const verdict = decide(allowBoth, tagged);
      expect(verdict.allowed).toBe(true);
      expect([...verdict.identity!.sessionTags]).toEqual([
        ['TerraformWorkspaceId', 'ws-1'],
        ['Team', 'pay'],
      ]);
      expect(verdict.identity!.transitiveTagKeys).toEqual(['Team']);
    });

    it('are conditions of the policy, their names ignoring case', () => {
      expect(decide(requiring('ws-1'), tagged).allowed).toBe(true);
      expect(decide(requiring('ws-2'), tagged).allowed).toBe(false);
      expect(decide(requiring('ws-1')).allowed).toBe(false);
    });

    it('fill policy variables', () => {
      const statement = {
        ...allowBoth,
        Condition: {
          StringLike: { 'id.example.com:sub': 'organization:acme:*:workspace:${aws:RequestTag/Workspace}:*' },
        },
      };
      expect(decide(statement, tag('web')).allowed).toBe(true);
      expect(decide(statement, tag('webb')).allowed).toBe(false);
      expect(decide(statement).allowed).toBe(false);
    });

    it('may come flattened', () => {
      const flat = withClaims({
        'https://aws.amazon.com/tags/principal_tags/Team': 'pay',
        'https://aws.amazon.com/tags/transitive_tag_keys': ['Team'],
      });
      const verdict = decide(allowBoth, flat);
      expect([...verdict.identity!.sessionTags]).toEqual([['Team', 'pay']]);
      expect(verdict.identity!.transitiveTagKeys).toEqual(['Team']);
    });

    it('may come with a source identity, which needs an action of its own', () => {
      const source = withClaims({ 'https://aws.amazon.com/source_identity': 'alice' });
      expect(decide(allow, source).error?.message).toBe('Not authorized to perform sts:SetSourceIdentity');
      const statement = {
        ...allow,
        Action: ['sts:AssumeRoleWithWebIdentity', 'sts:SetSourceIdentity'],
        Condition: { StringEquals: { 'sts:SourceIdentity': 'alice' } },
      };
      expect(decide(statement, source).allowed).toBe(true);
      expect(decide(statement).allowed).toBe(false);
    });
  });

  it('knows the tags of the role, when the token names it, and where the call comes from', () => {
    expect(only({ StringEquals: { 'iam:ResourceTag/Env': 'prod' } }, { roleTags: { Env: 'prod' } })).toBe(true);
    expect(only({ StringEquals: { 'iam:ResourceTag/Env': 'prod' } })).toBe(false);
    expect(
      only(
        { Bool: { 'sts:RoleAuthorizedByIdp': 'true' } },
        withClaims({ 'https://aws.amazon.com/roles': [request.roleArn] }),
      ),
    ).toBe(true);
    expect(only({ Bool: { 'sts:RoleAuthorizedByIdp': 'true' } })).toBe(false);
    expect(only({ IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } })).toBe(true);
    expect(only({ IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, { sourceIp: undefined })).toBe(false);
    expect(only({ StringEquals: { 'sts:ExternalId': 'x' } })).toBe(false);
  });
});

const refused = (text: string): TrustDocumentError => {
  try {
    readAwsTrustPolicy(text);
  } catch (error) {
    if (error instanceof TrustDocumentError) return error;
    throw error;
  }
  throw new Error(`was read: ${text}`);
};

describe('readAwsTrustPolicy', () => {
  const document = (changes: JsonObject = {}) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ ...allow, ...changes }] });
  it('takes a document without a version as the older language', () => {
    expect(readAwsTrustPolicy(JSON.stringify({ Statement: allow })).version).toBe('2008-10-17');
  });

  it.each<[string, string, string]>([
    ['no JSON', 'Version: 2012-10-17', 'where a value should be'],
    ['a list', '[]', 'not an object'],
    ['nothing in it', '{}', 'has no Statement'],
    ['no statements', '{"Statement":[]}', 'Statement is empty'],
    ['another version', JSON.stringify({ Version: '2012-10-18', Statement: allow }), 'valid version string'],
    ['a version that is a number', '{"Version":2012,"Statement":[]}', 'Version is not a text'],
    ['an unknown element at the top', JSON.stringify({ Statements: [allow] }), '"Statements" does not belong'],
    ['an unknown element in a statement', document({ Conditions: {} }), '"Conditions" does not belong'],
    ['a resource', document({ Resource: '*' }), 'Has prohibited field Resource'],
    ['a NotResource', document({ NotResource: '*' }), 'Has prohibited field NotResource'],
    ['no effect', JSON.stringify({ Statement: { ...allow, Effect: undefined } }), 'no Effect'],
    ['an effect in small letters', document({ Effect: 'allow' }), 'Invalid effect: allow'],
    [
      'no principal',
      JSON.stringify({ Statement: { ...allow, Principal: undefined } }),
      'Missing required field Principal',
    ],
    ['two principals', document({ NotPrincipal: { Federated: arn } }), 'both Principal and NotPrincipal'],
    ['a principal as text', document({ Principal: arn }), 'Invalid principal in policy'],
    ['an empty principal', document({ Principal: {} }), 'Principal is empty'],
    ['an empty list of principals', document({ Principal: { Federated: [] } }), 'empty list'],
    ['a principal of an unknown kind', document({ Principal: { Federate: arn } }), '"Federate" does not belong'],
    [
      'a wildcard within a principal',
      document({ Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/*' } }),
      'Invalid principal in policy',
    ],
    [
      'a provider with its scheme',
      document({ Principal: { Federated: 'https://id.example.com' } }),
      'Invalid principal in policy',
    ],
    ['no action', JSON.stringify({ Statement: { ...allow, Action: undefined } }), 'Missing required field Action'],
    ['two actions', document({ NotAction: 'sts:TagSession' }), 'both Action and NotAction'],
    ['an action without a vendor', document({ Action: 'AssumeRole' }), 'prefaced by a vendor'],
    ['an action of another service', document({ Action: 's3:GetObject' }), 'may only specify STS AssumeRole actions'],
    [
      'an STS action that is not for trust',
      document({ Action: 'sts:GetCallerIdentity' }),
      'may only specify STS AssumeRole actions',
    ],
    [
      'an unknown operator',
      document({ Condition: { StringEqual: { 'a:b': 'c' } } }),
      '"StringEqual" is no condition operator',
    ],
    [
      'an operator in small letters',
      document({ Condition: { stringequals: { 'a:b': 'c' } } }),
      'no condition operator',
    ],
    ['a condition without an operator', document({ Condition: { 'a:b': 'c' } }), 'no condition operator'],
    ['a condition key without a prefix', document({ Condition: { StringEquals: { sub: 'c' } } }), 'no condition key'],
    ['a null value', document({ Condition: { StringEquals: { 'a:b': null } } }), 'neither text, number nor boolean'],
    [
      'a nested value',
      document({ Condition: { StringEquals: { 'a:b': [['c']] } } }),
      'neither text, number nor boolean',
    ],
    ['conditions as a list', document({ Condition: [] }), 'Condition is not an object'],
    [
      'an open variable',
      document({ Condition: { StringEquals: { 'a:b': 'x${aws:userid' } } }),
      'failed legacy parsing',
    ],
    ['a Sid with a blank', document({ Sid: 'a b' }), 'Sid'],
    [
      'the same Sid twice',
      JSON.stringify({
        Statement: [
          { ...allow, Sid: 'A' },
          { ...allow, Sid: 'A' },
        ],
      }),
      'must be unique',
    ],
    ['a character beyond U+00FF', document({ Sid: '\u2019' }), 'which IAM does not take'],
    ['a byte order mark', `\ufeff${document()}`, 'which IAM does not take'],
    ['a control character', document().replace('{', '{\u000b'), 'which IAM does not take'],
    [
      'more than 2048 characters',
      document({ Condition: { StringEquals: { 'a:b': 'x'.repeat(2048) } } }),
      'at most 2048',
    ],
    ['an operator twice', document().replace('"StringLike"', '"StringEquals"'), '"StringEquals" stands twice'],
  ])('refuses %s', (_, text, words) => {
    const error = refused(text);
    expect(error.problem.what).toContain(words);
    expect(error.problem.where).toMatch(/^line \d+, column \d+$/);
    expect(error.problem.mend).not.toBe('');
  });

  it('names line and column, and the nearest known name', () => {
    const error = refused('{\n  "Statement": [\n    {\n      "Efect": "Allow"\n    }\n  ]\n}');
    expect(error.problem).toMatchObject({ where: 'line 4, column 7', mend: 'did you mean Effect?' });
  });

  it('does not count white space, and takes a longer document when the quota was raised', () => {
    const spaced = `${document()}${' '.repeat(3000)}`;
    expect(() => readAwsTrustPolicy(spaced)).not.toThrow();
    const long = document({ Condition: { StringEquals: { 'a:b': 'x'.repeat(3000) } } });
    expect(() => readAwsTrustPolicy(long)).toThrow(TrustDocumentError);
    expect(() => readAwsTrustPolicy(long, 8192)).not.toThrow();
  });
});
