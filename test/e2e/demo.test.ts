import { expect, it } from 'vitest';
import { demoSteps, everyStep } from '../support/demo.ts';
import { hallpass } from '../support/hallpass.ts';
import { describeWith, providerMirror } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describeWith(['terraform', 'aws-provider'], 'hallpass demo with Terraform and the AWS provider', () => {
  it('shows the seven steps of plan, apply and destroy, and two refusals', async () => {
    const { stdout, code } = await hallpass(['demo', '--json'], {
      env: { HALLPASS_PROVIDER_MIRROR: providerMirror('aws') },
    });
    const steps = demoSteps(stdout);
    expect(steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(steps.map(({ part, step }) => [part, step])).toEqual(everyStep);
    expect(code).toBe(0);
    const plan = steps.find(({ part, step }) => part === 'plan' && step === 6)!;
    expect(plan.lines.join(' ')).toMatch(/Plan: 1 to add.*assumed-role\/payments-plan\/run-[A-Za-z0-9]{16}-plan/);
    const wrongRole = steps.find(({ title }) => title === 'wrong role')!;
    expect(wrongRole.data).toMatchObject({ code: 'AccessDeniedException', action: 'ssm:PutParameter' });
  });

  it('passes over a named mirror without the provider, and says so', async () => {
    const { stdout, code } = await hallpass(['demo'], {
      env: { HALLPASS_PROVIDER_MIRROR: temporaryDirectory('empty') },
    });
    expect(stdout).toContain('passed over: HALLPASS_PROVIDER_MIRROR is');
    expect(stdout).toContain('with the AWS provider from');
    expect(code).toBe(0);
  });
});

describeWith(['terraform'], 'hallpass demo with Terraform alone', () => {
  it('lets the steps of a configuration without providers call the stand-in', async () => {
    const { stdout, code } = await hallpass(['demo'], { env: { HALLPASS_PROVIDER_MIRROR: 'none' } });
    expect(stdout).toContain('without the AWS provider (HALLPASS_PROVIDER_MIRROR is none)');
    expect(stdout).toContain('Apply complete! Resources: 1 added');
    expect(stdout).toContain('Destroy complete! Resources: 1 destroyed.');
    expect(stdout).toContain('Every step was seen to work');
    expect(code).toBe(0);
  });
});
