import * as fc from 'fast-check';

/**
 * Any text at all: every code point, surrogates without their partner too. The library's own unit `binary` says the same
 * and takes half a second to set itself up in each test file.
 */
export function anyText(constraints: { minLength?: number; maxLength?: number } = {}): fc.Arbitrary<string> {
  const point = fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0x10ffff }));
  return fc.array(point, constraints).map((points) => String.fromCodePoint(...points));
}
