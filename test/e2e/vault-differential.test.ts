import { afterAll, beforeAll, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { readVaultConfig, readVaultRole } from '../../src/platforms/vault/trust-policy.ts';
import { allowedOn, readAclPolicy } from '../../src/sandbox/vault/acl-policy.ts';
import { readSandboxConfig } from '../../src/sandbox/config.ts';
import { openSandbox, type Sandbox } from '../../src/sandbox/open.ts';
import { startBao, type Bao, type BaoAnswer } from '../support/bao.ts';
import { openTestIssuer, testKey, type TestIssuer, type TestKey } from '../support/issuer.ts';
import { describeWith } from '../support/programs.ts';
import { claimsAt, roleDocument, tokenDraft, type RoleDocument } from '../support/vault-pairs.ts';
import { roleTable } from '../support/vault-role-table.ts';

const seed = Number(process.env['HALLPASS_TEST_SEED'] ?? 20_261_121);
const roleCount = 400;
const tokensPerRole = 8;

/** The error of an answer without what differs by nature; claims are named by chance where several fail. */
function kindOf(message: string): string {
  return message
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '"…"')
    .replaceAll(/'[^']*'/g, "'…'")
    .replace(/map\[.*\]$/s, 'map[…]');
}

describeWith(['bao'], 'logins at OpenBao and at the stand-in', () => {
  let bao: Bao;
  let key: TestKey;
  let issuer: TestIssuer;
  let roles: readonly { readonly name: string; readonly document: RoleDocument }[];
  let sandbox: Sandbox;
  const refusals = { both: 0, mismatches: [] as unknown[] };

  const config = () => ({ oidc_discovery_url: issuer.url, bound_issuer: issuer.url });

  beforeAll(async () => {
    bao = await startBao();
    key = await testKey();
    issuer = await openTestIssuer({ key });
    await bao.set('POST', 'sys/auth/jwt', { type: 'jwt' });
    await bao.set('POST', 'auth/jwt/config', config());
    const accepted: { name: string; document: RoleDocument }[] = [];
    for (const [index, document] of fc.sample(roleDocument, { numRuns: roleCount, seed }).entries()) {
      const name = `r${index}`;
      const written = await bao.call('POST', `auth/jwt/role/${name}`, document);
      const difference = roleDifference(written, document);
      if (difference !== null) refusals.mismatches.push(difference);
      else if (written.status >= 400) refusals.both += 1;
      else accepted.push({ name, document });
    }
    roles = accepted;
    const part = {
      auth: {
        jwt: {
          config: config(),
          roles: Object.fromEntries(accepted.map(({ name, document }) => [name, JSON.stringify(document)])),
        },
      },
    };
    sandbox = await openSandbox({
      config: await readSandboxConfig(JSON.stringify({ vault: part }), '/'),
      log: () => {},
    });
  });

  afterAll(async () => {
    await sandbox?.close();
    await issuer?.close();
    await bao?.[Symbol.asyncDispose]();
  });

  it('agree on which roles cannot be written, and in which words', () => {
    print(`seed ${seed}: ${roleCount} roles, ${refusals.both} refused by both`);
    expect(refusals.mismatches).toEqual([]);
    expect(refusals.both).toBeGreaterThan(20);
  });

  it('agree on thousands of pairs of role and token', async () => {
    const counts = { pairs: 0, accepted: 0, refused: 0, renewed: 0 };
    const kinds = new Map<string, number>();
    const differences: unknown[] = [];
    for (const [index, { name, document }] of roles.entries()) {
      for (const draft of fc.sample(tokenDraft, { numRuns: tokensPerRole, seed: seed + index })) {
        const payload = JSON.stringify(claimsAt(draft, issuer.url, new Date()));
        const jwt = await rawToken(key, JSON.stringify({ alg: 'RS256', kid: key.kid }), payload);
        const [real, ours] = [
          await bao.call('POST', 'auth/jwt/login', { role: name, jwt }, { token: '' }),
          await atStandIn('POST', 'auth/jwt/login', { role: name, jwt }),
        ];
        counts.pairs += 1;
        const found = real.status === 200 && ours.status === 200 ? await tokenDifferences(real, ours) : [];
        if (real.status === 200) counts.accepted += 1;
        else {
          counts.refused += 1;
          const kind = kindOf(real.body?.errors?.[0] ?? '');
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        }
        if (real.status !== ours.status || !sameWords(real, ours, document) || found.length > 0)
          differences.push(
            JSON.stringify({ document, payload, real: real.body?.errors, ours: ours.body?.errors, found }),
          );
      }
    }
    print(`seed ${seed}: ${counts.pairs} pairs, ${counts.accepted} accepted, ${counts.refused} refused by both`);
    for (const [kind, count] of [...kinds].toSorted(([, left], [, right]) => right - left)) print(`${count} ${kind}`);
    expect(differences.slice(0, 20)).toEqual([]);
    expect(counts.pairs).toBeGreaterThan(2_000);
    expect(counts.accepted).toBeGreaterThan(300);
    expect(kinds.size).toBeGreaterThan(20);
  });

  it.each([
    ['no kid', '{"alg":"RS256"}', '{}'],
    ['an empty kid', '{"alg":"RS256","kid":""}', '{}'],
    ['an unknown kid', '{"alg":"RS256","kid":"other"}', '{}'],
    ['a kid that is a number', '{"alg":"RS256","kid":5}', '{}'],
    ['an unknown extension', '{"alg":"RS256","crit":["x"],"x":1}', '{}'],
    ['another typ', '{"alg":"RS256","typ":"at+jwt"}', '{}'],
    ['HS256', '{"alg":"HS256"}', '{}'],
    ['none', '{"alg":"none"}', '{}'],
    ['no alg', '{}', '{}'],
    ['an algorithm of another hash', '{"alg":"RS384"}', '{}'],
    ['alg twice', '{"alg":"none","alg":"RS256"}', '{}'],
    ['a header that is a list', '[]', '{}'],
    ['a claim that looks like iss', null, '{"Iss":"x"}'],
    ['a claim that looks like sub in Unicode', null, '{"\u017fub":"x"}'],
    ['a claim that looks like azp', null, '{"AZP":"x"}'],
    ['a payload that is a list', null, '[]'],
    ['a payload that is null', null, 'null'],
    ['a payload that is not JSON', null, 'x'],
    ['a claim that stands twice', null, '{"aud":"wrong","aud":"vault.workload.identity"}'],
  ])('agree on %s', async (_, header, payload) => {
    const now = Math.floor(Date.now() / 1000);
    const sound = `{"iss":"${issuer.url}","sub":"s","aud":"vault.workload.identity","iat":${now},`;
    const text = payload.startsWith('{') ? (sound + payload.slice(1)).replace(/,\}$/, '}') : payload;
    const jwt = await rawToken(key, header ?? JSON.stringify({ alg: 'RS256', kid: key.kid }), text);
    await expectSameRefusal({ role: await plainRole(), jwt });
  });

  it.each([
    ['one part', 'abc'],
    ['four parts', 'a.b.c.d'],
    ['empty parts', '..'],
    ['a part that is not base64url', 'ey!.ey.x'],
  ])('agree on a token with %s', async (_, jwt) => {
    await expectSameRefusal({ role: await plainRole(), jwt });
  });

  it.each([
    ['no role', { jwt: 'x' }],
    ['an unknown role', { role: 'nope', jwt: 'x' }],
    ['no token', { role: 'plain' }],
    ['a role that is a list', { role: ['plain'], jwt: 'x' }],
    ['a body that is a list', []],
    ['a body that is null', null],
  ])('agree on a login with %s', async (_, body) => {
    await plainRole();
    await expectSameRefusal(body);
  });

  it('agree on what policies allow', async () => {
    const segment = fc.constantFrom('a', 'b', 'ab', 'c');
    const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
    const pattern = fc
      .tuple(
        fc.array(fc.oneof(segment, fc.constant('+')), { minLength: 1, maxLength: 4 }),
        fc.constantFrom('', '', '/*', '*', '/'),
      )
      .map(([segments, end]) => segments.join('/') + (segments.at(-1) === '+' && end === '*' ? '' : end));
    const some = fc.uniqueArray(fc.constantFrom('create', 'read', 'update', 'delete', 'list', 'deny'), {
      minLength: 1,
    });
    const rules = fc.array(fc.tuple(pattern, some), { minLength: 1, maxLength: 5 });
    const differences: string[] = [];
    let compared = 0;
    for (const [index, policies] of fc
      .sample(fc.array(rules, { minLength: 1, maxLength: 2 }), { numRuns: 150, seed })
      .entries()) {
      const texts = policies.map((all) =>
        all.map(([one, may]) => `path "kv/${one}" { capabilities = ${JSON.stringify(may)} }`).join('\n'),
      );
      const names = texts.map((_, number) => `p${index}-${number}`);
      for (const [number, policy] of texts.entries())
        await bao.set('PUT', `sys/policies/acl/${names[number]!}`, { policy });
      const made = await bao.set('POST', 'auth/token/create', { policies: names, ttl: '5m' });
      const paths = fc.sample(path, { numRuns: 20, seed: seed + index }).map((one) => `kv/${one}`);
      const token = made.body!.auth!.client_token;
      const { body } = await bao.call('POST', 'sys/capabilities-self', { paths }, { token });
      for (const one of paths) {
        const { capabilities } = allowedOn(one, texts.map(readAclPolicy), false);
        const ours = capabilities.size > 0 ? [...capabilities].toSorted() : ['deny'];
        compared += 1;
        if (JSON.stringify(body!.data![one]) !== JSON.stringify(ours))
          differences.push(JSON.stringify({ texts, path: one, real: body!.data![one], ours }));
      }
    }
    print(`seed ${seed}: ${compared} pairs of policies and path`);
    expect(differences.slice(0, 10)).toEqual([]);
  });

  it.each(roleTable())('agree on whether a role may be written: %j', async (fields) => {
    const document = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'], ...fields };
    const name = `t${Math.random().toString(36).slice(2)}`;
    const written = await bao.call('POST', `auth/jwt/role/${name}`, document);
    expect(roleDifference(written, document)).toBeNull();
  });

  it.each([
    [{}],
    [{ jwks_url: 'http://127.0.0.1:1', oidc_discovery_url: 'http://127.0.0.1:1' }],
    [{ provider_config: {} }],
    [{ oidc_client_id: 'x', oidc_discovery_url: 'ISSUER' }],
    [{ oidc_discovery_url: 'ISSUER', jwt_supported_algs: ['HS256'] }],
    [{ oidc_discovery_url: 'ISSUER', jwt_supported_algs: 'RS256,none' }],
    [{ oidc_discovery_url: 'ISSUER', default_role: 'X', bound_issuer: 5, nope: 1 }],
    [{ oidc_discovery_url: ['ISSUER'] }],
  ])('agree on whether a configuration may be written: %j', async (fields) => {
    const document = JSON.parse(JSON.stringify(fields).replaceAll('ISSUER', issuer.url)) as object;
    const written = await bao.call('POST', 'auth/other/config', document);
    if (written.status === 404) await bao.set('POST', 'sys/auth/other', { type: 'jwt' });
    const again = written.status === 404 ? await bao.call('POST', 'auth/other/config', document) : written;
    expect(readFault(() => readVaultConfig(JSON.stringify(document)))).toEqual(faultOf(again));
  });

  async function plainRole(): Promise<string> {
    const name = roles.find(({ document }) => isPlain(document))!.name;
    return name;
  }

  async function atStandIn(method: string, path: string, body?: unknown, token = ''): Promise<BaoAnswer> {
    const response = await fetch(`${sandbox.endpoint('vault')}/v1/${path}`, {
      method,
      headers: token === '' ? {} : { 'x-vault-token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : (JSON.parse(text) as BaoAnswer['body']) };
  }

  async function expectSameRefusal(body: unknown): Promise<void> {
    const real = await bao.call('POST', 'auth/jwt/login', body, { token: '' });
    const ours = await atStandIn('POST', 'auth/jwt/login', body);
    expect(ours.status).toBe(real.status);
    expect(plainWords(ours)).toBe(plainWords(real));
  }

  /** What the two tokens show of themselves, then the same after renewal and revocation. */
  async function tokenDifferences(real: BaoAnswer, ours: BaoAnswer): Promise<readonly unknown[]> {
    const tokens = [real.body!.auth!.client_token, ours.body!.auth!.client_token] as const;
    const found: unknown[] = [];
    const compare = (what: string, shown: readonly [unknown, unknown]): void => {
      if (JSON.stringify(shown[0]) !== JSON.stringify(shown[1])) found.push({ what, real: shown[0], ours: shown[1] });
    };
    compare('auth', [shownAuth(real), shownAuth(ours)]);
    for (const [method, path, body] of [
      ['GET', 'auth/token/lookup-self', undefined],
      ['POST', 'auth/token/renew-self', { increment: '5m' }],
      ['POST', 'auth/token/renew-self', {}],
      ['POST', 'auth/token/revoke-self', undefined],
      ['GET', 'auth/token/lookup-self', undefined],
    ] as const) {
      const answers = [
        await bao.call(method, path, body, { token: tokens[0] }),
        await atStandIn(method, path, body, tokens[1]),
      ] as const;
      compare(path, [shownCall(answers[0]), shownCall(answers[1])]);
    }
    return found;
  }
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** An error without what Go's JSON and base64 readers say in detail. */
function plainWords(answer: BaoAnswer): string {
  return (answer.body?.errors?.[0] ?? '')
    .replace(/(malformed jwt): failed to unmarshal key ID.*/s, '$1')
    .replace(/(malformed jwt|signature): (?:json|illegal|invalid).*/s, '$1');
}

async function rawToken(key: TestKey, header: string, payload: string): Promise<string> {
  const signed = [header, payload].map((part) => Buffer.from(part).toString('base64url')).join('.');
  const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', key.privateKey, Buffer.from(signed));
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

function isPlain(document: RoleDocument): boolean {
  const { role_type: type, user_claim: user, bound_subject: subject, bound_claims: bound } = document;
  return (
    type === 'jwt' &&
    user === 'sub' &&
    subject === undefined &&
    JSON.stringify(bound) === '{}' &&
    Object.keys(document).length <= 5 &&
    JSON.stringify(document['bound_audiences'] ?? '').includes('vault.')
  );
}

function looseKind(fault: string | null): string | undefined {
  return /^(?:conversion|claim is not a string|m(?:etadata|ultiple) key)/.exec(fault ?? '')?.[0].charAt(0);
}

/** Null when both let it be written, or refuse it in the same words. */
function roleDifference(written: BaoAnswer, document: RoleDocument): object | null {
  const [real, ours] = [faultOf(written), readFault(() => readVaultRole(JSON.stringify(document)))];
  // Where several values are wrong the server names any of them.
  return real === ours || (looseKind(real) !== undefined && looseKind(real) === looseKind(ours))
    ? null
    : { document, real, ours };
}

const conversion = /^.*error converting input for field (?:\\?")(\w+).*$/s;

/** What refuses a document; of a value that is of the wrong kind only its name. */
function faultOf(answer: BaoAnswer): string | null {
  return answer.status < 300 ? null : (answer.body?.errors?.[0] ?? '').replace(conversion, 'conversion of $1');
}

function readFault(read: () => unknown): string | null {
  try {
    read();
    return null;
  } catch (error) {
    return (error as Error).message.replace(conversion, 'conversion of $1');
  }
}

/** The same words, or the same kind of words where several claims fail and the server names any of them. */
function sameWords(real: BaoAnswer, ours: BaoAnswer, document: RoleDocument): boolean {
  const [left, right] = [real.body?.errors?.[0], ours.body?.errors?.[0]];
  if (left === right) return true;
  const several = (name: string): boolean => Object.keys(Object(document[name]) as object).length > 1;
  return (several('bound_claims') || several('claim_mappings')) && stageOf(left) === stageOf(right);
}

function stageOf(text = ''): string {
  return /^error (?:validating claims|converting claim)/.exec(text)?.[0] ?? text;
}

function shownAuth({ body }: BaoAnswer): unknown {
  const { auth, warnings } = body as unknown as { auth: Record<string, unknown>; warnings: unknown };
  const { client_token: _, accessor, entity_id: entity, metadata, ...rest } = auth;
  return {
    ...sorted(rest),
    metadata: sorted((metadata ?? {}) as Record<string, unknown>),
    accessor: accessor === '',
    entity: entity === '',
    warnings,
  };
}

/** An answer without what is made of chance or of the moment. */
function shownCall(answer: BaoAnswer): unknown {
  const { status, body } = answer;
  if (body?.errors !== undefined) return { status, errors: body.errors };
  if (body?.auth) {
    const auth = shownAuth(answer) as Record<string, unknown>;
    const lease = auth['lease_duration'] as number;
    // A renewal up to a limit may fall on either side of a second, and be warned of or not.
    return { status, ...auth, lease_duration: Math.ceil((lease + 2) / 5), warnings: null };
  }
  if (!body?.data) return { status };
  const ignored = ['accessor', 'id', 'entity_id', 'creation_time', 'expire_time', 'issue_time', 'ttl'];
  const data = Object.entries(body.data).filter(([name]) => !ignored.includes(name));
  return {
    status,
    data: sorted(Object.fromEntries(data)),
    meta: sorted((body.data['meta'] ?? {}) as Record<string, unknown>),
  };
}

function sorted(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record)
      .filter(([name]) => name !== 'meta')
      .toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
}
