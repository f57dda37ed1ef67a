import type { Json } from '../../domain/json.ts';

/** A number as Go prints a float64 with %v: the shortest digits, with an exponent below 1e-4 and from 1e6 on. */
function goFloat(value: number): string {
  if (Object.is(value, -0)) return '-0';
  const magnitude = Math.abs(value);
  if (magnitude === 0 || (magnitude >= 1e-4 && magnitude < 1e6)) return String(value);
  return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
}

/** A value as the server prints it in its errors (Go's %v). */
export function goText(value: Json): string {
  if (value === null) return '<nil>';
  if (typeof value === 'number') return goFloat(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(goText).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const names = Object.keys(value).toSorted(byBytes);
  return `map[${names.map((name) => `${name}:${goText((value as Readonly<Record<string, Json>>)[name]!)}`).join(' ')}]`;
}

/** A text as the server prints it in quotes (Go's %q). */
export function goQuoted(text: string): string {
  const inner = Array.from(text, (character) => {
    const escape = escapes[character];
    if (escape !== undefined) return escape;
    const code = character.codePointAt(0)!;
    if (code === 0x20 || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) return character;
    if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
  });
  return `"${inner.join('')}"`;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** An integer as Go's `strconv.ParseInt` reads it with base 0: `12`, `0x1f`, `017`, `1_000`; null for anything else. */
export function parseGoInteger(text: string): number | null {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[-+]/, '').toLowerCase();
  const spelt = /^0_?[0-7]+(?:_[0-7]+)*$/.test(digits)
    ? `0o${digits.slice(1).replaceAll('_', '')}`
    : /^(?:0|[1-9]\d*(?:_\d+)*|0x(?:_?[\da-f]+)+|0b(?:_?[01]+)+|0o(?:_?[0-7]+)+)$/.test(digits)
      ? digits.replaceAll('_', '')
      : null;
  return spelt === null ? null : sign * Number(spelt);
}

/** The order of Go's strings: by bytes of UTF-8, which is the order of code points. */
function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

const least = -(2n ** 63n);

/** A float64 made an int64 as Go does on amd64: cut off, and the least of all integers when it does not fit. */
export function goInteger(value: number): bigint {
  if (!Number.isFinite(value)) return least;
  const whole = BigInt(Math.trunc(value));
  return BigInt.asIntN(64, whole) === whole ? whole : least;
}
