import * as fc from 'fast-check';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../../test/support/temporary-directory.ts';
import { AppError } from '../../domain/errors.ts';
import { readWorkloadFile } from '../../settings/workload-file.ts';
import { checkedAnswers, type GivenAnswers, questions, roleArn, roleName } from './answers.ts';
import { complaint } from './ask.ts';
import { hclString } from './hcl.ts';
import { settingsFileText } from './settings-file.ts';
import { awsFiles } from './terraform-code.ts';
import { refuseExisting, writeNewFiles } from './write-files.ts';

const given: GivenAnswers = {
  issuer: 'https://id.example.com',
  organization: 'acme',
  project: 'payments',
  workspace: 'web',
  awsAccount: '111122223333',
};

const answers = (more: GivenAnswers = {}) => checkedAnswers({ ...given, ...more }, false, {});

function problemOf(more: GivenAnswers) {
  try {
    answers(more);
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, ...error.problem };
    throw error;
  }
  throw new Error('it was accepted');
}

function question(key: string) {
  return questions.find((candidate) => candidate.key === key)!;
}

describe('the answers of hallpass init', () => {
  it('fill in what was left open', () => {
    expect(answers({ project: undefined })).toMatchObject({
      project: 'Default Project',
      partition: 'aws',
      region: 'us-east-1',
      audience: 'aws.workload.identity',
      stateBucket: null,
      stateKey: 'web/terraform.tfstate',
    });
    expect(checkedAnswers(given, false, { AWS_REGION: 'cn-north-1' })).toMatchObject({ partition: 'aws-cn' });
    expect(answers({ region: 'us-gov-west-1' }).partition).toBe('aws-us-gov');
  });

  it('are all asked for at once when nobody is at a terminal', () => {
    expect(() => checkedAnswers({ project: 'x' }, false, {})).toThrow(
      'hallpass init needs --issuer, --organization, --workspace, --aws-account',
    );
  });

  it.each([
    [{ issuer: 'https://id.example.com/' }, 'issuer_invalid'],
    [{ issuer: 'http://id.example.com' }, 'issuer_invalid'],
    [{ workspace: 'web:run_phase:apply' }, 'name_invalid'],
    [{ organization: 'acme*' }, 'name_invalid'],
    [{ awsAccount: '1234' }, 'settings_invalid'],
    [{ awsAccount: '111122223333"' }, 'settings_invalid'],
    [{ region: 'eu-west-1"' }, 'settings_invalid'],
    [{ partition: 'aws:' }, 'settings_invalid'],
    [{ audience: 'a"b' }, 'settings_invalid'],
    [{ audience: '${x}' }, 'settings_invalid'],
    [{ stateBucket: 'UPPER' }, 'settings_invalid'],
    [{ stateBucket: 'a*' }, 'settings_invalid'],
    [{ stateKey: '*' }, 'settings_invalid'],
    [{ stateLockTable: 'a/b' }, 'settings_invalid'],
  ])('are checked: %j', (more, code) => {
    expect(problemOf(more).code).toBe(code);
  });

  it('are checked while they are typed', () => {
    expect(complaint(question('workspace'), 'web')).toBeUndefined();
    expect(complaint(question('workspace'), '')).toBe('this is needed');
    expect(complaint(question('project'), '')).toBeUndefined();
    expect(complaint(question('awsAccount'), '12')).toContain('an account id has 12 digits');
  });
});

describe('role names', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,90}$/);
  const names = fc.record({ organization: name, project: name, workspace: name });

  it('fit IAM', () => {
    fc.assert(
      fc.property(names, (parts) => {
        expect(roleName(answers(parts), 'apply')).toMatch(/^[\w+=,.@-]{1,64}$/);
      }),
    );
  });

  it('differ between workspaces and phases, long or short', () => {
    fc.assert(
      fc.property(names, names, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b));
        expect(roleName(answers(a), 'plan')).not.toBe(roleName(answers(b), 'plan'));
        expect(roleName(answers(a), 'plan')).not.toBe(roleName(answers(a), 'apply'));
      }),
    );
    const long = 'x'.repeat(80);
    const [first, second] = [`${long}a`, `${long}b`].map((workspace) => roleName(answers({ workspace }), 'plan'));
    expect(first).not.toBe(second);
  });
});

describe('HCL strings', () => {
  it.each([
    ['plain', '"plain"'],
    ['say "hi"', '"say \\"hi\\""'],
    ['back\\slash', '"back\\\\slash"'],
    ['${var.x}', '"$${var.x}"'],
    ['%{ if true }', '"%%{ if true }"'],
    ['$${x}', '"$$${x}"'],
    ['a\nb\tc', '"a\\nb\\tc"'],
    ['$', '"$"'],
  ])('%j', (text, hcl) => {
    expect(hclString(text)).toBe(hcl);
  });

  it('refuses what HCL cannot express', () => {
    expect(() => hclString('a\0b')).toThrow(RangeError);
  });
});

describe('the files of hallpass init', () => {
  it('hold a hallpass.yaml that reads back', () => {
    const made = answers({ workspace: '0123', organization: 'true', project: 'null', audience: 'aws/111122223333' });
    const file = readWorkloadFile(settingsFileText(made), '/r/hallpass.yaml');
    expect(file.names).toMatchObject({
      organization: { value: 'true' },
      project: { value: 'null' },
      workspace: { value: '0123' },
    });
    expect(file.variables.get('TFC_AWS_PLAN_ROLE_ARN')?.value).toMatchObject({ text: roleArn(made, 'plan') });
    expect(file.variables.get('TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE')?.value).toMatchObject({ text: 'aws/111122223333' });
  });

  it('compare audience and subject exactly, one phase each', () => {
    const files = new Map(awsFiles(answers({ project: 'Default Project' })).map(({ path, text }) => [path, text]));
    for (const phase of ['plan', 'apply']) {
      const text = files.get(`hallpass-aws/${phase}.tf`)!;
      expect(text).toContain(`["organization:acme:project:Default Project:workspace:web:run_phase:${phase}"]`);
      expect(text.match(/test {5}= "StringEquals"/g)).toHaveLength(2);
      expect(text).not.toContain('StringLike');
    }
  });

  it('overwrite nothing, and name all that is there', async () => {
    const directory = temporaryDirectory('init');
    mkdirSync(join(directory, 'hallpass-aws'));
    writeFileSync(join(directory, 'hallpass.yaml'), 'mine');
    writeFileSync(join(directory, 'hallpass-aws/plan.tf'), 'mine');
    const files = [{ path: 'hallpass.yaml', text: 'new' }, ...awsFiles(answers())];
    await expect(refuseExisting(directory, files)).rejects.toThrow(
      'hallpass.yaml, hallpass-aws/plan.tf are there already, and hallpass init overwrites nothing',
    );
    await expect(writeNewFiles(directory, files)).rejects.toThrow('the files cannot be written (EEXIST)');
    expect(readFileSync(join(directory, 'hallpass.yaml'), 'utf8')).toBe('mine');
  });

  it('are written all or not at all', async () => {
    const directory = temporaryDirectory('init');
    const files = [
      { path: 'a/one', text: '1' },
      { path: 'b/two', text: '2' },
      { path: 'a/one/three', text: '3' },
    ];
    await expect(writeNewFiles(directory, files)).rejects.toThrow(AppError);
    expect(readdirSync(directory)).toEqual([]);
  });
});
