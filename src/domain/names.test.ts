import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { checkedName, NameError, type NameKind } from './names.ts';

const kinds: readonly NameKind[] = ['organization', 'project', 'workspace', 'stack', 'deployment', 'module'];

describe('checkedName', () => {
  it.each(['a', 'acme', 'payments-prod', 'A_9-z', '-', 'x'.repeat(90)])('takes %j for every kind', (name) => {
    for (const kind of kinds) expect(checkedName(kind, name)).toBe(name);
  });

  it('takes single inner spaces in project names only', () => {
    expect(checkedName('project', 'Default Project')).toBe('Default Project');
    for (const kind of kinds.filter((other) => other !== 'project')) {
      expect(() => checkedName(kind, 'Default Project')).toThrow(NameError);
    }
  });

  const forged: readonly (readonly [string, string])[] = [
    ['acme:project:x', 'further parts of the subject'],
    ['w*', 'a wildcard of StringLike'],
    ['w?', 'a wildcard of StringLike'],
    ['acme\n', 'a line feed'],
    ['acme\r', 'a carriage return'],
    ['acme\0', 'a NUL'],
    ['\u0430cme', 'a Cyrillic look-alike'],
    ['\uff41cme', 'a full-width look-alike'],
    ['acme\u200b', 'a zero-width space'],
    ['\u00e9', 'a letter outside ASCII'],
    ['a/b', 'a slash'],
    ['a.b', 'a dot'],
    ['"a"', 'quotes'],
    ['`a`', 'backticks'],
    ['${a}', 'a policy variable'],
    [' a', 'a space at the start'],
    ['a ', 'a space at the end'],
    ['a  b', 'two spaces in a row'],
    ['a\tb', 'a tab'],
    ['', 'nothing'],
    ['x'.repeat(91), 'too many characters'],
  ];
  it.each(forged)('refuses %j: %s', (name) => {
    for (const kind of kinds) expect(() => checkedName(kind, name)).toThrow(NameError);
  });

  it('says which character is in the way, on one line and in ASCII', () => {
    const error = catchError(() => checkedName('workspace', 'p\u0430y\nments'));
    expect(error.problem.what).toContain('U+0430');
    expect(error.problem.what).toMatch(/^[\x20-\x7e]+$/);
  });

  it('lets through nothing that could end or widen a part of a subject', () => {
    fc.assert(
      fc.property(anyText({ maxLength: 100 }), fc.constantFrom(...kinds), (name, kind) => {
        try {
          checkedName(kind, name);
        } catch {
          return;
        }
        expect(name).toMatch(/^[A-Za-z0-9_-]+( [A-Za-z0-9_-]+)*$/);
        expect(name.length).toBeLessThanOrEqual(90);
      }),
    );
  });
});

function catchError(action: () => unknown): NameError {
  try {
    action();
  } catch (error) {
    if (error instanceof NameError) return error;
  }
  throw new Error('a NameError was expected');
}
