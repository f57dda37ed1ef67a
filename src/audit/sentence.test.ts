import { describe, expect, it } from 'vitest';
import { keyEvent, mintedEvent, workloadOf } from '../../test/support/audit.ts';
import type { AuditRecord, NewAuditEvent } from './event.ts';
import { beginning, seal } from './record.ts';
import { plain, sentenceOf } from './sentence.ts';

const at = '2026-05-03T14:02:11.000Z';
const minute = Date.parse('2026-05-03T15:02:00Z') / 1000;
const told = (event: NewAuditEvent) => sentenceOf(seal(event, beginning, { id: 'evt-1', at }).record, 'utc');

const own = { outcome: 'ok', actor: null, workload: null, lease: null, known_by: 'issuer' } as const;
const phase = {
  ...own,
  workload: workloadOf({ phase: 'apply' }),
  actor: { name: 'ann', source: 'operating_system' },
} as const;
const aws = { platform: 'aws', tag: null, offered: 'arn:aws:iam::111122223333:role/apply' } as const;
const who = 'acme/payments-prod apply (run-8KxZk5uNq8xTg2sV, started by ann)';

const cases: readonly [NewAuditEvent, string][] = [
  [
    mintedEvent({ expiresAt: minute }),
    'acme/payments-prod plan (run-8KxZk5uNq8xTg2sV, started by ci@acme) got a token for AWS, offered role arn:aws:iam::111122223333:role/payments-plan, good until 15:02',
  ],
  [
    mintedEvent({ expiresAt: minute + 86_400, tag: 'PROD', actor: { name: 'bob', source: 'pipeline' } }),
    'acme/payments-prod plan (run-8KxZk5uNq8xTg2sV, started by bob as a pipeline claims) got a token for AWS, tag PROD, offered role arn:aws:iam::111122223333:role/payments-plan, good until 2026-05-04 15:02',
  ],
  [
    mintedEvent({ expiresAt: minute, platform: 'manual', offered: null }),
    'acme/payments-prod plan (run-8KxZk5uNq8xTg2sV, started by ci@acme) got a token for the audience aws.workload.identity, good until 15:02',
  ],
  [
    {
      ...phase,
      ...aws,
      type: 'token_refused',
      outcome: 'refused',
      audience: 'a',
      code: 'key_not_ready',
      reason: 'no key',
    },
    `${who} was not given a token for AWS, offered role arn:aws:iam::111122223333:role/apply: no key`,
  ],
  [
    {
      ...phase,
      ...aws,
      type: 'exchange_refused',
      outcome: 'refused',
      known_by: 'platform',
      jti: 'j',
      code: 'AccessDenied',
      message: 'Not authorized\u001b[2J',
      status: 403,
      request_id: 'r',
    },
    `${who} was refused by AWS, offered role arn:aws:iam::111122223333:role/apply: AccessDenied, "Not authorized\\u{1b}[2J"`,
  ],
  [
    { ...phase, type: 'credentials_revoked', platform: 'vault', tag: 'PROD', offered: 'plan', known_by: 'platform' },
    `${who} ended its credentials for Vault, tag PROD, offered plan`,
  ],
  [
    {
      ...phase,
      type: 'revocation_failed',
      outcome: 'failed',
      platform: 'vault',
      tag: null,
      offered: 'plan',
      reason: 'HTTP 503\u001b[2J',
      expires_at: '2026-05-03T15:02:00.000Z',
      tried_again: true,
    },
    `${who} could not end its credentials for Vault, offered plan: HTTP 503\\u{1b}[2J; they end by themselves at 15:02`,
  ],
  [
    {
      ...own,
      type: 'revocation_failed',
      outcome: 'failed',
      platform: 'vault',
      tag: null,
      offered: null,
      reason: 'no key',
      expires_at: null,
      tried_again: false,
    },
    'Hallpass could not end its credentials for Vault: no key; they end by their own lifetime',
  ],
  [
    { ...phase, type: 'phase_started', command: 'terraform apply', directory: '/run/x', isolation: 'mask' },
    `${who} started terraform apply (isolation: mask)`,
  ],
  [
    { ...phase, type: 'phase_ended', exit_code: 2, signal: null, duration_seconds: 75 },
    `${who} ended after 1m15s with exit code 2`,
  ],
  [
    { ...phase, type: 'phase_ended', exit_code: null, signal: 'SIGKILL', duration_seconds: 1 },
    `${who} ended after 1s by SIGKILL`,
  ],
  [
    { ...own, type: 'leftovers_cleared', directories: ['/run/x'], orphans: 2 },
    'Hallpass cleared what a killed Hallpass had left: 1 directory, and ended 2 orphaned commands',
  ],
  [keyEvent('key-1'), 'ci@acme made the signing key key-1'],
  [
    { ...own, type: 'key_published', kid: 'k', reason: 'seen at https://id.example.com' },
    'Hallpass published the signing key k (seen at https://id.example.com)',
  ],
  [{ ...own, type: 'key_activated', kid: 'k', reason: null }, 'Hallpass signs with the key k from now on'],
  [{ ...own, type: 'key_retired', kid: 'k', reason: 'rotation' }, 'Hallpass signs no more with the key k (rotation)'],
  [
    { ...own, type: 'key_removed', kid: 'k', reason: null },
    'Hallpass took the retired key k out of the published keys',
  ],
  [{ ...own, type: 'key_compromised', kid: 'k', reason: null }, 'Hallpass dropped the key k as compromised'],
  [
    { ...own, type: 'key_withdrawn', kid: 'k', directory: '/srv' },
    'Hallpass withdrew the key k from the documents in /srv',
  ],
  [{ ...own, type: 'keys_rewrapped', kids: ['k', 'l'] }, 'Hallpass encrypted 2 keys under another key-encryption key'],
  [
    { ...own, type: 'issuer_exported', directory: '/srv', kids: ['k'] },
    "Hallpass exported the issuer's documents with 1 key to /srv",
  ],
  [
    { ...own, type: 'issuer_checked', url: 'https://id', kids: ['k', 'l'], problems: [] },
    'Hallpass checked the issuer at https://id: good, 2 keys',
  ],
  [
    { ...own, type: 'issuer_checked', outcome: 'failed', url: 'https://id', kids: [], problems: ['redirects', 'slow'] },
    'Hallpass checked the issuer at https://id: redirects; slow',
  ],
  [
    { ...own, type: 'identity_allowed', file: '/w/hallpass.yaml', identity: { issuer: 'https://id', ids: { a: 1 } } },
    'Hallpass allowed /w/hallpass.yaml to choose an identity: ids {"a":1}, issuer https://id',
  ],
  [
    {
      ...own,
      type: 'audit_line_set_aside',
      file: '2026-05.jsonl',
      offset: 9,
      set_aside: { file: 'set-aside/x', size: 1, sha256: '' },
    },
    'Hallpass set aside a line of 2026-05.jsonl that was cut off (1 byte, now set-aside/x)',
  ],
  [
    {
      ...own,
      type: 'audit_damage_accepted',
      actor: { name: 'ann', source: 'operating_system' },
      problem_count: 2,
      problems: ['a', 'b'],
      files: [],
      missing: [],
    },
    'ann accepted 2 problems of the audit itself: a; b',
  ],
  [
    { ...own, type: 'clock_set_back', last_at: '2026-05-03T15:02:11.000Z', seconds: 3600 },
    'Hallpass noticed that the clock was set back by 1h (the record before is of 2026-05-03T15:02:11.000Z)',
  ],
];

describe('sentenceOf', () => {
  it.each(cases)('tells of %o', (event, sentence) => {
    // Members are sorted on disk, and read from there.
    const stored = JSON.parse(seal(event, beginning, { id: 'evt-1', at }).line) as AuditRecord;
    expect(sentenceOf(stored, 'utc')).toBe(sentence);
  });

  it('names what runs besides workspaces', () => {
    const module = workloadOf({ kind: 'module_test', project: null, workspace: null, module: 'vpc' });
    expect(told(mintedEvent({ workload: module }))).toMatch(/^acme\/vpc plan /);
    const stack = workloadOf({ kind: 'stack_deployment', workspace: null, stack: 'net', deployment: 'eu' });
    expect(told(mintedEvent({ workload: stack }))).toMatch(/^acme\/net:eu plan /);
  });

  it('tells something of what only another version knows', () => {
    const { record } = seal(keyEvent('k'), beginning, { id: 'evt-1', at });
    expect(sentenceOf({ ...record, type: 'moon_landed' } as unknown as AuditRecord, 'utc')).toBe(
      'ci@acme moon_landed (ok)',
    );
    expect(sentenceOf({ ...record, type: 'issuer_checked' } as unknown as AuditRecord, 'utc')).toBe(
      'ci@acme issuer_checked (ok)',
    );
  });
});

describe('plain', () => {
  it.each([
    ['a\nb', 'a\\u{a}b'],
    ['\u001b[31mred\u0007', '\\u{1b}[31mred\\u{7}'],
    ['\u202egnp.exe', '\\u{202e}gnp.exe'],
    ['zero\u200bwidth', 'zero\\u{200b}width'],
    ['\u2028', '\\u{2028}'],
    ['Zoë – 支払い', 'Zoë – 支払い'],
    ['x'.repeat(600), `${'x'.repeat(500)}…`],
  ])('shows %j as %j', (text, shown) => {
    expect(plain(text)).toBe(shown);
  });
});
