import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thrownBy } from '../../../test/support/thrown-by.ts';
import { anyText } from '../../../test/support/any-text.ts';
import { TrustDocumentError } from '../../domain/trust.ts';
import { allowedOn, fitsPath, readAclPolicy } from './acl-policy.ts';

const allowed = (policy: string, path: string, isList = false) =>
  [...allowedOn(path, [readAclPolicy(policy)], isList).capabilities].toSorted();

describe('readAclPolicy', () => {
  it('reads HCL with comments, and JSON', () => {
    const hcl = `
      # one
      path "secret/data/*" { capabilities = ["read", "LIST"], } // two
    `.replace('], }', '] }');
    const json = '{"path": {"secret/data/*": {"capabilities": ["read", "list"]}}}';
    expect(readAclPolicy(hcl)).toEqual(readAclPolicy(json));
    expect(readAclPolicy('/* none\n */')).toEqual([]);
    expect(readAclPolicy('path "/a" {\n capabilities = ["read",\n]\n}')).toEqual([
      { path: 'a', capabilities: new Set(['read']) },
    ]);
  });

  it.each([
    ['path "a" { capabilities = ["rea"] }', 'path "a": invalid capability "rea"', 1, 28],
    ['path "a" { capabilities = "read" }', 'capabilities is not a list of texts', 1, 12],
    ['path "a" { policy = "read" }', 'path "a": policy is not modelled by the stand-in', 1, 12],
    ['path "a" {\n  allowed_parameters = {} }', 'path "a": allowed_parameters is not modelled by the stand-in', 2, 3],
    ['path "a/{{x}}" {}', 'the path "a/{{x}}" is a template', 1, 6],
    ['path "a*b" {}', 'the path "a*b" has a "*" that is not its end, which the server takes literally', 1, 6],
    ['path a {}', '"a" stands where a path in double quotes should be', 1, 6],
    ['path "a" {', 'the policy ends where the name of a setting, or "}" should be', 1, 11],
    ['paths "a" {}', '"paths" stands where a rule: path "secret/data/x" { capabilities = ["read"] } should be', 1, 1],
    ['path "a" ;', '";" cannot stand here', 1, 10],
    ['path "a\n" {}', '"\\"" cannot stand here', 1, 6],
    ['{"paths": {}}', 'invalid key "paths"', 1, 2],
    ['{"path": {"a": {"capabilities": "read"}}}', 'capabilities is not a list of texts', 1, 17],
  ])('refuses %j', (text, what, line, column) => {
    const read = () => readAclPolicy(text);
    expect(read).toThrow(TrustDocumentError);
    expect(read).toThrow(expect.objectContaining({ line, column, problem: expect.objectContaining({ what }) }));
  });

  it('gives a policy or a refusal for any text', () => {
    const pieces = fc.constantFrom(
      'path',
      ' "a" ',
      '{',
      '}',
      'capabilities',
      '=',
      '["read"]',
      '[',
      ']',
      ',',
      '#x\n',
      '"',
      '\\',
      '\n',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          anyText(),
          fc.array(pieces).map((all) => all.join('')),
        ),
        (text) => {
          const error = thrownBy(() => readAclPolicy(text));
          expect(error === null || error instanceof TrustDocumentError).toBe(true);
        },
      ),
    );
  });

  it('reads back what was written', () => {
    const rule = fc.record({
      path: fc.stringMatching(/^[a-z/+]{1,8}\*?$/),
      capabilities: fc.uniqueArray(fc.constantFrom('read', 'list', 'create', 'deny'), { minLength: 1 }),
    });
    fc.assert(
      fc.property(fc.array(rule), (rules) => {
        const text = rules.map(
          ({ path, capabilities }) => `path ${JSON.stringify(path)} { capabilities = ${JSON.stringify(capabilities)} }`,
        );
        const expected = rules.map(({ path, capabilities }) => ({
          path: path.replace(/^\//, ''),
          capabilities: new Set(capabilities),
        }));
        expect(readAclPolicy(text.join('\n'))).toEqual(expected);
      }),
    );
  });
});

describe('allowedOn', () => {
  it.each([
    ['path "a/*" { capabilities = ["read"] }', 'a/b/c', ['read']],
    ['path "a/*" { capabilities = ["read"] }', 'a', []],
    ['path "a/+/c" { capabilities = ["read"] }', 'a/b/c', ['read']],
    ['path "a/+/c" { capabilities = ["read"] }', 'a/b/b/c', []],
    ['path "a/+" { capabilities = ["read"] }', 'a/b', ['read']],
    ['path "a" { capabilities = ["read"] }\npath "a*" { capabilities = ["list"] }', 'a', ['read']],
    ['path "a/*" { capabilities = ["read"] }\npath "a/b/*" { capabilities = ["list"] }', 'a/b/c', ['list']],
    ['path "a/*" { capabilities = ["read"] }\npath "a/*" { capabilities = ["deny"] }', 'a/b', ['deny']],
    ['path "*" { capabilities = ["read"] }', 'any/thing', ['read']],
    ['path "+/b" { capabilities = ["list"] }\npath "a/*" { capabilities = ["read"] }', 'a/b', ['read']],
  ])('%j on %s', (policy, path, expected) => {
    expect(allowed(policy, path)).toEqual(expected);
  });

  it('lists a folder without its slash', () => {
    expect(allowed('path "a" { capabilities = ["list"] }', 'a/', true)).toEqual(['list']);
    expect(allowed('path "a" { capabilities = ["list"] }', 'a/')).toEqual([]);
  });

  it('joins what several policies allow on the same path', () => {
    const policies = ['read', 'list'].map((one) => readAclPolicy(`path "a" { capabilities = ["${one}"] }`));
    expect([...allowedOn('a', policies, false).capabilities].toSorted()).toEqual(['list', 'read']);
  });
});

describe('fitsPath', () => {
  it('takes what a regular expression would', () => {
    const segment = fc.constantFrom('a', 'ab', 'b', '');
    const pattern = fc.tuple(
      fc.array(fc.oneof(segment, fc.constant('+')), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(pattern, fc.array(segment, { minLength: 1, maxLength: 5 }), ([segments, isPrefix], path) => {
        const text = segments.join('/') + (isPrefix ? '*' : '');
        fc.pre(!(isPrefix && segments.at(-1) === '+'));
        const source = segments.map((one) => (one === '+' ? '[^/]*' : one)).join('/');
        const expected = new RegExp(`^${source}${isPrefix ? '.*' : ''}$`, 's').test(path.join('/'));
        expect(fitsPath(text, path.join('/'))).toBe(expected);
      }),
    );
  });
});
