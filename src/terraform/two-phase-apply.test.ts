import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../domain/errors.ts';
import { effectiveArguments } from './arguments.ts';
import { readTerraformCommand } from './command.ts';
import { approvalQuestion, planApply, planVerdict, type TwoPhaseApply } from './two-phase-apply.ts';

function decide(
  line: readonly string[],
  facts: { ephemeral?: boolean; input?: string; environment?: Record<string, string> } = {},
) {
  const command = readTerraformCommand(line)!;
  return planApply(command, {
    args: effectiveArguments(command, facts.environment ?? {}),
    hasEphemeralVariables: facts.ephemeral ?? false,
    terraformInput: facts.input,
  });
}

function split(
  line: string,
  facts: Parameters<typeof decide>[1] = {},
): { plan: string; apply: string; steps: TwoPhaseApply } {
  const decided = decide(line.split(' '), facts);
  if (decided.kind !== 'two_phases') throw new Error('one phase');
  const { steps } = decided;
  return { plan: steps.plan('P').join(' '), apply: steps.apply('P').join(' '), steps };
}

describe('apply without a plan file', () => {
  it.each([
    ['terraform apply', 'terraform plan -detailed-exitcode -out=P', 'terraform apply P'],
    ['terraform apply -auto-approve', 'terraform plan -detailed-exitcode -out=P', 'terraform apply P'],
    [
      'terraform apply -var x=1 -var=y=2',
      'terraform plan -var x=1 -var=y=2 -detailed-exitcode -out=P',
      'terraform apply P',
    ],
    [
      'terraform apply --var-file f.tfvars',
      'terraform plan --var-file f.tfvars -detailed-exitcode -out=P',
      'terraform apply P',
    ],
    [
      'terraform apply -target=a.b -replace a.c',
      'terraform plan -target=a.b -replace a.c -detailed-exitcode -out=P',
      'terraform apply P',
    ],
    ['terraform apply -destroy', 'terraform plan -destroy -detailed-exitcode -out=P', 'terraform apply P'],
    ['terraform destroy', 'terraform plan -destroy -detailed-exitcode -out=P', 'terraform apply P'],
    [
      'terraform apply -refresh=false -refresh-only',
      'terraform plan -refresh=false -refresh-only -detailed-exitcode -out=P',
      'terraform apply P',
    ],
    [
      'terraform apply -no-color -parallelism 3 -lock-timeout=5s -lock=false -compact-warnings -input=false',
      'terraform plan -no-color -parallelism 3 -lock-timeout=5s -lock=false -compact-warnings -input=false -detailed-exitcode -out=P',
      'terraform apply -no-color -parallelism 3 -lock-timeout=5s -lock=false -compact-warnings -input=false P',
    ],
    [
      'terraform apply -state=s -state-out=t -backup=-',
      'terraform plan -state=s -detailed-exitcode -out=P',
      'terraform apply -state=s -state-out=t -backup=- P',
    ],
    [
      'terraform apply -json -auto-approve',
      'terraform plan -json -detailed-exitcode -out=P',
      'terraform apply -json P',
    ],
    [
      '/opt/tf/terraform -chdir=live apply -no-color',
      '/opt/tf/terraform -chdir=live plan -no-color -detailed-exitcode -out=P',
      '/opt/tf/terraform -chdir=live apply -no-color P',
    ],
    [
      'tofu apply -exclude=a.b -concise',
      'tofu plan -exclude=a.b -concise -detailed-exitcode -out=P',
      'tofu apply -concise P',
    ],
  ])('%s', (line, plan, apply) => {
    expect(split(line)).toMatchObject({ plan, apply });
  });

  it('gives variables to apply again only where the configuration has ephemeral ones', () => {
    expect(split('terraform apply -var x=1 -target=a', { ephemeral: true }).apply).toBe('terraform apply -var x=1 P');
  });

  it('takes the arguments of TF_CLI_ARGS and TF_CLI_ARGS_apply, weakest first, and leaves TF_CLI_ARGS_plan out', () => {
    const environment = {
      TF_CLI_ARGS: '-no-color',
      TF_CLI_ARGS_apply: `-auto-approve -var 'name=two words'`,
      TF_CLI_ARGS_plan: '-var name=wrong',
    };
    const decided = split('terraform apply -lock=false', { environment });
    expect(decided.plan).toBe('terraform plan -var name=two words -no-color -lock=false -detailed-exitcode -out=P');
    expect(decided.apply).toBe('terraform apply -no-color -lock=false P');
    expect(decided.steps.approved).toBe(true);
  });

  it('takes TF_CLI_ARGS_destroy for destroy', () => {
    const decided = split('terraform destroy', { environment: { TF_CLI_ARGS_destroy: '-auto-approve' } });
    expect(decided.steps).toMatchObject({ approved: true, destroys: true });
  });

  it.each([
    ['terraform apply', {}, { approved: false, mayAsk: true, destroys: false }],
    ['terraform apply -auto-approve=false', {}, { approved: false }],
    ['terraform apply -auto-approve -auto-approve=false', {}, { approved: false }],
    ['terraform apply -input=false', {}, { mayAsk: false }],
    ['terraform apply', { input: '0' }, { mayAsk: false }],
    ['terraform apply -input=true', { input: 'false' }, { mayAsk: true }],
    ['terraform apply -destroy', {}, { destroys: true }],
    ['terraform apply -destroy=false', {}, { destroys: false }],
  ])('%s %o', (line, facts, expected) => {
    expect(split(line, facts).steps).toMatchObject(expected);
  });
});

describe('apply with a plan file', () => {
  it.each([
    ['terraform apply p', 'p'],
    ['terraform apply -no-color -parallelism 3 dir/p', 'dir/p'],
    ['terraform apply -lock-timeout 5s p', 'p'],
    ['terraform apply -- -p', '-p'],
  ])('%s names %s', (line, file) => {
    expect(decide(line.split(' '))).toEqual({ kind: 'saved_plan', file });
  });

  it('finds a plan file in TF_CLI_ARGS_apply', () => {
    expect(decide(['terraform', 'apply'], { environment: { TF_CLI_ARGS_apply: '"my plan"' } })).toEqual({
      kind: 'saved_plan',
      file: 'my plan',
    });
  });
});

describe('what is refused before any token', () => {
  it.each([
    ['terraform apply -unknown', 'does not know the argument -unknown', '--phase apply'],
    ['terraform apply -out=p', 'does not know the argument -out', '--phase apply'],
    ['terraform apply -detailed-exitcode', 'does not know the argument -detailed-exitcode', '--phase apply'],
    ['terraform apply -json', 'cannot ask', '-auto-approve'],
    ['terraform apply p -no-color', 'one plan file, after all other arguments', 'terraform apply [arguments] FILE'],
    ['terraform apply p q', 'one plan file', 'terraform apply [arguments] FILE'],
    ['terraform destroy p', 'takes no plan file', 'terraform apply FILE'],
    ['terraform apply -var', '-var needs a value', '-var=VALUE'],
    ['terraform apply -auto-approve=maybe', 'neither true nor false', '-auto-approve=true'],
  ])('%s', (line, what, mend) => {
    const problem = problemOf(() => decide(line.split(' ')));
    expect(problem.what).toContain(what);
    expect(problem.mend).toContain(mend);
  });

  it.each([`-var 'x`, `-var "x`, 'x\\', 'a; b', 'a > b', 'a | b', 'a & b'])('TF_CLI_ARGS=%s', (value) => {
    expect(problemOf(() => decide(['terraform', 'apply'], { environment: { TF_CLI_ARGS: value } })).what).toContain(
      'TF_CLI_ARGS',
    );
  });

  it('does not show the value of an unknown argument', () => {
    const { what, mend } = problemOf(() => decide(['terraform', 'apply', '-token=hunter22']));
    expect(`${what}${mend}`).not.toContain('hunter22');
  });
});

it('loses and doubles no argument: each known one reaches the halves that the table says', () => {
  const known = fc.constantFrom('-var=a=b', '-target=x', '-lock=false', '-state-out=s', '-no-color', '-auto-approve');
  fc.assert(
    fc.property(fc.array(known), (args) => {
      const decided = decide(['terraform', 'apply', ...args]);
      if (decided.kind !== 'two_phases') throw new Error('one phase');
      for (const word of args) {
        const halves = count(decided.steps.plan('P'), word) + count(decided.steps.apply('P'), word);
        const times = word === '-auto-approve' ? 0 : ['-lock=false', '-no-color'].includes(word) ? 2 : 1;
        expect(halves).toBe(times * count(args, word));
      }
    }),
  );
});

it('asks a question of its own for each kind of apply, to be answered by yes only', () => {
  expect(approvalQuestion(false)).toContain("Only 'yes' will be accepted");
  expect(approvalQuestion(true)).toContain('destroy');
});

it('reads the plan half by its exit code', () => {
  expect([0, 1, 2, 130].map(planVerdict)).toEqual(['no_changes', 'failed', 'changes', 'failed']);
});

const count = (list: readonly string[], word: string): number => list.filter((item) => item === word).length;

function problemOf(call: () => unknown): { what: string; mend: string } {
  try {
    call();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.problem as { what: string; mend: string };
  }
  throw new Error('it was accepted');
}
