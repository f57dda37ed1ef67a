import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compactVerify, createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { issuerPlace, mintRequest, testClock, testLease, testWorkload } from '../../test/support/identity.ts';
import { startModule } from '../../test/support/module-process.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import type { AuditEvent } from '../audit/event.ts';
import { openAuditLog, type AuditLog } from '../audit/log.ts';
import { AppError } from '../domain/errors.ts';
import { openIssuer, openThrowAwayIssuer, type Issuer } from './issuer.ts';
import { keyKeeper, type KeyKeeper } from './key-keeper.ts';
import { activeKey, documentMaxAgeSeconds, nextKey, rotationSeconds } from './key-ring.ts';
import { fileKeyStore } from './key-store/file.ts';

const loopback = 'http://127.0.0.1:8300';
const remote = 'https://id.example.com';

async function setUp(url = loopback) {
  const clock = testClock();
  const place = issuerPlace(temporaryDirectory('issuer'));
  const audit = await openAuditLog({ dataDirectory: place.dataDirectory, now: clock.now });
  onTestFinished(() => audit.close());
  const open = (change: object = {}): Promise<Issuer> =>
    openIssuer({ ...place, issuer: url, audit, now: clock.now, ...change });
  const keeper = async (): Promise<KeyKeeper> =>
    keyKeeper({ store: await fileKeyStore(place), audit, now: clock.now, actor: null });
  const events = (): AuditEvent[] =>
    readdirSync(join(place.dataDirectory, 'audit'))
      .filter((name) => name.endsWith('.jsonl'))
      .flatMap((name) =>
        readFileSync(join(place.dataDirectory, 'audit', name), 'utf8')
          .trim()
          .split('\n'),
      )
      .map((line) => JSON.parse(line) as AuditEvent);
  return { clock, place, audit, open, keeper, events };
}

async function verified(issuer: Issuer, compact: string, at: Date) {
  const { jwks } = await issuer.documents();
  return jwtVerify(compact, createLocalJWKSet(JSON.parse(jwks) as JSONWebKeySet), {
    issuer: issuer.url,
    audience: 'aws.workload.identity',
    algorithms: ['RS256'],
    currentDate: at,
  });
}

describe('openIssuer', () => {
  it('mints a token that another library verifies by the published documents alone', async () => {
    const { open, clock } = await setUp();
    const issuer = await open();
    const token = await issuer.mint(mintRequest());
    const { payload, protectedHeader } = await verified(issuer, token.compact.reveal(), clock.now());
    expect(payload).toEqual(token.claims);
    expect(protectedHeader).toEqual({ alg: 'RS256', typ: 'JWT', kid: token.kid });
  });

  it('makes keys by itself on loopback, audited', async () => {
    const { open, events } = await setUp();
    await open();
    expect(events().map((event) => event.type)).toEqual([
      'key_created',
      'key_published',
      'key_created',
      'key_published',
      'key_activated',
    ]);
  });

  it('makes none for any other issuer, and says how', async () => {
    const { open } = await setUp(remote);
    await expect(open()).rejects.toMatchObject({
      code: 'key_missing',
      problem: { mend: `make them: hallpass keys init --issuer ${remote}` },
    });
  });

  it('refuses keys that were made for another issuer', async () => {
    const { open } = await setUp();
    await open();
    await expect(open({ issuer: 'http://127.0.0.1:8301' })).rejects.toMatchObject({
      code: 'issuer_invalid',
      problem: { what: expect.stringContaining(`were made for ${loopback}`) },
    });
  });

  it('refuses an issuer URL that is none', async () => {
    const { open } = await setUp();
    await expect(open({ issuer: `${loopback}/` })).rejects.toMatchObject({ code: 'issuer_invalid' });
  });

  it('makes one ring when eight open at once', async () => {
    const { open } = await setUp();
    const issuers = await Promise.all(Array.from({ length: 8 }, () => open()));
    const tokens = await Promise.all(issuers.map((issuer) => issuer.mint(mintRequest())));
    expect(new Set(tokens.map((token) => token.kid)).size).toBe(1);
    expect(new Set(tokens.map((token) => token.claims.jti)).size).toBe(8);
  });

  it('makes one ring when several processes open at once', async () => {
    const { place } = await setUp();
    const source = `
      import { openAuditLog } from 'SRC/audit/log.ts';
      import { openIssuer } from 'SRC/identity/issuer.ts';
      const place = ${JSON.stringify(place)};
      const now = () => new Date();
      const audit = await openAuditLog({ ...place, now });
      const issuer = await openIssuer({ ...place, issuer: '${loopback}', audit, now });
      const token = await issuer.mint(${JSON.stringify(mintRequest())});
      await audit.close();
      console.log(token.kid);
    `;
    const ended = await Promise.all([1, 2, 3, 4].map(() => startModule(source).ended()));
    expect(ended.map(({ stderr }) => stderr).join('')).toBe('');
    expect(new Set(ended.map(({ stdout }) => stdout)).size).toBe(1);
  });
});

describe('mint', () => {
  it('audits the token before it is released, with everything but the token', async () => {
    const { open, events } = await setUp();
    const token = await (await open()).mint(mintRequest());
    const record = events().at(-1)!;
    expect(record).toMatchObject({
      type: 'token_minted',
      outcome: 'ok',
      platform: 'aws',
      actor: { name: 'tester', source: 'operating_system' },
      workload: { workspace: 'payments-prod', phase: 'plan' },
      token: { kid: token.kid, sha256: token.sha256, claims: token.claims, jti: token.claims.jti },
    });
    expect(JSON.stringify(record)).not.toContain(token.compact.reveal().split('.')[2]);
  });

  it('gives no token out when it cannot be audited', async () => {
    const { open } = await setUp();
    await open();
    const full: AuditLog = {
      append: () => Promise.reject(new AppError('audit_write_failed', { what: 'the disk is full' })),
      close: async () => undefined,
    };
    const issuer = await open({ audit: full });
    await expect(issuer.mint(mintRequest())).rejects.toMatchObject({ code: 'audit_write_failed' });
  });

  it('refuses a forged name, and records the refusal without a token', async () => {
    const { open, events } = await setUp();
    const issuer = await open();
    const workspace = { id: 'ws-1', name: 'payments-prod:run_phase:apply' };
    const lease = testLease({ ...testWorkload(), workspace });
    await expect(issuer.mint(mintRequest({ lease }))).rejects.toMatchObject({ code: 'name_invalid' });
    expect(events().at(-1)).toMatchObject({ type: 'token_refused', outcome: 'refused', code: 'name_invalid' });
  });

  it('takes the phase’s lifetime, or a short one when asked', async () => {
    const { open } = await setUp();
    const issuer = await open({ limits: { planSeconds: 600, applySeconds: 1200, moduleTestSeconds: 300 } });
    const life = async (change: object): Promise<number> => {
      const { claims } = await issuer.mint(mintRequest(change));
      return claims.exp - claims.iat;
    };
    expect(await life({})).toBe(600);
    expect(await life({ lease: testLease(testWorkload('apply')) })).toBe(1200);
    expect(await life({ lifetimeSeconds: 10 })).toBe(10);
    await expect(life({ lifetimeSeconds: 9 })).rejects.toMatchObject({ code: 'claim_invalid' });
  });

  it('writes the ring once for many tokens', async () => {
    const { open, place } = await setUp();
    const issuer = await open();
    await issuer.mint(mintRequest());
    const before = readFileSync(join(place.dataDirectory, 'keys.json'), 'utf8');
    await Promise.all(Array.from({ length: 50 }, () => issuer.mint(mintRequest())));
    expect(readFileSync(join(place.dataDirectory, 'keys.json'), 'utf8')).toBe(before);
  });

  it('says what is wrong when keys vanish or are damaged under it', async () => {
    const { open, place } = await setUp();
    const issuer = await open();
    writeFileSync(join(place.dataDirectory, 'keys.json'), '{}', { mode: 0o600 });
    await expect(issuer.mint(mintRequest())).rejects.toMatchObject({ code: 'key_damaged' });
    rmSync(join(place.dataDirectory, 'keys.json'));
    await expect(issuer.mint(mintRequest())).rejects.toMatchObject({ code: 'key_missing' });
  });
});

describe('rotation', () => {
  it('comes by itself after 90 days on loopback, and the earlier token stays valid', async () => {
    const { open, clock, events } = await setUp();
    const issuer = await open();
    clock.advance(rotationSeconds - 60);
    const before = await issuer.mint(mintRequest());
    clock.advance(120);
    const after = await issuer.mint(mintRequest());
    expect(after.kid).not.toBe(before.kid);
    for (const token of [before, after]) await verified(issuer, token.compact.reveal(), clock.now());
    expect(events().map((event) => event.type)).toContain('key_retired');
    clock.advance(2 * 86_400);
    await issuer.mint(mintRequest());
    expect((await issuer.documents()).jwks).not.toContain(before.kid);
    expect(events().map((event) => event.type)).toContain('key_removed');
  });

  it('does not come for an issuer whose next key nobody has seen, and warns', async () => {
    const { open, clock, keeper } = await setUp(remote);
    await (await keeper()).create(remote, 'observed');
    const issuer = await open();
    expect(await issuer.warnings()).toMatchObject([
      { what: expect.stringContaining('nobody has seen the signing key') },
    ]);
    const before = await issuer.mint(mintRequest());
    clock.advance(rotationSeconds + 1);
    expect((await issuer.mint(mintRequest())).kid).toBe(before.kid);
    expect((await issuer.warnings()).map(({ what }) => what).join()).toContain('due for rotation');
  });

  it('comes after a check has seen the next key for longer than max-age', async () => {
    const { open, clock, keeper } = await setUp(remote);
    const keys = await keeper();
    const { ring } = await keys.create(remote, 'observed');
    const issuer = await open();
    clock.advance(rotationSeconds);
    await keys.recordPublished(
      ring.keys.map((key) => key.kid),
      'check',
      remote,
    );
    expect((await issuer.mint(mintRequest())).kid).toBe(activeKey(ring).kid);
    clock.advance(documentMaxAgeSeconds + 1);
    expect((await issuer.mint(mintRequest())).kid).toBe(nextKey(ring).kid);
    expect(await issuer.warnings()).toEqual([]);
  });

  it('by another process is followed while this one runs', async () => {
    const { open, clock, keeper } = await setUp();
    const issuer = await open();
    const before = await issuer.mint(mintRequest());
    clock.advance(documentMaxAgeSeconds + 1);
    await (await keeper()).rotate(false);
    const after = await issuer.mint(mintRequest());
    expect(after.kid).not.toBe(before.kid);
    await verified(issuer, before.compact.reveal(), clock.now());
    await verified(issuer, after.compact.reveal(), clock.now());
  });

  it('refuses no token and signs with no dropped key while eight mint and one rotates and compromises', async () => {
    const { open, clock, keeper } = await setUp();
    const issuers = await Promise.all(Array.from({ length: 8 }, () => open()));
    const keys = await keeper();
    clock.advance(documentMaxAgeSeconds + 1);
    const minting = Promise.all(
      issuers.flatMap((issuer) => Array.from({ length: 10 }, () => issuer.mint(mintRequest()))),
    );
    await keys.rotate(false);
    for (const token of await minting) await verified(issuers[0]!, token.compact.reveal(), clock.now());
    const dropped = activeKey((await keys.store.read())!.ring).kid;
    await keys.compromise([dropped]);
    const after = await Promise.all(issuers.map((issuer) => issuer.mint(mintRequest())));
    expect(after.map((token) => token.kid)).not.toContain(dropped);
    expect((await issuers[0]!.documents()).jwks).not.toContain(dropped);
  });
});

describe('documents', () => {
  it('hold public members only, the active and the next key, and are the same object while nothing changes', async () => {
    const { open } = await setUp();
    const issuer = await open();
    const documents = await issuer.documents();
    const { keys } = JSON.parse(documents.jwks) as { keys: Record<string, unknown>[] };
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(Object.keys(key).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
    expect(JSON.parse(documents.configuration)).toMatchObject({
      issuer: loopback,
      jwks_uri: `${loopback}/.well-known/jwks`,
    });
    await issuer.mint(mintRequest());
    expect(await issuer.documents()).toBe(documents);
  });

  it('of an issuer with a path point below it', async () => {
    const { open } = await setUp(`${loopback}/team`);
    const { configuration } = await (await open()).documents();
    expect(JSON.parse(configuration)).toMatchObject({ jwks_uri: `${loopback}/team/.well-known/jwks` });
  });
});

describe('openThrowAwayIssuer', () => {
  it('mints under an issuer that no platform knows, and leaves nothing on disk but the audit', async () => {
    const { audit, clock, place } = await setUp();
    const issuer = await openThrowAwayIssuer({ issuer: 'https://sandbox.invalid', audit, now: clock.now });
    const token = await issuer.mint(mintRequest());
    const { jwks } = await issuer.documents();
    await compactVerify(token.compact.reveal(), createLocalJWKSet(JSON.parse(jwks) as JSONWebKeySet));
    expect(() => readFileSync(join(place.dataDirectory, 'keys.json'))).toThrow(/ENOENT/);
  });

  it('rotates by itself too', async () => {
    const { audit, clock } = await setUp();
    const issuer = await openThrowAwayIssuer({ issuer: loopback, audit, now: clock.now });
    const before = await issuer.mint(mintRequest());
    clock.advance(rotationSeconds + 1);
    expect((await issuer.mint(mintRequest())).kid).not.toBe(before.kid);
  });
});
