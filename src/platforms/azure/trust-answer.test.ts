import { describe, expect, it } from 'vitest';
import { exampleToken } from '../conformance.ts';
import { judgeAzureTrust } from './trust-answer.ts';

const clientId = '11111111-2222-3333-4444-555555555555';
const { claims } = exampleToken('x', 'api://AzureADTokenExchange');
const at = new Date(claims.iat * 1000);
const credential = { name: 'plan', issuer: claims.iss, subject: claims.sub, audiences: [claims.aud] };
const judge = (document: unknown) => judgeAzureTrust(JSON.stringify(document), { claims, at, offered: clientId });

describe('judgeAzureTrust', () => {
  it('says whom Entra takes the token for', () => {
    expect(judge([credential])).toMatchObject({
      allowed: true,
      error: null,
      identity: `the service principal of ${clientId}`,
      reasons: [],
    });
  });

  it("gives Entra's code and words, and our reasons", () => {
    expect(judge([{ ...credential, subject: `${claims.sub}2` }])).toMatchObject({
      allowed: false,
      identity: null,
      error: { code: 'AADSTS700213', message: expect.stringContaining(claims.sub) },
      reasons: [expect.stringContaining(`${claims.sub}2`)],
    });
    expect(judge([])).toMatchObject({ error: { code: 'AADSTS70025', message: expect.stringContaining(clientId) } });
  });
});
