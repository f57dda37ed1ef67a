import { CelFailure } from './fault.ts';
import { numberOf, typeNameOf, Uint, type Value } from './values.ts';

type Target = 'bool' | 'bytes' | 'double' | 'int' | 'uint' | 'string';

/**
 * CEL's conversions, as Go's `strconv` reads and writes.
 *
 * @throws {CelFailure} when the value has no such form
 */
export function convert(to: Target, value: Value): Value {
  const converted = converters[to](value);
  if (converted === undefined) {
    throw new CelFailure(`type conversion error from '${typeNameOf(value)}' to '${to}'`);
  }
  return converted;
}

const converters: Readonly<Record<Target, (value: Value) => Value | undefined>> = {
  bool(value) {
    if (typeof value === 'boolean') return value;
    if (/^(?:1|t|T|TRUE|true|True)$/.test(value as string)) return true;
    return /^(?:0|f|F|FALSE|false|False)$/.test(value as string) ? false : undefined;
  },
  bytes: (value) => (typeof value === 'string' ? Buffer.from(value) : value),
  double(value) {
    if (typeof value !== 'string') return Number(numberOf(value));
    if (/^[+-]?(?:inf|infinity|nan|0x)/i.test(value) || value.includes('_')) {
      throw new CelFailure('this form of a number is not modelled here', true);
    }
    return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value) ? finite(Number(value)) : undefined;
  },
  int: (value) => whole(value, /^[+-]?\d+$/, -(2n ** 63n), 2n ** 63n - 1n, 'integer overflow'),
  uint(value) {
    const found = whole(value, /^\d+$/, 0n, 2n ** 64n - 1n, 'unsigned integer overflow');
    return found === undefined ? undefined : new Uint(found);
  },
  string(value) {
    if (typeof value === 'number') return doubleText(value);
    if (!(value instanceof Uint8Array)) return String(numberOf(value) ?? (value as string | boolean));
    const text = Buffer.from(value).toString('utf8');
    if (!Buffer.from(text).equals(Buffer.from(value)))
      throw new CelFailure('invalid UTF-8 in bytes, cannot convert to string');
    return text;
  },
};

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function whole(value: Value, form: RegExp, least: bigint, greatest: bigint, overflow: string): bigint | undefined {
  if (typeof value === 'string') {
    if (!form.test(value) || value.length > 30) return undefined;
    const read = BigInt(value.replace(/^\+/, ''));
    return read < least || read > greatest ? undefined : read;
  }
  const number = numberOf(value)!;
  if (typeof number === 'number' && !Number.isFinite(number)) throw new CelFailure(overflow);
  const found = typeof number === 'number' ? BigInt(Math.trunc(number)) : number;
  if (found < least || found > greatest) throw new CelFailure(overflow);
  return found;
}

/** Go's `%g`: an exponent from the seventh digit before the point on, and below 0.0001. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 6)) {
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return Object.is(value, -0) ? '-0' : plainDigits(digits, power);
}

function plainDigits(digits: string, power: number): string {
  const sign = digits.startsWith('-') ? '-' : '';
  const all = digits.replace(/[-.]/g, '');
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${all}`;
  const padded = all.padEnd(power + 1, '0');
  return `${sign}${padded.slice(0, power + 1)}${padded.length > power + 1 ? `.${padded.slice(power + 1)}` : ''}`;
}
