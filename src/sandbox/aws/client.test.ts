import { describe, expect, it } from 'vitest';
import { callStandIn } from './client.ts';

describe('the client of the stand-in', () => {
  for (const endpoint of [
    undefined,
    '',
    'x',
    'https://sts.amazonaws.com',
    'http://127.example.com',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'http://127.0.0.1@example.com',
  ]) {
    it(`sends nothing to ${endpoint ?? 'an endpoint that is not set'}`, async () => {
      const environment = {
        ...(endpoint !== undefined && { AWS_ENDPOINT_URL: endpoint }),
        AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/plan',
        AWS_WEB_IDENTITY_TOKEN_FILE: '/nowhere',
      };
      const io = { environment, fetch: () => Promise.reject(new Error('it was sent')), now: () => new Date() };
      await expect(callStandIn({ action: 'sts:GetCallerIdentity', input: {} }, io)).rejects.toMatchObject({
        code: 'unsupported',
      });
    });
  }
});
