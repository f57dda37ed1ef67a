import { describe, expect, it } from 'vitest';
import type { CredentialRequest, Refusal } from '../domain/credential.ts';
import type { Lease } from '../domain/lease.ts';
import type { Claims } from '../domain/token.ts';
import { eventText, openingText, refusalText, warningText } from './explain.ts';

const lease: Lease = {
  id: 'lease-1',
  actor: { name: 'ada', source: 'operating_system' },
  workload: {
    kind: 'workspace_run',
    organization: { id: 'org-1', name: 'acme' },
    project: { id: 'prj-1', name: 'payments' },
    workspace: { id: 'ws-1', name: 'payments-prod' },
    runId: 'run-1',
    phase: 'plan',
  },
};
const claims: Claims = {
  iss: 'https://id.example.com',
  aud: 'aws.workload.identity',
  sub: 'organization:acme:project:payments:workspace:payments-prod:run_phase:plan',
  jti: 'j',
  iat: 1,
  nbf: 1,
  exp: 2,
};
const refusal: Refusal = {
  platform: 'aws',
  tag: null,
  role: 'arn:aws:iam::111122223333:role/plan',
  code: 'AccessDenied',
  message: 'Not authorized',
  status: 403,
  requestId: 'r-1',
  causes: ['first', 'second', 'third'],
  reasons: [],
};
const request = (tag: string | null, offered: string | null): CredentialRequest => ({
  platform: offered === null ? 'manual' : 'aws',
  tag,
  audience: 'somebody',
  offered,
  rereadsToken: false,
  obtain: () => Promise.reject(new Error('not called')),
});

describe('a refusal', () => {
  it('shows role, claims, the answer, the likely causes and the next command', () => {
    expect(refusalText(refusal, claims, 'hallpass doctor --phase plan')).toBe(
      [
        "error: aws refused this phase's token",
        '  role:    arn:aws:iam::111122223333:role/plan',
        '  iss:     https://id.example.com',
        '  aud:     aws.workload.identity',
        '  sub:     organization:acme:project:payments:workspace:payments-prod:run_phase:plan',
        '  answer:  AccessDenied: Not authorized (HTTP 403, request r-1)',
        '  likely:  1. first',
        '           2. second',
        '           3. third',
        '  next:    hallpass doctor --phase plan',
        '',
      ].join('\n'),
    );
  });

  it("names the tag, adds a stand-in's reasons, and leaves out what is not known", () => {
    const text = refusalText(
      { ...refusal, tag: 'AUDIT', role: null, status: null, requestId: null, reasons: ['one', 'two'] },
      null,
      null,
    );
    expect(text).toContain(
      "aws AUDIT refused this phase's token\n  answer:  AccessDenied: Not authorized\n  checks:  one\n           two\n",
    );
    expect(text).not.toMatch(/role:|iss:|next:/);
  });

  it('says a status once where it is the code', () => {
    const text = refusalText({ ...refusal, code: 'HTTP 400', message: 'no role', status: 400 }, null, null);
    expect(text).toContain(`  answer:  HTTP 400: no role (request ${refusal.requestId})\n`);
  });
});

describe('the line before a command', () => {
  it('says phase, workload, run, and what each configuration may be', () => {
    expect(openingText(lease, [request(null, 'arn:r'), request('AUDIT', 'arn:s'), request(null, null)])).toBe(
      [
        'hallpass: plan as acme/payments/payments-prod, run-1',
        '  aws → arn:r',
        '  aws AUDIT → arn:s',
        '  manual → token for somebody',
        '',
      ].join('\n'),
    );
    expect(openingText(lease, [request(null, 'arn:r')])).toBe(
      'hallpass: plan as acme/payments/payments-prod, run-1; aws → arn:r\n',
    );
  });

  it('says that there are no credentials', () => {
    expect(openingText(lease, [])).toContain('; no credentials\n');
  });
});

describe('events', () => {
  it('are silent unless people must act or know', () => {
    expect(eventText({ type: 'command_started', command: { file: 'x', args: [] }, pid: 1 })).toBeNull();
    expect(eventText({ type: 'torn_down', removed: ['/x'] })).toBeNull();
    expect(eventText({ type: 'leftovers_cleared', directories: ['/x'], interrupted: false })).toContain('/x');
    const vault = { platform: 'vault', tag: 'PROD' };
    expect(eventText({ type: 'exchange_waiting', ...vault, address: 'https://vault:8200' })).toBe(
      'hallpass: waiting for vault PROD at https://vault:8200\n',
    );
    expect(eventText({ type: 'exchange_waiting', ...vault, address: null })).toBe('hallpass: waiting for vault PROD\n');
    const failed = { type: 'revocation_failed', ...vault, reason: 'HTTP 503' } as const;
    expect(eventText({ ...failed, expiresAt: new Date('2026-05-03T15:02:00Z'), triedAgain: true })).toBe(
      'hallpass: warning: the credentials for vault PROD were not revoked: HTTP 503; they end by themselves at 2026-05-03T15:02:00Z\n  hint:  following hallpass commands try again\n',
    );
    expect(eventText({ ...failed, expiresAt: null, triedAgain: false })).toContain('they end by their own lifetime\n');
    expect(eventText({ type: 'credentials_revoked', ...vault })).toBeNull();
  });

  it('that warn carry their mend', () => {
    expect(eventText({ type: 'warning', text: 'too short', mend: 'use a longer one' })).toBe(
      'hallpass: warning: too short\n  hint:  use a longer one\n',
    );
    expect(warningText({ what: 'a', where: 'b' })).toBe('hallpass: warning: a (b)\n');
  });
});
