import * as fc from 'fast-check';
import { anyText } from './any-text.ts';

/** A role as it is written to `auth/jwt/role/NAME`. */
export type RoleDocument = Readonly<Record<string, unknown>>;

/** The claims of a token; times are seconds from the moment of signing, so that none of them grows old. */
export interface TokenDraft {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly times: Readonly<Partial<Record<'iat' | 'nbf' | 'exp', TimeDraft>>>;
}

/** Seconds from now, or a value that stands in the token as it is. */
export type TimeDraft = { readonly fromNow: number } | { readonly value: unknown };

const subjects = [
  'organization:acme:project:net:workspace:prod:run_phase:apply',
  'organization:acme:project:net:workspace:prod:run_phase:plan',
  'organization:acme:project:Default Project:workspace:web:run_phase:plan',
  'organization:ACME:project:net:workspace:prod:run_phase:apply',
  'organization:acme-evil:project:net:workspace:prod:run_phase:apply',
  'ürgänization:✓:😀',
  '',
  'a',
];
const words = [
  'a',
  'b',
  'aa',
  'ab',
  'abc',
  'a*c',
  '',
  ' a',
  'a,b',
  'true',
  '12',
  '1e3',
  '*',
  '?',
  'é',
  'e\u0301',
  '😀',
];
const patterns = [
  'organization:acme:*',
  'organization:acme:project:*:workspace:*:run_phase:apply',
  '*:run_phase:plan',
  '*',
  '**',
  'a*b*c',
  'a*',
  '*a',
  '*a*',
  'ab*b',
  '',
  'a?c',
  '[a]',
  'a*bc',
  '*😀',
];
const audiences = ['vault.workload.identity', 'aws.workload.identity', 'a', ''];
const claimNames = [
  'sub',
  'aud',
  'terraform_run_phase',
  'terraform_workspace_id',
  'groups',
  'level',
  'deep',
  '/deep/name',
  '/deep/list/0',
  '/deep/list/01',
  '/deep/list/',
  '/deep/list/9',
  '/deep/a~1b',
  '/deep/m~0n',
  '/groups/0',
  '/sub/0',
  '/none/at/all',
  '/',
  'exp',
  'missing',
];

const scalar = fc.oneof(
  fc.constantFrom(...words, ...subjects),
  fc.constantFrom<unknown>(0, 1, 12, -5, 1000, 1.5, 1e3, 1e21, 9007199254740992, 1e300, true, false, null),
  anyText({ maxLength: 4 }),
);
const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 2, arbitrary: fc.array(scalar, { maxLength: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(
      [['a']],
      [{ a: 1 }],
      { a: 1 },
      { b: ['x', null, 1.5e-7], a: { c: true } },
      [[]],
      {},
    ),
  },
);

type Fields = Readonly<Record<string, fc.Arbitrary<unknown>>>;

/** A sound document with at most so many of its fields replaced. */
function bent(
  sound: Readonly<Record<string, unknown>>,
  fields: Fields,
  most: number,
): fc.Arbitrary<Record<string, unknown>> {
  const one = fc
    .constantFrom(...Object.keys(fields))
    .chain((name) => fields[name]!.map((replacement) => [name, replacement] as const));
  return fc.array(one, { maxLength: most }).map((changes) => {
    const all = { ...sound, ...(Object.fromEntries(changes) as Record<string, unknown>) };
    return Object.fromEntries(Object.entries(all).filter(([, field]) => field !== undefined));
  });
}

const leeway = fc.constantFrom<unknown>(0, -1, 5, 30, 60, 150, 600, '2m', '-1s', '500ms', null);
const ttl = fc.constantFrom<unknown>(60, 600, '10m', '1h', 2_764_800, 2_800_000, '1d', 0);

const boundValue = (globs: boolean): fc.Arbitrary<unknown> => {
  const text = fc.constantFrom(...words, ...subjects, ...(globs ? patterns : []), ...patterns);
  if (globs)
    return fc.oneof(
      { weight: 4, arbitrary: text },
      { weight: 2, arbitrary: fc.array(text, { maxLength: 3 }) },
      { weight: 1, arbitrary: value },
    );
  return fc.oneof({ weight: 2, arbitrary: text }, { weight: 3, arbitrary: value });
};

const boundClaims = (globs: boolean) =>
  fc.dictionary(fc.constantFrom(...claimNames), boundValue(globs), { minKeys: 0, maxKeys: 2, noNullPrototype: true });

const roleFields: Fields = {
  role_type: fc.constantFrom<unknown>('oidc', 'JWT', null),
  user_claim: fc.constantFrom<unknown>(
    'level',
    '/deep/name',
    'aud',
    'groups',
    'missing',
    'exp',
    5,
    '',
    null,
    [],
    'terraform_workspace_id',
  ),
  user_claim_json_pointer: fc.constantFrom<unknown>(true, false, 'true', 'yes'),
  bound_audiences: fc.oneof(
    fc.constantFrom<unknown>(undefined, [], 'a, vault.workload.identity', '', [''], null),
    fc.array(fc.constantFrom<unknown>(...audiences, 5, true), { maxLength: 2 }),
  ),
  bound_subject: fc.constantFrom<unknown>(...subjects, subjects[0], subjects[0], 'organization:acme:*', 5),
  bound_claims_type: fc.constantFrom<unknown>('string', 'glob', 'regex', null),
  groups_claim: fc.constantFrom('groups', 'groups', '/deep/list', 'missing', 'level', 'deep'),
  claim_mappings: fc.oneof(
    fc.dictionary(fc.constantFrom(...claimNames), fc.constantFrom('x', 'y', 'z', 'role'), {
      maxKeys: 2,
      noNullPrototype: true,
    }),
    fc.constantFrom<unknown>('sub=s', ['terraform_run_phase=phase'], 'none'),
  ),
  expiration_leeway: leeway,
  not_before_leeway: leeway,
  clock_skew_leeway: leeway,
  max_age: fc.constantFrom<unknown>(1, 100),
  token_ttl: ttl,
  token_max_ttl: ttl,
  token_explicit_max_ttl: ttl,
  token_period: fc.constantFrom<unknown>(120, '1h', 0),
  token_policies: fc.constantFrom<unknown>(['tf'], 'Tf, other', ['b', 'a', 'b', ''], [], 'default', 'root'),
  token_no_default_policy: fc.boolean(),
  token_num_uses: fc.constantFrom<unknown>(0, 5, '7', -1),
  token_type: fc.constantFrom<unknown>('default', 'service', 'batch', 'batch', 'x'),
  token_bound_cidrs: fc.constantFrom<unknown>(
    '127.0.0.1',
    '127.0.0.0/8',
    '10.0.0.0/8',
    '::1',
    ['10.0.0.1', '127.0.0.1/32'],
    '',
    'x',
  ),
  policies: fc.constantFrom<unknown>(['Old', 'older'], 'x,x'),
};

/** Roles: most of them sound, some that a server refuses. */
export const roleDocument: fc.Arbitrary<RoleDocument> = fc.boolean().chain((globs) =>
  fc
    .tuple(
      bent(
        {
          role_type: 'jwt',
          user_claim: 'sub',
          bound_audiences: ['vault.workload.identity', 'a'],
          ...(globs && { bound_claims_type: 'glob' }),
        },
        roleFields,
        5,
      ),
      fc.oneof(
        {
          weight: 2,
          arbitrary: fc.constant(globs ? { sub: 'organization:acme:*' } : { terraform_run_phase: ['plan', 'apply'] }),
        },
        { weight: 3, arbitrary: boundClaims(globs) },
      ),
    )
    .map(([role, bound]) => ({ ...role, bound_claims: bound })),
);

/** Seconds well inside or outside of every leeway that a role above may have: 5 s away from each edge. */
const edges = [0, 5, 30, 60, 90, 120, 150, 155, 180, 210, 270, 300, 600, 660, 1200];
const aroundEdges = edges.flatMap((edge) => [edge - 3, edge + 3, -edge - 3, -edge + 3]);

const time: fc.Arbitrary<TimeDraft | undefined> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...aroundEdges).map((fromNow) => ({ fromNow })) },
  { weight: 2, arbitrary: fc.constantFrom(...aroundEdges).map((fromNow) => ({ fromNow: fromNow + 0.5 })) },
  { weight: 2, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<unknown>(0, null, '5', true, -1, 1e18, 1e300, -1e300, 9.2233719e18, 4e9, [], {})
      .map((fixed) => ({ value: fixed })),
  },
);

const tokenFields: Fields = {
  sub: fc.oneof(fc.constantFrom(...subjects), value),
  aud: fc.constantFrom<unknown>(
    ['x', 'a'],
    ['vault.workload.identity'],
    [],
    '',
    undefined,
    [''],
    null,
    5,
    ['a', 5],
    [null],
    {},
    true,
    [['a']],
    ...audiences,
  ),
  jti: fc.constantFrom<unknown>('id', 5, null, ['x']),
  iss: fc.constantFrom<unknown>('http://127.0.0.1:1', '', 5, null, true),
  terraform_run_phase: fc.constantFrom<unknown>('plan', 'apply', 'Apply', undefined),
  terraform_workspace_id: value,
  groups: fc.oneof(fc.constantFrom<unknown>(['a', 'b'], 'a', ['a', ''], []), value),
  level: value,
  deep: fc
    .record({ name: value, list: fc.array(value, { maxLength: 3 }), 'a/b': scalar, 'm~n': scalar })
    .map((deep) => ({ ...deep })),
  '': scalar,
};

/** Tokens for any role: near what HCP's carry, with hostile shapes among them. */
export const tokenDraft: fc.Arbitrary<TokenDraft> = fc.record({
  claims: bent(
    {
      sub: subjects[0],
      aud: 'vault.workload.identity',
      terraform_run_phase: 'apply',
      terraform_workspace_id: 'ws-1',
      groups: ['a', 'b'],
      level: 12,
      deep: { name: 'x', list: ['a', 1, true], 'a/b': 'c', 'm~n': 'd' },
    },
    tokenFields,
    3,
  ),
  times: fc.oneof(
    { weight: 3, arbitrary: fc.constant({ iat: { fromNow: 0 }, nbf: { fromNow: -5 }, exp: { fromNow: 3600 } }) },
    {
      weight: 2,
      arbitrary: fc
        .record({ iat: time, nbf: time, exp: time })
        .map((times) => Object.fromEntries(Object.entries(times).filter(([, one]) => one !== undefined))),
    },
  ),
});

/** The claims of a token that is signed at this moment. */
export function claimsAt(draft: TokenDraft, issuer: string, now: Date): Record<string, unknown> {
  const times = Object.entries(draft.times).map(([name, one]) => [
    name,
    'value' in one ? one.value : Math.floor(now.getTime() / 1000) + one.fromNow,
  ]);
  return { iss: issuer, ...draft.claims, ...(Object.fromEntries(times) as Record<string, unknown>) };
}
