import { assert, constantFrom, dictionary, json, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../domain/json.ts';
import { patched } from './patch.ts';
import { KubernetesRefusal } from './status.ts';

const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const operations = 'application/json-patch+json; charset=utf-8';

const apply = (object: JsonObject, type: string, patch: unknown): JsonObject =>
  patched(object, type, JSON.stringify(patch));

// RFC 7386, appendix A, as far as both sides are objects.
describe('a merge patch', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('of %j with %j gives %j', (object, patch, expected) => {
    expect(apply(object, merge, patch)).toEqual(expected);
    expect(apply(object, strategic, patch)).toEqual(expected);
  });

  it('defines members of any name, and changes no prototype', () => {
    const after = patched({ a: 1 }, merge, '{"__proto__":{"polluted":true}}');
    expect(Object.keys(after)).toEqual(['a', '__proto__']);
    expect(({} as { polluted?: true }).polluted).toBeUndefined();
  });

  it('that sets every member of one object makes it of another', () => {
    const object = dictionary(string(), string());
    assert(
      property(object, object, (before, after) => {
        const patch = Object.fromEntries([...Object.keys(before).map((key) => [key, null]), ...Object.entries(after)]);
        expect(apply(before, merge, patch)).toEqual(after);
      }),
    );
  });
});

// RFC 6902, appendix A.
describe('a JSON patch', () => {
  it.each([
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    [{ foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    [{ foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo', foo: 'bar' }],
    [
      { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
      [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
      { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
    ],
    [
      { foo: ['all', 'grass', 'cows', 'eat'] },
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      { foo: ['all', 'cows', 'eat', 'grass'] },
    ],
    [
      { baz: 'qux', foo: ['a', 2, 'c'] },
      [{ op: 'test', path: '/foo/1', value: 2 }],
      { baz: 'qux', foo: ['a', 2, 'c'] },
    ],
    [
      { foo: 'bar' },
      [{ op: 'add', path: '/child', value: { grandchild: {} } }],
      { foo: 'bar', child: { grandchild: {} } },
    ],
    [{ '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }], { foo: ['bar', ['abc', 'def']] }],
    [{ a: 1 }, [{ op: 'copy', from: '/a', path: '/b' }], { a: 1, b: 1 }],
  ])('of %j with %j gives %j', (object, patch, expected) => {
    expect(apply(object as JsonObject, operations, patch)).toEqual(expected);
  });

  it.each([
    [{ baz: 'qux' }, [{ op: 'test', path: '/baz', value: 'bar' }], 422],
    [{ '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: '10' }], 422],
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz/bat', value: 'qux' }], 422],
    [{ foo: 'bar' }, [{ op: 'remove', path: '/baz' }], 422],
    [{ foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 1 }], 422],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/2', value: 1 }], 422],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/01', value: 1 }], 422],
    [{ foo: ['bar'] }, [{ op: 'remove', path: '/foo/-' }], 422],
    [{ foo: 'bar' }, [{ op: 'remove', path: '/toString' }], 422],
    [{ foo: 'bar' }, [{ op: 'spam', path: '/foo' }], 400],
    [{ foo: 'bar' }, [{ op: 'add', path: 'foo', value: 1 }], 400],
    [{ foo: 'bar' }, [{ op: 'add' }], 400],
    [{ foo: 'bar' }, ['add'], 400],
    [{ foo: 'bar' }, { op: 'add' }, 400],
    [{ foo: 'bar' }, [{ op: 'replace', path: '', value: [] }], 400],
  ])('of %j with %j is refused with %i', (object, patch, status) => {
    expect(() => apply(object as JsonObject, operations, patch)).toThrow(expect.objectContaining({ status }));
  });
});

describe('a patch', () => {
  it.each(['application/apply-patch+yaml', 'application/json', '', 'text/plain'])('of type %j is refused', (type) => {
    expect(() => patched({}, type, '{}')).toThrow(expect.objectContaining({ status: 415 }));
  });

  it.each(['', '{', '[]', 'null', '1'])('%j is refused', (body) => {
    expect(() => patched({}, merge, body)).toThrow(expect.objectContaining({ status: 400 }));
  });

  it('with directives is refused, wherever they stand', () => {
    expect(() => apply({}, strategic, { data: { $patch: 'replace' } })).toThrow(
      expect.objectContaining({ status: 400 }),
    );
  });

  it('is done or refused, whatever it holds', () => {
    assert(
      property(constantFrom(merge, strategic, operations), json(), (type, body) => {
        const object: JsonObject = { data: { a: 'b' }, list: [1, 2] };
        expect(isDoneOrRefused(() => patched(object, type, body))).toBe(true);
        expect(object).toEqual({ data: { a: 'b' }, list: [1, 2] });
      }),
    );
  });
});

function isDoneOrRefused(patch: () => unknown): boolean {
  try {
    patch();
    return true;
  } catch (error) {
    return error instanceof KubernetesRefusal;
  }
}
