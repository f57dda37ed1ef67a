import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { parse, stringify } from 'yaml';
import { AppError } from '../domain/errors.ts';
import { readWorkloadFile, workloadFileKeys } from './workload-file.ts';

const path = '/repo/hallpass.yaml';

function problemOf(text: string) {
  try {
    readWorkloadFile(text, path);
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, ...error.problem };
    throw error;
  }
  throw new Error('it was accepted');
}

/** Throws only what is not an answer. */
function answer(text: string): void {
  try {
    readWorkloadFile(text, path);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
}

const whole = `issuer: https://id.example.com
organization: acme
project: Default Project
workspace: payments-prod
variables:
  TFC_AWS_PROVIDER_AUTH: "true"
  TFC_AWS_RUN_ROLE_ARN: arn:aws:iam::111122223333:role/payments
  GREETING: hello
  DB_PASSWORD: { env: DB_PASSWORD }
  CERTIFICATE: { file: certs/client.pem }
  API_KEY: { value: "s3cr3t", sensitive: true }
  SHOWN: { value: "plain" }
terraform_variables:
  region: eu-west-1
  zones: '["a", "b"]'
token_lifetime: 15m
ids:
  organization: org-4yTgXq2v1mWcRbKd
  project: prj-7hQzJ9uLk2sVnXpA
  workspace: ws-c3RfM8bYtE6wPdHs
`;

describe('a hallpass.yaml', () => {
  it('is read whole, every value with its place', () => {
    const file = readWorkloadFile(whole, path);
    expect(file.issuer).toEqual({ value: 'https://id.example.com', place: '/repo/hallpass.yaml:1:9' });
    expect(file.names).toMatchObject({
      organization: { value: 'acme' },
      project: { value: 'Default Project' },
      workspace: { value: 'payments-prod', place: '/repo/hallpass.yaml:4:12' },
    });
    expect(Object.fromEntries([...file.variables].map(([name, { value }]) => [name, value]))).toEqual({
      TFC_AWS_PROVIDER_AUTH: { kind: 'text', text: 'true', sensitive: false },
      TFC_AWS_RUN_ROLE_ARN: { kind: 'text', text: 'arn:aws:iam::111122223333:role/payments', sensitive: false },
      GREETING: { kind: 'text', text: 'hello', sensitive: false },
      DB_PASSWORD: { kind: 'env', name: 'DB_PASSWORD' },
      CERTIFICATE: { kind: 'file', path: 'certs/client.pem' },
      API_KEY: { kind: 'text', text: 's3cr3t', sensitive: true },
      SHOWN: { kind: 'text', text: 'plain', sensitive: false },
    });
    expect(file.terraformVariables.get('zones')?.value).toEqual({ kind: 'text', text: '["a", "b"]', sensitive: false });
    expect(file.tokenLifetimeSeconds?.value).toBe(900);
    expect(file.ids.workspace?.value).toBe('ws-c3RfM8bYtE6wPdHs');
  });

  it.each([
    '',
    '# nothing yet\n',
    '---\n',
    'variables:\n',
    'variables:\n  # none\nids:\n',
    '\uFEFForganization: acme\n',
  ])('may say little: %j', (text) => {
    expect(readWorkloadFile(text, path).variables.size).toBe(0);
  });

  it('reads yes, on and off as the texts they are in YAML 1.2', () => {
    expect(readWorkloadFile('variables: { A: yes, B: off }', path).variables.get('A')?.value).toMatchObject({
      text: 'yes',
    });
  });

  it('takes a file with Windows line ends', () => {
    expect(readWorkloadFile('organization: acme\r\nproject: web\r\n', path).names.project?.value).toBe('web');
  });

  it.each([
    ['organisation: acme', 'hallpass.yaml has no key "organisation"', 'did you mean organization?', '1:1'],
    [
      'issuer: https://a.example\nworkspaces: web',
      'hallpass.yaml has no key "workspaces"',
      'did you mean workspace?',
      '2:1',
    ],
    ['server: https://a.example', 'hallpass.yaml has no key "server"', 'known keys: issuer, organization,', '1:1'],
    ['data_dir: /tmp', 'hallpass.yaml has no key "data_dir"', 'known keys: ', '1:1'],
    ['ids: { worksapce: ws-1 }', 'ids has no key "worksapce"', 'did you mean workspace?', '1:8'],
    ['variables: { A: { enw: B } }', 'A has no key "enw"', 'did you mean env?', '1:19'],
  ])('refuses an unknown key: %j', (text, what, mend, place) => {
    const problem = problemOf(text);
    expect(problem.what).toBe(what);
    expect(problem.mend).toContain(mend);
    expect(problem.where).toBe(`${path}:${place}`);
  });

  it.each([
    ['variables: { A: true }', 'A must be a text, but YAML reads a boolean here', 'in quotes'],
    ['variables: { A: 0123 }', 'A must be a text, but YAML reads a number here', 'in quotes'],
    ['variables: { A: 1.10 }', 'A must be a text, but YAML reads a number here', 'in quotes'],
    ['variables: { A: ~ }', 'A has no value', undefined],
    ['variables: { A: }', 'A has no value', undefined],
    ['variables: { A: [a, b] }', 'A must be a text, but YAML reads a list here', 'as JSON in single quotes'],
    ['terraform_variables: { zones: [a, b] }', 'zones must be a text, but YAML reads a list here', 'JSON'],
    ['workspace: 2024', 'workspace must be a text, but YAML reads a number here', 'in quotes'],
    ['token_lifetime: 900', 'token_lifetime must be a text, but YAML reads a number here', 'in quotes'],
    ['variables: [A]', 'variables must be a mapping', undefined],
    ['- a', 'the file must be a mapping', undefined],
    ['just words', 'the file must be a mapping', undefined],
    ['? [1, 2]\n: 3', 'a key of the file is not a text', 'in quotes'],
    ['variables: { 1: a }', 'a key of variables is not a text', 'in quotes'],
    ['variables: { A: {} }', 'A must have exactly one of env, file or value', 'write { env: NAME }'],
    ['variables: { A: { env: B, file: c } }', 'A must have exactly one of env, file or value', 'write { env'],
    ['variables: { A: { env: B, sensitive: true } }', 'sensitive stands with value only', 'write { env'],
    ['variables: { A: { value: b, sensitive: "true" } }', 'A.sensitive must be true or false', undefined],
    ['variables: { A: { value: 5, sensitive: true } }', 'A.value must be a text', 'in quotes'],
    ['variables: { A: { env: "no name" } }', '"no name" is not the name of an environment variable', 'letters'],
    ['variables: { "A=B": c }', '"A=B" is not the name of an environment variable', 'letters'],
    ['variables: { "BASH_FUNC_x%%": c }', 'is not the name of an environment variable', 'letters'],
    ['variables: { "": c }', '"" is not the name of an environment variable', 'letters'],
    ['variables: { A: "a\\0b" }', 'the value of A holds a NUL character', undefined],
    ['terraform_variables: { "a b": c }', '"a b" is not the name of a Terraform variable', 'TF_VAR_'],
    ['terraform_variables: { tfc_aws_dynamic_credentials: c }', 'Hallpass fills it', 'leave it out'],
    ['token_lifetime: 9s', 'token_lifetime is "9s", outside 10s to 24h', undefined],
    ['token_lifetime: 25h', 'token_lifetime is "25h", outside 10s to 24h', undefined],
    ['token_lifetime: soon', 'token_lifetime is "soon", which is not a duration', '15m'],
    ['token_endpoint: "true"', 'token_endpoint must be true or false', undefined],
    ['token_endpoint: yes', 'token_endpoint must be true or false', undefined],
    ['token_endpoint: 1', 'token_endpoint must be true or false', undefined],
    ['token_endpoint:', 'token_endpoint must be true or false', undefined],
    ['ids: { workspace: prj-abc }', 'ids.workspace is "prj-abc", which is not an id of that kind', '"ws-"'],
    ['ids: { organization: "org-a:b" }', 'which is not an id of that kind', '"org-"'],
  ])('refuses a value of the wrong kind: %j', (text, what, mend) => {
    const problem = problemOf(text);
    expect(problem.code).toBe('settings_invalid');
    expect(problem.what).toContain(what);
    expect(problem.mend ?? '').toContain(mend ?? '');
    expect(problem.where).toMatch(/^\/repo\/hallpass\.yaml:\d+:\d+$/);
  });

  it.each([
    ['organization: "acme:project:x"', 'holds ":"'],
    ['workspace: "w*"', 'holds "*"'],
    ['workspace: "web\\nprod"', 'holds "\\n"'],
    ['organization: аcme', 'U+0430'],
    ['project: " web"', 'has a space at its start or end'],
    ['workspace: ""', 'is empty'],
  ])('refuses a forged name: %j', (text, reason) => {
    const problem = problemOf(text);
    expect(problem.code).toBe('name_invalid');
    expect(problem.what).toContain(reason);
    expect(problem.where).toMatch(/^\/repo\/hallpass\.yaml:1:\d+$/);
  });

  it.each([
    'issuer: https://id.example.com/',
    'issuer: https://id.example.com?x=1',
    'issuer: http://id.example.com',
    'issuer: ftp://id.example.com',
  ])('refuses an issuer that relying parties would not take: %j', (text) => {
    expect(problemOf(text)).toMatchObject({ code: 'issuer_invalid', where: `${path}:1:9` });
  });

  it.each(['${dir}', '${dir}-${terraform.workspace}', 'net-${terraform.workspace}'])(
    'takes the template %s for a workspace',
    (template) => {
      expect(readWorkloadFile(`workspace: "${template}"`, path).names.workspace?.value).toBe(template);
    },
  );

  it.each([
    ['workspace: "${path}"', '"${path}", which cannot be filled in'],
    ['workspace: "${dir"', '"${dir", which cannot be filled in'],
    ['workspace: "${}"', '"${}", which cannot be filled in'],
    ['workspace: "${dir}:x"', 'holds ":"'],
    ['workspace: "${dir}\\e[2J"', 'U+001B'],
    ['organization: "${dir}"', 'only workspace is filled in'],
    ['project: "${terraform.workspace}"', 'only workspace is filled in'],
  ])('refuses the template in %j', (text, reason) => {
    expect(problemOf(text).what).toContain(reason);
  });

  it.each([
    ['organization: acme\norganization: evil', 'this key stands twice', '2:1'],
    ['variables:\n  A: a\n  "A": b', 'this key stands twice', '3:3'],
    ['organization: &a acme\nproject: *a', 'an anchor (&name) stands here', '1:'],
    ['variables: &v { A: a }', 'an anchor (&name) stands here', '1:'],
    ['organization: acme\nproject: *a', 'an alias (*name) stands here', '2:10'],
    ['variables: { <<: { A: a } }', 'a merge key (<<) stands here', '1:14'],
    ['organization: !!str acme', 'a tag (!name) stands here', '1:'],
    ['organization: !secret acme', 'a tag (!name) stands here', '1:'],
    ['issuer: https://a.example\n---\nissuer: https://b.example', 'a second document begins here', '2:1'],
    ['variables:\n\tA: b', 'a tab indents this line', '2:'],
    ['variables: { A: "b', 'a closing quote', '1:'],
    ['variables:\n A: b\n  B: c', '', '2:'],
  ])('refuses YAML that hides what it says: %j', (text, what, place) => {
    const problem = problemOf(text);
    expect(problem.what).toContain(what);
    expect(problem.where).toContain(`${path}:${place}`);
  });

  it('does not run out of stack on a file of brackets', () => {
    expect(problemOf('['.repeat(50_000)).where).toContain(path);
  });

  it.each([
    'variables:\n  PASSWORD: "hunter2-in-clear\n',
    'variables:\n  PASSWORD: hunter2-in-clear: x\n',
    'variables:\n  PASSWORD: "hunter2-in-clear\\0"\n',
    'variables:\n  PASSWORD: [hunter2-in-clear]\n',
    'variables:\n  PASSWORD: { value: hunter2-in-clear, sensitive: maybe }\n',
    'variables:\n  PASSWORD: { value: hunter2-in-clear, file: x }\n',
    'variables:\n  PASSWORD: @hunter2-in-clear\n',
    'variables:\n  PASSWORD: "a" hunter2-in-clear\n',
    'variables:\n  PASSWORD: !!binary hunter2-in-clear\n',
  ])('never quotes a value in an error: %j', (text) => {
    expect(JSON.stringify(problemOf(text))).not.toContain('hunter2');
  });

  it('refuses a misspelt TFC_ name with the nearest one and its place', () => {
    expect(problemOf('variables:\n  TFC_AWS_PROVIDER_AUHT: "true"\n')).toMatchObject({
      code: 'settings_invalid',
      what: 'there is no variable TFC_AWS_PROVIDER_AUHT',
      where: `${path}:2:3`,
      mend: 'did you mean TFC_AWS_PROVIDER_AUTH?',
    });
  });

  it('takes tagged names and a switch that comes from the environment', () => {
    const text = 'variables:\n  TFC_AWS_PROVIDER_AUTH_blue: "true"\n  TFC_AWS_RUN_ROLE_ARN_blue: { env: ROLE }\n';
    expect([...readWorkloadFile(text, path).variables.keys()]).toEqual([
      'TFC_AWS_PROVIDER_AUTH_blue',
      'TFC_AWS_RUN_ROLE_ARN_blue',
    ]);
  });

  it('reads back whatever texts a YAML writer writes', () => {
    const name = fc.stringMatching(/^X_[A-Za-z0-9_]{0,20}$/);
    const value = anyText().filter((text) => !text.includes('\0') && text.isWellFormed());
    fc.assert(
      fc.property(fc.dictionary(name, value), (variables) => {
        const written = stringify({ variables });
        // What the writer itself does not get back is none of our business.
        fc.pre(JSON.stringify(parse(written)) === JSON.stringify({ variables }));
        const read = readWorkloadFile(written, path).variables;
        expect(Object.fromEntries([...read].map(([key, placed]) => [key, placed.value]))).toEqual(
          Object.fromEntries(
            Object.entries(variables).map(([key, text]) => [key, { kind: 'text', text, sensitive: false }]),
          ),
        );
      }),
    );
  });

  it('answers every text with a file or with an AppError', () => {
    const line = fc.oneof(
      fc.constantFrom(...workloadFileKeys.map(({ key }) => `${key}: `)),
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '\n',
        '  ',
        '- ',
        '&a ',
        '*a ',
        '!t ',
        '<<: ',
        '? ',
        '|\n',
        '%YAML 1.1\n',
        '---\n',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(
        fc.array(line).map((parts) => parts.join('')),
        (text) => {
          expect(() => answer(text)).not.toThrow();
        },
      ),
      { numRuns: 500 },
    );
  });
});
