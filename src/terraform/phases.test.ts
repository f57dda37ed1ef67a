import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../domain/errors.ts';
import { isTerraform } from './command.ts';
import { phaseOfCommand, phaseTable } from './phases.ts';

const words = (text: string): readonly string[] => text.split(' ');

describe('the phase of a command', () => {
  it.each([
    'terraform plan',
    'terraform plan -out=p -var x=apply',
    'terraform init',
    'terraform init -upgrade',
    'terraform validate',
    'terraform show p',
    'terraform output -json',
    'terraform console',
    'terraform providers',
    'terraform providers schema -json',
    'terraform graph',
    'terraform get',
    'terraform state list',
    'terraform state show aws_instance.a',
    'terraform state pull',
    'terraform state',
    'terraform workspace list',
    'terraform workspace show',
    'terraform workspace select prod',
    'terraform fmt -check',
    'terraform version',
    'terraform -version',
    'terraform -help',
    'terraform',
    'terraform -chdir=live/prod plan',
    'terraform -chdir=live/prod state list',
    'terraform apply -help',
    'tofu plan',
    './bin/terraform plan',
    '/opt/terraform/1.9.8/terraform plan',
    'terraform1.9 plan',
    'terraform_1.9.8 plan',
    'terraform-1.9 plan',
  ])('%s is plan', (command) => {
    expect(phaseOfCommand(words(command))).toBe('plan');
  });

  it.each([
    'terraform apply',
    'terraform apply plan',
    'terraform -chdir=plan apply',
    'terraform destroy',
    'terraform import aws_instance.a i-1',
    'terraform taint aws_instance.a',
    'terraform untaint aws_instance.a',
    'terraform refresh',
    'terraform force-unlock 1',
    'terraform state mv a b',
    'terraform state rm a',
    'terraform state push s',
    'terraform state replace-provider a b',
    'terraform workspace new x',
    'terraform workspace delete x',
    'terraform workspace select -or-create x',
    'terraform workspace select -or-create=true x',
    'terraform init -migrate-state',
    'terraform init --force-copy -migrate-state',
    'tofu apply',
  ])('%s is apply', (command) => {
    expect(phaseOfCommand(words(command))).toBe('apply');
  });

  it.each([
    ['make deploy', 'hallpass exec --phase plan -- make deploy'],
    ['terragrunt apply', 'hallpass exec --phase plan -- terragrunt apply'],
    ['bash -c secret', 'hallpass exec --phase plan -- bash …'],
    ['terraform-docs .', 'hallpass exec --phase plan -- terraform-docs .'],
    ['terraform2 plan', 'hallpass exec --phase plan -- terraform2 plan'],
    ['terraform test', 'hallpass exec --phase plan -- terraform test'],
    ['terraform frobnicate', 'hallpass exec --phase plan -- terraform frobnicate'],
    ['terraform state frobnicate', 'hallpass exec --phase plan -- terraform state frobnicate'],
  ])('%s must be told, and the error says how', (command, corrected) => {
    const call = (): unknown => phaseOfCommand(words(command));
    expect(call).toThrow(UsageError);
    expect(problemOf(call).mend).toContain(corrected);
  });

  it('suggests the subcommand that was meant', () => {
    expect(problemOf(() => phaseOfCommand(['terraform', 'aply'])).what).toContain('did you mean "apply"');
  });

  it('does not repeat arguments, which may hold values', () => {
    const { what, mend } = problemOf(() => phaseOfCommand(['make', '-e', 'PASSWORD=hunter22']));
    expect(`${what}${mend}`).not.toContain('hunter22');
  });

  it('holds each subcommand once, and conditional rows before plain ones', () => {
    const plain = phaseTable.filter((row) => row.when === undefined).map((row) => row.subcommand);
    expect(new Set(plain).size).toBe(plain.length);
    const tooLate = phaseTable.filter(
      (row, index) =>
        row.when !== undefined &&
        phaseTable.findIndex((other) => other.when === undefined && other.subcommand === row.subcommand) < index,
    );
    expect(tooLate).toEqual([]);
  });

  it('never takes anything but the first word for the subcommand', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (rest) => {
        fc.pre(!rest.some((word) => ['-help', '--help', '-h'].includes(word)));
        expect(phaseOfCommand(['terraform', 'apply', ...rest])).toBe('apply');
      }),
    );
  });
});

describe('isTerraform', () => {
  it.each(['terraform', 'tofu', 'terraform1.9', '/usr/bin/terraform', 'terraform_1.9.8', 'terraform-v1.9.8'])(
    'takes %s',
    (name) => {
      expect(isTerraform(name)).toBe(true);
    },
  );
  it.each(['terraform.sh', 'terraforms', 'myterraform', 'terraform-docs', 'terraform2', 'TERRAFORM', 'terraform/', ''])(
    'does not take %s',
    (name) => {
      expect(isTerraform(name === 'terraform/' ? 'terraform/x' : name)).toBe(false);
    },
  );
});

function problemOf(call: () => unknown): { what: string; mend: string } {
  try {
    call();
  } catch (error) {
    return (error as UsageError).problem as { what: string; mend: string };
  }
  throw new Error('it was accepted');
}
