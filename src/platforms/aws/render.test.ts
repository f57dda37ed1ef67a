import { assert as check, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../domain/errors.ts';
import { revealed } from '../../domain/secret.ts';
import { canary, exampleToken } from '../conformance.ts';
import { awsSessionName, renderAws, renderAwsTogether } from './render.ts';

const configuration = { roleArn: 'arn:aws:iam::111122223333:role/x', audience: 'aws.workload.identity' };
const render = (directory: string, sessionName = 'run-1-plan') =>
  renderAws(configuration, exampleToken(), { directory, sessionName });

describe('renderAws', () => {
  it('gives token, configuration file, variables and input', () => {
    const set = render('/run/creds/aws/0-default');
    expect(Object.fromEntries(set.files.map((file) => [file.name, revealed(file.contents)]))).toEqual({
      token: canary,
      config: [
        '[default]',
        'role_arn = arn:aws:iam::111122223333:role/x',
        'web_identity_token_file = /run/creds/aws/0-default/token',
        'role_session_name = run-1-plan',
        '',
      ].join('\n'),
    });
    expect(set.environment).toEqual({
      AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/x',
      AWS_WEB_IDENTITY_TOKEN_FILE: '/run/creds/aws/0-default/token',
      AWS_ROLE_SESSION_NAME: 'run-1-plan',
    });
    expect(set.input).toEqual({ shared_config_file: '/run/creds/aws/0-default/config' });
    expect(set.expiresAt).toEqual(exampleToken().expiresAt);
  });

  it.each(['/a\nrole_arn = b', '/a\r', ' /a', '/a #b', '/a ;b', '/a\u0000', '/a\u2028'])(
    'refuses the directory %j, which would change the meaning of the file',
    (directory) => expect(() => render(directory)).toThrow(AppError),
  );

  it('takes a directory with blanks and signs inside', () => {
    expect(() => render("/tmp/a b/c#d;e/$f/'g'")).not.toThrow();
  });
});

describe('renderAwsTogether', () => {
  it('gives one profile for each tag and none by default', () => {
    const parts = [null, 'BLUE', 'blue'].map((tag) => ({ tag, set: render(`/creds/${tag ?? '0-default'}`) }));
    const { environment, files } = renderAwsTogether(parts, '/creds/aws');
    expect(environment).toEqual({ AWS_CONFIG_FILE: '/creds/aws/config' });
    expect(files.map((file) => file.name)).toEqual(['config']);
    const text = revealed(files[0]!.contents);
    expect(text.match(/^\[.*\]$/gm)).toEqual(['[profile 0-default]', '[profile BLUE]', '[profile blue]']);
    expect(text).toContain('web_identity_token_file = /creds/blue/token');
    expect(text).not.toContain('[default]');
  });
});

describe('awsSessionName', () => {
  it.each([
    ['run-Zk5uNq8xTg2sVbWe-plan', 'run-Zk5uNq8xTg2sVbWe-plan'],
    ['a b/c:d', 'a-b-c-d'],
    ['é', 'hallpass--'],
    ['', 'hallpass-'],
    ['x'.repeat(80), 'x'.repeat(64)],
  ])('makes %j into %j', (name, expected) => expect(awsSessionName(name)).toBe(expected));

  it('always gives what STS takes', () => {
    check(
      property(string({ maxLength: 100 }), (name) => {
        expect(awsSessionName(name)).toMatch(/^[\w+=,.@-]{2,64}$/);
      }),
    );
  });
});
