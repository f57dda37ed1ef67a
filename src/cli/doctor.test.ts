import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testCli } from '../../test/support/cli.ts';

interface Finding {
  readonly check: string;
  readonly state: string;
  readonly what: string;
}

/** What `doctor` finds in a workspace whose `hallpass.yaml` sets these variables. */
async function findingsFor(variables: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const cli = testCli();
  const file = { issuer: 'http://127.0.0.1:9', organization: 'acme', workspace: 'payments-prod', variables };
  writeFileSync(join(cli.work, 'hallpass.yaml'), JSON.stringify(file));
  const { stdout } = await cli.run(['doctor', '--json']);
  return (JSON.parse(stdout) as { findings: readonly Finding[] }).findings;
}

const aws = { TFC_AWS_PROVIDER_AUTH: 'true', TFC_AWS_RUN_ROLE_ARN: 'arn:aws:iam::111122223333:role/payments' };

describe('hallpass doctor', () => {
  it('names a variable that may win over the credentials of a platform', async () => {
    expect(await findingsFor({ ...aws, AWS_PROFILE: 'mine', GREETING: 'hello' })).toContainEqual(
      expect.objectContaining({
        check: 'variables',
        state: 'note',
        what: "AWS_PROFILE is set beside the aws configuration and may win over the phase's own credentials",
      }),
    );
  });

  it('has nothing against that variable where the platform is not switched on', async () => {
    const findings = await findingsFor({ AWS_PROFILE: 'mine' });
    expect(findings.filter(({ what }) => what.startsWith('AWS_PROFILE'))).toEqual([]);
  });

  it('names a setting that does nothing as it stands', async () => {
    expect(await findingsFor({ ...aws, TFC_AWS_RUN_ROLE_ARN_AUDIT: 'x' })).toContainEqual(
      expect.objectContaining({
        what: 'TFC_AWS_RUN_ROLE_ARN_AUDIT does nothing, since TFC_AWS_PROVIDER_AUTH_AUDIT is not true',
      }),
    );
  });

  it('says that the choice of an identity was not allowed yet', async () => {
    expect(await findingsFor(aws)).toContainEqual(expect.objectContaining({ check: 'identity', state: 'problem' }));
  });
});
