import { CelFailure } from './fault.ts';
import { numberOf, TextList, typeNameOf, type Value } from './values.ts';

/*
 * CEL's text functions. They count code points.
 */

const longestText = 1_000_000;

/** An expression can double a text with each `+`. */
export function bounded(text: string): string {
  if (text.length > longestText) throw new CelFailure('the text grows too long to be modelled here', true);
  return text;
}

/** `text.charAt(index)`, in code points as all of these. */
export function charAt(text: string, index: bigint): string {
  const points = [...text];
  if (index < 0n || index > BigInt(points.length)) throw outOfRange(index);
  return points[Number(index)] ?? '';
}

/** `text.indexOf(part, from)`; -1 when it is not there. */
export function indexOf(text: string, part: string, from = 0n): bigint {
  if (part === '') return from;
  if (from < 0n) throw outOfRange(from);
  const start = codeUnits(text, from);
  const found = start === null ? -1 : text.indexOf(part, start);
  return found < 0 ? -1n : codePoints(text.slice(0, found));
}

/** `text.lastIndexOf(part)`; -1 when it is not there. */
export function lastIndexOf(text: string, part: string): bigint {
  if (part === '') return codePoints(text);
  const found = text.lastIndexOf(part);
  return found < 0 ? -1n : codePoints(text.slice(0, found));
}

/** `text.substring(from, to)`. */
export function substring(text: string, from: bigint, to?: bigint): string {
  const points = [...text];
  const end = to ?? BigInt(points.length);
  if (to !== undefined && from > to) throw new CelFailure(`invalid substring range. start: ${from}, end: ${to}`);
  if (from < 0n || from > BigInt(points.length)) throw outOfRange(from);
  if (end > BigInt(points.length)) throw outOfRange(end);
  return points.slice(Number(from), Number(end)).join('');
}

/** `text.replace(old, fresh, most)`; a negative `most` is all. */
export function replace(text: string, old: string, fresh: string, most = -1n): string {
  if (most === 0n) return text;
  // Between all code points, and at both ends.
  const parts = old === '' ? ['', ...text, ''] : text.split(old);
  const limit = most < 0n ? parts.length - 1 : Math.min(Number(most), parts.length - 1);
  const rest = parts.slice(limit);
  const last = old === '' ? rest.join('') : rest.join(old);
  return bounded([...parts.slice(0, limit), last].join(fresh));
}

/** `text.split(separator, most)`; a negative `most` is all. */
export function split(text: string, separator: string, most = -1n): Value {
  if (most === 0n) return new TextList();
  const parts = separator === '' ? [...text] : text.split(separator);
  const limit = most < 0n ? parts.length : Math.min(Number(most), parts.length);
  const kept = limit === parts.length ? parts : [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(separator)];
  const list = new TextList();
  list.push(...kept);
  return list;
}

const blank = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const outerBlanks = new RegExp(`^${blank}|${blank}$`, 'gu');

/** White space as Go's `strings.TrimSpace` has it: with U+0085, without U+FEFF. */
export function trim(text: string): string {
  return text.replace(outerBlanks, '');
}

/** `list.join(separator)`. */
export function join(list: readonly Value[], separator = ''): string {
  const texts = list.map((one) => {
    if (typeof one === 'string') return one;
    throw new CelFailure(`join: invalid input: ${String(numberOf(one) ?? typeNameOf(one))}`);
  });
  return bounded(texts.join(separator));
}

function codePoints(text: string): bigint {
  return BigInt(Array.from(text).length);
}

/** Code points → code units; null: beyond the end. */
function codeUnits(text: string, points: bigint): number | null {
  const all = [...text];
  return points >= BigInt(all.length) ? null : all.slice(0, Number(points)).join('').length;
}

function outOfRange(index: bigint): CelFailure {
  return new CelFailure(`index out of range: ${index}`);
}
