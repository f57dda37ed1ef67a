import * as fc from 'fast-check';
import type { Json, JsonObject } from '../../src/domain/json.ts';

/*
 * Authentication configurations and claims that meet each other often enough to be accepted, and that go wrong in all the
 * ways that are known.
 */

export const now = new Date('2026-11-21T10:03:50.500Z');
const seconds = Math.floor(now.getTime() / 1000);

const issuers = ['https://a.example.com', 'https://b.example.com/path', 'https://c.example.com:8443'] as const;
const names = ['sub', 'org', 'ws', 'phase', 'groups', 'flag', 'num', 'email', 'obj', 'nope', 'empty'] as const;
const words = ['acme', 'acme-evil', 'plan', 'apply', 'ws-1', 'x', 'system:masters', ''] as const;

const name = fc.constantFrom(...names);
const word = fc.constantFrom(...words).map((text) => `'${text}'`);
const claim = name.map((one) => `claims.${one}`);

/** Expressions by the type that they mean to have; they often have another. */
const expressions = fc.letrec<{ text: string; bool: string; list: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    claim,
    word,
    fc.tuple(word, claim).map(([a, b]) => `${a} + ${b}`),
    fc.tuple(name, word).map(([a, b]) => `claims.?${a}.orValue(${b})`),
    fc.tuple(name, word).map(([a, b]) => `claims[?'${a}'].orValue(${b})`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `(${a}) + ':' + (${b})`),
    fc.tuple(tie('bool'), tie('text'), tie('text')).map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
    claim.map((a) => `string(${a})`),
    claim.map((a) => `${a}.lowerAscii()`),
    claim.map((a) => `${a}.split('-')[0]`),
    fc.tuple(claim, fc.integer({ min: -1, max: 5 })).map(([a, n]) => `${a}.substring(${n})`),
    claim.map((a) => `${a}.replace('a', 'b')`),
    fc.tuple(claim, fc.integer({ min: -1, max: 3 })).map(([a, n]) => `${a}[${n}]`),
    name.map((a) => `claims['${a}']`),
    fc.constantFrom(
      'claims.obj.team',
      "claims.obj['x.y']",
      'claims.obj.x__dot__y',
      'claims.?obj.?team.orValue("none")',
    ),
    fc.constantFrom('claims.nope', 'nope', '1', 'null', 'claims', 'claims.sub +', 'size(claims.groups)', "b'x'"),
    claim.map((a) => `dyn(${a}).join(',')`),
  ),
  bool: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(claim, word).map(([a, b]) => `${a} == ${b}`),
    fc.tuple(claim, word).map(([a, b]) => `${a} != ${b}`),
    fc.tuple(claim, word).map(([a, b]) => `${a}.startsWith(${b})`),
    fc.tuple(claim, word).map(([a, b]) => `${a}.contains(${b})`),
    fc
      .tuple(claim, fc.constantFrom('^acme$', 'acme', '^ws-[0-9]+$', '(plan|apply)', '[', '(?i)ACME'))
      .map(([a, b]) => `${a}.matches('${b}')`),
    claim.map((a) => `has(${a})`),
    fc.tuple(word, claim).map(([a, b]) => `${a} in ${b}`),
    fc.tuple(claim, tie('list')).map(([a, b]) => `${a} in ${b}`),
    fc.tuple(claim, word).map(([a, b]) => `dyn(${a}).exists(g, g == ${b})`),
    fc.tuple(claim, word).map(([a, b]) => `dyn(${a}).all(g, g.startsWith(${b}))`),
    claim.map((a) => `${a}.exists(g, g == 'acme')`),
    fc.tuple(tie('bool'), tie('bool')).map(([a, b]) => `(${a}) && (${b})`),
    fc.tuple(tie('bool'), tie('bool')).map(([a, b]) => `(${a}) || (${b})`),
    tie('bool').map((a) => `!(${a})`),
    fc.tuple(tie('text'), tie('text')).map(([a, b]) => `(${a}) == (${b})`),
    fc.tuple(claim, fc.constantFrom('7', '7.0', "'7'", '6u', 'claims.num')).map(([a, b]) => `${a} == ${b}`),
    fc
      .tuple(claim, fc.constantFrom('<', '<=', '>', '>='), fc.constantFrom('7', '6.5', "'b'"))
      .map((all) => all.join(' ')),
    fc.constantFrom(
      'claims.exp - claims.iat <= 3600',
      'claims.exp - claims.iat <= 3600.0',
      'claims.flag',
      'claims.flag == true',
    ),
    fc.constantFrom(
      "'sub' in claims",
      'size(claims) > 1',
      'claims == {}',
      'true',
      'false',
      'type(claims.num) == double',
    ),
    fc.tuple(claim, tie('list')).map(([a, b]) => `sets.contains(dyn(${a}), ${b})`),
    fc.tuple(claim, claim).map(([a, b]) => `${a} == ${b}`),
    name.map((a) => `claims.?${a}.hasValue()`),
  ),
  list: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    claim,
    fc.array(word, { maxLength: 3 }).map((all) => `[${all.join(', ')}]`),
    fc.array(tie('text'), { minLength: 1, maxLength: 2 }).map((all) => `[${all.join(', ')}]`),
    fc.tuple(tie('list'), tie('list')).map(([a, b]) => `(${a}) + (${b})`),
    claim.map((a) => `${a}.split(',')`),
    fc.tuple(claim, tie('text')).map(([a, b]) => `dyn(${a}).map(g, ${b})`),
    fc.tuple(claim, word).map(([a, b]) => `dyn(${a}).filter(g, g != ${b})`),
    fc.tuple(tie('bool'), tie('list'), tie('list')).map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
    name.map((a) => `claims.?${a}.orValue([])`),
  ),
}));

/** Expressions as people write them, which hold for most tokens; now and then any others. */
const written = {
  text: fc.oneof(
    {
      arbitrary: fc.constantFrom(
        'claims.sub',
        "'tf:' + claims.ws + ':' + claims.phase",
        "'org:' + claims.?org.orValue('none')",
        "has(claims.ws) ? claims.ws : 'none'",
        "claims.phase == 'apply' ? 'writer' : 'reader'",
        "claims.email_verified == true ? claims.email : 'unverified:' + claims.email",
        "claims.sub.split(':')[0]",
        'string(claims.num)',
        "claims.?obj.?team.orValue('none')",
      ),
      weight: 3,
    },
    { arbitrary: expressions.text, weight: 1 },
  ),
  list: fc.oneof(
    {
      arbitrary: fc.constantFrom(
        'claims.groups',
        "['tf:' + claims.org, 'tf:' + claims.ws]",
        "dyn(claims.groups).map(g, 'p:' + g)",
        "dyn(claims.groups).filter(g, g.startsWith('a'))",
        'claims.?groups.orValue([])',
        '[claims.org, claims.phase]',
        "claims.phase == 'apply' ? ['writers'] : []",
        "['all'] + claims.groups",
        "''",
      ),
      weight: 3,
    },
    { arbitrary: expressions.list, weight: 1 },
  ),
  bool: fc.oneof(
    {
      arbitrary: fc.constantFrom(
        "claims.org == 'acme'",
        "claims.phase in ['plan', 'apply']",
        "claims.sub.startsWith('organization:')",
        "has(claims.ws) && claims.ws.matches('^ws-[0-9]+$')",
        "'acme' in claims.groups",
        "dyn(claims.groups).exists(g, g == 'acme')",
        'claims.?email_verified.orValue(true) == true',
        'claims.num == 7 || claims.num > 8',
        '!has(claims.nope)',
        "claims.flag == true || claims.phase == 'plan'",
      ),
      weight: 4,
    },
    { arbitrary: expressions.bool, weight: 1 },
  ),
};

const saneUserRule = fc.constantFrom(
  "!user.username.startsWith('system:')",
  "user.username != ''",
  "user.groups.all(g, !g.startsWith('system:'))",
  "user.groups.exists(g, g == 'acme')",
  "'acme' in user.groups",
  'size(user.groups) < 3',
  "user.uid == '' || user.uid.size() < 40",
  'user.extra == {}',
  "user.extra['authentication.kubernetes.io/credential-id'][0].startsWith('JTI=')",
  'has(user.extra.authentication__dot__kubernetes__dot__io__slash__credential__dash__id)',
  "'example.com/a' in user.extra",
);

/** Mostly the first; the others go wrong. */
const mostly = <T>(good: fc.Arbitrary<T>, ...bad: T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { arbitrary: good, weight: 40 * bad.length },
    ...bad.map((one) => ({ arbitrary: fc.constant(one), weight: 1 })),
  );

const userRule = mostly<string>(saneUserRule, 'user.nope == 1', 'user.username', 'claims.sub == "x"', '');

const prefixed = (expression: fc.Arbitrary<string>): fc.Arbitrary<JsonObject> =>
  mostly<JsonObject>(
    fc.oneof(
      fc.record({
        claim: fc.oneof(fc.constantFrom('sub', 'org', 'groups'), name),
        prefix: fc.constantFrom('', 'p:', 'https://a.example.com#'),
      }),
      expression.map((one) => ({ expression: one })),
    ),
    { claim: 'sub' },
    { claim: 'sub', prefix: '', expression: 'claims.sub' },
    { expression: 'claims.sub', prefix: '' },
    {},
  );

const rule: fc.Arbitrary<JsonObject> = mostly<JsonObject>(
  written.bool.map((expression) => ({ expression, message: 'says the rule' })),
  {},
  { claim: 'org', message: 'm' },
  { expression: 'true', requiredValue: 'x' },
  { claim: 'org', expression: 'true' },
);

const extra: fc.Arbitrary<JsonObject> = fc.record({
  key: mostly<string>(
    fc.constantFrom('example.com/a', 'example.com/b', 'x.io/c'),
    'a',
    'A.b/c',
    'k8s.io/x',
    '',
    'a/b c',
  ),
  valueExpression: mostly<string>(fc.oneof(written.text, written.list), ''),
});

const entry = (url: string): fc.Arbitrary<JsonObject> =>
  fc
    .record({
      url: mostly<string>(
        fc.constant(url),
        'http://a.example.com',
        'https://a.example.com?x=1',
        '',
        'https://u@a.example.com',
      ),
      audiences: mostly<readonly string[]>(fc.constantFrom(['k'], ['k', 'l'], ['l', 'k']), [], [''], ['k', 'k']),
      policy: mostly<string>(fc.constantFrom('MatchAny'), '', 'All'),
      discovery: mostly<string | null>(fc.constant(null), `${url}/other`, `${url}/`, 'http://x'),
      username: prefixed(written.text),
      groups: fc.option(prefixed(fc.oneof(written.list, written.list, written.text))),
      uid: fc.option(
        fc.oneof(
          name.map((one) => ({ claim: one })),
          written.text.map((one) => ({ expression: one })),
        ),
      ),
      extra: fc.array(extra, { maxLength: 2 }),
      required: fc.option(
        fc.oneof(
          fc.constant({ claim: 'org', requiredValue: 'acme' }),
          fc.record({ claim: name, requiredValue: fc.constantFrom('acme', 'plan', '') }),
        ),
        { freq: 3 },
      ),
      rules: fc.array(rule, { maxLength: 2 }),
      userRules: fc.array(userRule, { maxLength: 1 }),
      further: mostly<JsonObject>(fc.constant({}), { claimValidationRule: [] }, { claimMappings: 'x' }),
    })
    .map((one) => ({
      issuer: {
        url: one.url,
        ...(one.discovery === null ? {} : { discoveryURL: one.discovery }),
        audiences: one.audiences,
        audienceMatchPolicy: one.policy,
      },
      claimValidationRules: [...(one.required === null ? [] : [one.required]), ...one.rules],
      claimMappings: {
        username: one.username,
        ...(one.groups === null ? {} : { groups: one.groups }),
        ...(one.uid === null ? {} : { uid: one.uid }),
        extra: one.extra,
      },
      userValidationRules: one.userRules.map((expression) => ({ expression, message: 'says the user rule' })),
      ...one.further,
    }));

/** A configuration of one to three authenticators. */
export const configurations: fc.Arbitrary<JsonObject> = fc
  .record({
    version: mostly<string>(fc.constantFrom('v1', 'v1', 'v1beta1'), 'v2'),
    jwt: fc.oneof(
      { arbitrary: fc.tuple(entry(issuers[0])), weight: 40 },
      { arbitrary: fc.tuple(entry(issuers[1]), entry(issuers[0])), weight: 10 },
      { arbitrary: fc.tuple(entry(issuers[0]), entry(issuers[0])), weight: 2 },
      { arbitrary: fc.tuple(entry(issuers[2]), entry(issuers[0]), entry(issuers[1])), weight: 5 },
    ),
  })
  .map(({ version, jwt }) => ({
    apiVersion: `apiserver.config.k8s.io/${version}`,
    kind: 'AuthenticationConfiguration',
    jwt,
  }));

// Objects have one member at most: Go walks over them in any order.
const odd: readonly Json[] = [
  7,
  true,
  false,
  null,
  ['acme', 'x'],
  ['acme', 7],
  [],
  { team: 'x', 'x.y': 'z' },
  '',
  'ä😀-b,c',
];

const value = (usual: fc.Arbitrary<Json>): fc.Arbitrary<Json | undefined> =>
  fc.oneof(
    { arbitrary: usual, weight: 30 },
    { arbitrary: fc.constantFrom(...odd), weight: 2 },
    { arbitrary: fc.constant(undefined), weight: 1 },
  );

const time = (...usual: readonly number[]): fc.Arbitrary<Json | undefined> =>
  fc.oneof(
    { arbitrary: fc.constantFrom(...usual).map((offset) => seconds + offset), weight: 30 },
    {
      arbitrary: fc.constantFrom<Json | undefined>(
        undefined,
        null,
        'soon',
        `${seconds + 100}`,
        seconds + 100.9,
        0,
        true,
      ),
      weight: 2,
    },
  );

/** Claims of one token. A member that is undefined is absent. */
export const claims: fc.Arbitrary<JsonObject> = fc
  .record({
    iss: mostly<Json | undefined>(
      fc.constantFrom<Json>(issuers[0], issuers[0], issuers[0], issuers[0], issuers[1], issuers[2]),
      'https://z',
      7,
      undefined,
      `${issuers[0]}/`,
    ),
    aud: mostly<Json | undefined>(
      fc.constantFrom<Json>('k', ['k'], ['z', 'k'], ['k', 'l']),
      'z',
      ['z'],
      [],
      7,
      null,
      undefined,
    ),
    sub: mostly<Json | undefined>(fc.constantFrom<Json>('organization:acme:workspace:web'), 7, '', undefined),
    exp: time(600, 600, 600, 600, 600, 600, 600, 600, 1, 0, -600),
    nbf: fc.option(time(-10, -10, -10, -10, -10, -10, -10, 60, 61, 600), { nil: undefined }),
    iat: fc.option(time(-10, 600), { nil: undefined }),
    jti: mostly<Json | undefined>(fc.constantFrom<Json>('j-1'), '', 7, undefined),
    org: value(fc.constantFrom<Json>('acme', 'acme', 'acme-evil')),
    ws: value(fc.constantFrom<Json>('ws-1')),
    phase: value(fc.constantFrom<Json>('plan', 'apply')),
    groups: value(fc.constantFrom<Json>(['acme', 'x'], ['acme'], 'acme')),
    flag: value(fc.boolean()),
    num: value(fc.constantFrom<Json>(7, 7.5, 1_000_000, 0)),
    email: value(fc.constantFrom<Json>('me@example.com')),
    email_verified: fc.constantFrom<Json | undefined>(true, true, undefined, false, 'yes', null),
    obj: value(fc.constantFrom<Json>({ team: 'x' }, { 'x.y': 'z' }, {})),
    empty: fc.constant<Json>(''),
    AUD: fc.oneof(
      { arbitrary: fc.constant(undefined), weight: 40 },
      { arbitrary: fc.constantFrom<Json>('z', 'k'), weight: 1 },
    ),
  })
  .map((members) => JSON.parse(JSON.stringify(members)) as JsonObject);
