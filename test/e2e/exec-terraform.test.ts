import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyArguments } from '../../src/terraform/arguments.ts';
import { readZipComment, withZipComment } from '../../src/terraform/zip-comment.ts';
import { cleanEnvironment, hallpassProgram, run, type ChildResult } from '../support/hallpass.ts';
import { configuration, Place } from '../support/place.ts';
import { describeWith, requireProgram } from '../support/programs.ts';

describeWith(['terraform'], 'exec with Terraform', () => {
  describe('apply as two phases', () => {
    it('plans under the plan identity, applies under the apply identity, in one run', async () => {
      const place = await new Place().allowed();
      const { code, stdout, stderr } = await place.exec(['apply', '-auto-approve', '-no-color']);
      expect(code).toBe(0);
      expect(stdout).toContain('Plan: 2 to add');
      expect(stdout).toContain('Apply complete! Resources: 2 added');
      expect(stdout).not.toContain('terraform apply "');
      expect(stderr.match(/^hallpass: (plan|apply) as acme\/payments\/payments-\w+, run-\w{16};/gm)).toHaveLength(2);
      expect(place.started().slice(-2)).toEqual(['plan: terraform plan', 'apply: terraform apply']);
      const runs = place
        .events()
        .filter((event) => event.type === 'token_minted')
        .slice(-2);
      expect(new Set(runs.map((event) => event.workload?.run_id)).size).toBe(1);
      expect(place.leftovers()).toEqual([]);
    });

    it.each<[title: string, args: string[], expected: { stdout: string; name: string | undefined }]>([
      ['-var', ['-var', 'name=second'], { stdout: '2 added', name: 'second' }],
      ['-var-file', ['-var-file=other.tfvars'], { stdout: '2 added', name: 'from file' }],
      ['-target', ['-target=terraform_data.a'], { stdout: '1 added', name: 'first' }],
      [
        '-lock, -parallelism, -compact-warnings',
        ['-lock=false', '-parallelism', '3', '-compact-warnings'],
        { stdout: '2 added', name: 'first' },
      ],
      ['-json', ['-json'], { stdout: '"type":"change_summary"', name: 'first' }],
      ['-state', ['-state=other.tfstate'], { stdout: '2 added', name: undefined }],
    ])('takes %s', async (_, args, { stdout, name }) => {
      const place = new Place();
      place.write('other.tfvars', 'name = "from file"\n');
      await place.allowed();
      const result = await place.exec(['apply', '-auto-approve', '-no-color', ...args]);
      expect(result.stderr).not.toContain('error');
      expect(result.stdout).toContain(stdout);
      expect(result.code).toBe(0);
      expect(await place.output()).toBe(name);
    });

    it('takes -replace, finds no changes, and destroys', async () => {
      const place = await new Place().allowed();
      await place.exec(['apply', '-auto-approve']);
      const replaced = await place.exec(['apply', '-auto-approve', '-no-color', '-replace=terraform_data.a']);
      expect(replaced.stdout).toContain('1 added, 0 changed, 1 destroyed');
      const nothing = await place.exec(['apply', '-no-color']);
      expect(nothing.stdout).toContain('No changes.');
      expect(nothing.stdout).toContain('Apply complete! Resources: 0 added');
      expect(nothing.code).toBe(0);
      const destroyed = await place.exec(['destroy', '-auto-approve', '-no-color']);
      expect(destroyed.stdout).toContain('2 destroyed');
      expect(destroyed.code).toBe(0);
    });

    it('gives ephemeral variables to both halves', async () => {
      const place = await new Place({
        configuration: `${configuration}variable "token" {\n  type = string\n  ephemeral = true\n}\n`,
      }).allowed();
      const result = await place.exec(['apply', '-auto-approve', '-no-color', '-var', 'token=x', '-var=name=second']);
      expect(result.stdout).toContain('2 added');
      expect(result.code).toBe(0);
    });

    it('parts TF_CLI_ARGS and TF_CLI_ARGS_apply among the halves, and leaves TF_CLI_ARGS_plan out', async () => {
      const place = await new Place().allowed();
      const result = await place.exec(['apply', '-no-color'], {
        env: {
          TF_CLI_ARGS: '-lock=false',
          TF_CLI_ARGS_apply: "-auto-approve -var 'name=two words'",
          TF_CLI_ARGS_plan: '-var name=wrong',
        },
      });
      expect(result.code).toBe(0);
      expect(await place.output()).toBe('two words');
    });

    it.each<[string, string[], string?]>([
      [
        'an error in the configuration',
        ['apply', '-auto-approve'],
        'resource "terraform_data" "c" { input = var.nope }',
      ],
      ['a variable that does not exist', ['apply', '-auto-approve', '-var', 'nope=1']],
      ['a target that is no address', ['apply', '-auto-approve', '-target=1']],
      [
        'an apply that fails',
        ['apply', '-auto-approve'],
        'resource "terraform_data" "c" {\n  provisioner "local-exec" { command = "exit 3" }\n}',
      ],
      ['nobody to ask', ['apply']],
      ['asking forbidden', ['apply', '-input=false']],
    ])('ends with the code that Terraform itself gives on %s', async (_, command, more = '') => {
      const place = await new Place().allowed();
      place.write('more.tf', `${more}\n`);
      const ours = await place.exec(command);
      const bare = await place.bare(command);
      expect(ours.code).toBe(bare.code);
      expect(ours.code).toBe(1);
      expect(place.leftovers()).toEqual([]);
    });

    it('says how to go on when nobody can be asked, and applies nothing', async () => {
      const place = await new Place().allowed();
      const result = await place.exec(['apply']);
      expect(result.stderr).toContain('standard input is not a terminal');
      expect(result.stderr).toContain('-auto-approve');
      expect(place.started().at(-1)).toBe('plan: terraform plan');
      expect(await place.output()).toBeUndefined();
    });

    it.each([
      [['apply', '-json'], 'cannot ask'],
      [['apply', '-no-such-argument'], 'does not know the argument -no-such-argument'],
      [['destroy', 'plan'], 'takes no plan file'],
      [['apply', 'no-such-plan'], 'there is no saved plan'],
    ])('refuses %j with 125 before any token', async (command, text) => {
      const place = await new Place().allowed();
      const before = place.events().length;
      const result = await place.exec(command);
      expect(result.code).toBe(125);
      expect(result.stderr).toContain(text);
      expect(place.events().length).toBe(before);
    });

    it('stays one phase under --phase apply, and Terraform judges its arguments', async () => {
      const place = await new Place().allowed();
      const result = await place.hallpass(['exec', '--phase', 'apply', '--', 'terraform', 'apply', '-auto-approve']);
      expect(result.code).toBe(0);
      expect(place.started().at(-1)).toBe('apply: terraform apply');
      const odd = await place.hallpass(['exec', '--phase', 'apply', '--', 'terraform', 'apply', '-no-such-argument']);
      expect(odd.stderr).toContain('flag provided but not defined');
      expect(odd.code).toBe(1);
    });

    it('knows every argument that this Terraform says it has', async () => {
      const place = new Place();
      const help = await Promise.all(['apply', 'plan'].map((command) => place.bare([command, '-help'])));
      const documented = new Set(
        help.flatMap(({ stdout }) => [...stdout.matchAll(/^ {2}-([a-z-]+)/gm)].map((found) => found[1]!)),
      );
      const ofPlanOnly = ['detailed-exitcode', 'generate-config-out', 'out'];
      const known = new Set([...applyArguments.map((row) => row.name), ...ofPlanOnly]);
      expect([...documented].filter((name) => !known.has(name))).toEqual([]);
    });
  });

  describe('a saved plan', () => {
    it('carries its run id and directory, and Terraform still reads it', async () => {
      const place = await new Place().allowed();
      const planned = await place.exec(['plan', '-out=plan.bin', '-no-color']);
      const runId = /run-\w{16}/.exec(planned.stderr)![0];
      const comment = Buffer.from(readZipComment(readFileSync(place.file('plan.bin')))!).toString();
      expect(JSON.parse(comment)).toMatchObject({ hallpass_plan: 1, run_id: runId });
      expect((await place.bare(['show', '-no-color', 'plan.bin'])).stdout).toContain('Plan: 2 to add');
      expect((await place.exec(['show', '-json', 'plan.bin'])).code).toBe(0);
      const applied = await place.exec(['apply', '-no-color', 'plan.bin']);
      expect(applied.stdout).toContain('2 added');
      expect(applied.stderr).toContain(`apply as acme/payments/${place.workspace}, ${runId};`);
    });

    it('keeps the 2 of -detailed-exitcode, and is marked all the same', async () => {
      const place = await new Place().allowed();
      expect((await place.exec(['plan', '-detailed-exitcode', '-out', 'plan.bin'])).code).toBe(2);
      expect(readZipComment(readFileSync(place.file('plan.bin')))).not.toHaveLength(0);
      await place.exec(['apply', '-auto-approve']);
      expect((await place.exec(['plan', '-detailed-exitcode'])).code).toBe(0);
    });

    it('keeps its mode, and lies where -chdir says', async () => {
      const place = await new Place().allowed();
      place.write('plan.bin', 'old');
      chmodSync(place.file('plan.bin'), 0o600);
      const result = await place.hallpass(
        ['exec', '--', 'terraform', `-chdir=${place.work}`, 'plan', '-out=plan.bin'],
        {
          cwd: place.root,
        },
      );
      expect(result.code).toBe(0);
      expect(readZipComment(readFileSync(place.file('plan.bin')))).not.toHaveLength(0);
      expect(statSync(place.file('plan.bin')).mode & 0o077).toBe(0);
    });

    it('is known by its hash when the mark was lost', async () => {
      const place = await new Place().allowed();
      const planned = await place.exec(['plan', '-out=plan.bin']);
      writeFileSync(place.file('plan.bin'), withZipComment(readFileSync(place.file('plan.bin')), new Uint8Array())!);
      const applied = await place.exec(['apply', 'plan.bin']);
      expect(applied.stderr).toContain(/run-\w{16}/.exec(planned.stderr)![0]);
      expect(applied.code).toBe(0);
    });

    it('made without Hallpass can be applied, as a run of its own', async () => {
      const place = await new Place().allowed();
      await place.bare(['plan', '-out=plan.bin']);
      expect((await place.exec(['apply', 'plan.bin'])).code).toBe(0);
    });

    it('of another workspace is refused before any token', async () => {
      const place = await new Place().allowed();
      await place.exec(['plan', '-out=plan.bin']);
      const other = await new Place({ settings: { workspace: 'payments-test' } }).allowed();
      copyFileSync(place.file('plan.bin'), other.file('plan.bin'));
      const minted = other.events().filter((event) => event.type === 'token_minted').length;
      const result = await other.exec(['apply', 'plan.bin']);
      expect(result.code).toBe(125);
      expect(result.stderr).toContain(
        'the saved plan was made for a private directory that this workspace cannot have here',
      );
      expect(other.events().filter((event) => event.type === 'token_minted')).toHaveLength(minted);
    });

    it.each(['{"hallpass_plan":1,"run_id":"run-1","directory":"/etc/../etc"}', '{"hallpass_plan":9}'])(
      'with the mark %s is refused',
      async (mark) => {
        const place = await new Place().allowed();
        await place.bare(['plan', '-out=plan.bin']);
        writeFileSync(place.file('plan.bin'), withZipComment(readFileSync(place.file('plan.bin')), Buffer.from(mark))!);
        const result = await place.exec(['apply', 'plan.bin']);
        expect(result.code).toBe(125);
        expect(result.stderr).toContain('make the plan again');
      },
    );
  });

  describe('which program, which phase', () => {
    it.each([
      [['exec'], 'exec needs a command'],
      [['exec', '--', 'make', 'deploy'], 'hallpass exec --phase plan -- make deploy'],
      [['exec', '--', 'terraform', 'test'], 'creates and destroys real resources'],
      [['exec', '--phase', 'destroy', '--', 'true'], 'plan, apply'],
      [['exec', '--pass-env', 'A=b', '--phase', 'plan', '--', 'true'], 'without a value'],
    ])('%j is misuse: 125, and how to say it', async (args, text) => {
      const place = new Place();
      const result = await place.hallpass(args);
      expect(result.stderr).toContain(text);
      expect(result.code).toBe(125);
    });

    it('ends with 127, before any token, when Terraform is missing', async () => {
      const place = new Place();
      await place.succeeds(['allow', '--yes']);
      const before = place.events().length;
      const result = await place.exec(['plan'], { env: { PATH: pathWithout('terraform') } });
      expect(result.code).toBe(127);
      expect(result.stderr).toContain('no token was minted');
      expect(place.events().length).toBe(before);
    });

    it('ends with 126 when the command may not be executed', async () => {
      const place = new Place();
      place.write('script', '#!/bin/sh\n');
      const result = await place.hallpass(['exec', '--phase', 'plan', '--', './script']);
      expect(result.code).toBe(126);
    });

    it('passes on the exit code of any command, and leaves its output alone', async () => {
      const place = await new Place().allowed();
      const result = await place.hallpass([
        'exec',
        '--phase',
        'plan',
        '--',
        'sh',
        '-c',
        'echo out; echo err >&2; exit 42',
      ]);
      expect(result).toMatchObject({ code: 42, stdout: 'out\n' });
      expect(result.stderr.split('\n').slice(1)).toEqual(['err', '']);
      const killed = await place.hallpass(['exec', '--phase', 'plan', '--', 'sh', '-c', 'kill -KILL $$']);
      expect(killed.code).toBe(137);
    });

    it("looks through a version manager's shim that needs its root variable and HOME", async () => {
      const place = await new Place().allowed();
      const root = join(place.root, 'asdf');
      for (const directory of ['bin', 'shims', 'home']) mkdirSync(join(root, directory), { recursive: true });
      const manager = join(root, 'bin/asdf');
      writeFileSync(
        manager,
        '#!/bin/sh\n[ -n "$MANAGER_ROOT" ] && [ -f "$HOME/.tool-versions" ] || { echo "no version is set" >&2; exit 1; }\n' +
          `case $1 in which) echo ${requireProgram('terraform')};; exec) shift 2; exec ${requireProgram('terraform')} "$@";; esac\n`,
        { mode: 0o755 },
      );
      writeFileSync(join(root, 'shims/terraform'), `#!/bin/sh\nexec ${manager} exec "terraform" "$@"\n`, {
        mode: 0o755,
      });
      writeFileSync(join(root, 'home/.tool-versions'), 'terraform 1\n');
      const env = { PATH: `${root}/shims:${process.env['PATH']}`, MANAGER_ROOT: root, HOME: join(root, 'home') };
      expect((await place.exec(['plan'], { env })).code).toBe(0);
      const lost = await place.exec(['plan'], { env: { ...env, HOME: root } });
      expect(lost.code).toBe(127);
      expect(lost.stderr).toContain('no version is set');
    });

    it.each([
      [{ TFC_AWS_PROVIDER_AUTH: 'true' }, 'TFC_AWS_RUN_ROLE_ARN'],
      [
        { TFC_AWS_PROVIDER_AUTH: 'true', TFC_AWS_PLAN_ROLE_ARN: `arn:aws:iam::111122223333:role/r` },
        'TFC_AWS_APPLY_ROLE_ARN',
      ],
      [{ TFC_AWS_RUN_ROLE_ANR: 'arn:aws:iam::111122223333:role/r' }, 'did you mean TFC_AWS_RUN_ROLE_ARN'],
    ])('refuses the variables %j before any token, and before the plan', async (variables, text) => {
      const place = new Place({ settings: { variables } });
      await place.hallpass(['allow', '--yes']);
      const result = await place.exec(['apply', '-auto-approve']);
      expect(result.stderr).toContain(text);
      expect(result.stdout).toBe('');
      expect(result.code).toBe(125);
    });

    it('runs eight at once on one data directory', async () => {
      const place = await new Place().allowed();
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          place.hallpass(['exec', '--phase', 'plan', '--', 'sh', '-c', `sleep 0.5; echo ${index}`]),
        ),
      );
      expect(results.map(({ code, stdout }) => [code, stdout])).toEqual(results.map((_, index) => [0, `${index}\n`]));
      expect((await place.hallpass(['audit', 'verify'])).code).toBe(0);
      expect(place.leftovers()).toEqual([]);
    });

    it('warns and runs when nothing is configured', async () => {
      const place = await new Place({ settings: { variables: {} } }).allowed();
      const result = await place.exec(['plan', '-no-color']);
      expect(result.stderr).toContain('no configuration of a platform is switched on');
      expect(result.code).toBe(0);
    });

    it('refuses a hallpass.yaml that was not allowed, and one that was changed since', async () => {
      const place = new Place();
      const never = await place.exec(['plan']);
      expect(never.code).toBe(125);
      expect(never.stderr).toContain('hallpass allow');
      await place.allowed();
      place.write(
        'hallpass.yaml',
        readFileSync(place.file('hallpass.yaml'), 'utf8').replace(place.workspace, 'payments-prod2'),
      );
      const changed = await place.exec(['plan']);
      expect(changed.code).toBe(125);
      expect(changed.stderr).toContain('payments-prod2');
    });

    it('refuses a data directory that others can read, with the chmod that mends it', async () => {
      const place = await new Place().allowed();
      chmodSync(place.data, 0o755);
      const result = await place.exec(['plan']);
      expect(result.code).toBe(125);
      expect(result.stderr).toContain(`chmod 700 ${place.data}`);
    });

    it('looks for hallpass.yaml from -chdir upwards', async () => {
      const place = await new Place().allowed();
      const result = await place.hallpass(['exec', '--', 'terraform', `-chdir=${place.work}`, 'plan'], {
        cwd: place.root,
      });
      expect(result.code).toBe(0);
      expect(result.stderr).toContain(`plan as acme/payments/${place.workspace}`);
    });
  });
});

describeWith(['terraform', 'expect'], 'exec at a terminal', () => {
  let place: Place;
  beforeAll(async () => {
    place = await new Place().allowed();
  });
  afterAll(() => rmSync(place.root, { recursive: true, force: true }));

  /** Runs `hallpass exec -- terraform apply` at a terminal of its own and answers its question. */
  const answered = (answer: string, command = 'apply'): Promise<ChildResult> =>
    run(requireProgram('expect'), ['-c', expectScript(answer, command)], { cwd: place.work, env: place.env });

  it.each(['no\\r', 'YES\\r', '\\r', 'y\\r', '\\003', '\\004'])('applies nothing on the answer %j', async (answer) => {
    const result = await answered(answer);
    expect(result.stdout).toContain('Do you want to perform these actions?');
    expect(result.stdout).toContain('Apply cancelled.');
    expect(result.code).toBe(1);
    expect(await place.output()).toBeUndefined();
    expect(place.leftovers()).toEqual([]);
  });

  it('waits for another phase that began during the question, since the plan needs its directory', async () => {
    const waiting = await new Place().allowed();
    const script = expectScript('yes\\r', 'apply', [
      `exec ${hallpassProgram} exec --phase plan -- sleep 3 > /dev/null 2> /dev/null &`,
      'sleep 1.5',
    ]);
    const result = await run(requireProgram('expect'), ['-c', script], { cwd: waiting.work, env: waiting.env });
    expect(result.stdout).toContain('waiting for another phase of this workspace to end');
    expect(result.stdout).toContain('2 added');
    expect(result.code).toBe(0);
  });

  it('applies on yes, and destroys on yes', async () => {
    const applied = await answered('yes\\r');
    expect(applied.stdout).toContain('2 added');
    expect(applied.code).toBe(0);
    expect((await answered('no\\r', 'destroy')).stdout).toContain('Destroy cancelled.');
    const destroyed = await answered('yes\\r', 'destroy');
    expect(destroyed.stdout).toContain('2 destroyed');
    expect(destroyed.code).toBe(0);
  });
});

function expectScript(answer: string, command: string, meanwhile: readonly string[] = []): string {
  return [
    'set timeout 60',
    `spawn ${hallpassProgram} exec -- terraform ${command} -no-color`,
    'expect "Enter a value:"',
    ...meanwhile,
    `send "${answer}"`,
    'expect eof',
    'exit [lindex [wait] 3]',
  ].join('\n');
}

/** PATH without the directories that hold a program. */
function pathWithout(name: string): string {
  const { PATH = '' } = cleanEnvironment();
  return PATH.split(':')
    .filter((directory) => !existsSync(join(directory, name)))
    .join(':');
}
