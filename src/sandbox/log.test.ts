import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { sandboxSentence, withoutTokens, type SandboxLogLine } from './log.ts';

const line: SandboxLogLine = {
  at: '2026-11-21T12:00:00.000Z',
  request_id: 'r',
  platform: 'aws',
  action: 'sts:AssumeRoleWithWebIdentity',
  role: 'arn:aws:iam::111122223333:role/plan',
  principal: 'organization:acme:project:payments:workspace:web:run_phase:plan',
  resource: null,
  outcome: 'ok',
  status: 200,
  code: null,
  message: null,
  reasons: [],
  checks: [],
  expires_at: '2026-11-21T13:00:00Z',
};

describe('the sentence of a request', () => {
  it('says when, what, as whom and for whom', () => {
    expect(sandboxSentence(line)).toBe(
      '12:00:00 ok       sts:AssumeRoleWithWebIdentity as arn:aws:iam::111122223333:role/plan by organization:acme:project:payments:workspace:web:run_phase:plan, until 2026-11-21T13:00:00Z',
    );
  });

  it('has a line for each reason of a refusal', () => {
    const refused: SandboxLogLine = {
      ...line,
      principal: null,
      outcome: 'refused',
      status: 403,
      code: 'AccessDenied',
      message: 'Not authorized',
      reasons: ['one', 'two'],
      expires_at: null,
    };
    expect(sandboxSentence(refused)).toBe(
      [
        '12:00:00 refused  sts:AssumeRoleWithWebIdentity as arn:aws:iam::111122223333:role/plan by somebody without credentials: 403 AccessDenied: Not authorized',
        '           because one',
        '           because two',
      ].join('\n'),
    );
  });

  it('cannot be made to speak to the terminal, or to look like another line', () => {
    const told = sandboxSentence({ ...line, principal: 'x\n12:00:00 ok \u001B[2J\u202E' });
    expect(told).toContain(String.raw`x\u{a}12:00:00 ok \u{1b}[2J\u{202e}`);
    fc.assert(
      fc.property(anyText(), (text) => {
        const sentence = sandboxSentence({ ...line, action: text, principal: text, role: text, resource: text });
        expect(sentence).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }),
    );
  });
});

describe('a line that is kept', () => {
  const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ';

  it('holds no token, wherever a caller has put one', () => {
    const mixed: SandboxLogLine = {
      ...line,
      role: token,
      resource: `/v1/secret/data/hvs.CAESIJsecretsecret/${token}`,
      message: `Request ARN ${token} is invalid`,
      reasons: [`no role ${token.slice(0, 60)}`],
      checks: [
        { step: 'role', key: 'r', operator: 'equals', expected: 'a', actual: token, result: 'fail', sentence: token },
      ],
    };
    const text = JSON.stringify(withoutTokens(mixed));
    expect(text).not.toMatch(/eyJ|c2lnbmF0|CAESIJ/);
    expect(text).toContain('Request ARN [token] is invalid');
  });

  it('is else as it was', () => {
    expect(withoutTokens(line)).toEqual(line);
  });
});
