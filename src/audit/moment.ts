import { parseDuration } from '../domain/duration.ts';
import { UsageError } from '../domain/errors.ts';

const isoForm = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
const dayMilliseconds = 86_400_000;

/** How to read and show times: in the zone of this machine, or in UTC. */
export type Zone = 'local' | 'utc';

/**
 * Reads a moment as people give it: `2h`, `7d`, `1h30m` ago, `2026-05-03` or `2026-05-03T14:02[:11][Z|+02:00]`.
 *
 * @param option named in the error
 * @param edge which end of a whole day is meant by a date alone
 * @throws {UsageError}
 */
export function readMoment(option: string, text: string, now: Date, zone: Zone, edge: 'start' | 'end'): Date {
  const iso = isoForm.exec(text);
  const moment = iso ? isoMoment(iso, zone, edge) : agoMoment(text, now);
  if (moment !== null && Math.abs(moment.getTime()) < 8.64e15) return moment;
  throw new UsageError({
    what: `${option} is ${JSON.stringify(text)}, which is neither a time nor a duration`,
    where: option,
    mend: 'write 2h, 7d, 2026-05-03 or 2026-05-03T14:02:11Z',
  });
}

function agoMoment(text: string, now: Date): Date | null {
  try {
    return new Date(now.getTime() - parseDuration('duration', text) * 1000);
  } catch {
    return null;
  }
}

function isoMoment(parts: RegExpExecArray, zone: Zone, edge: 'start' | 'end'): Date | null {
  const [, year, month, day, hour, minute, second, fraction, offset] = parts;
  const date = `${year}-${month}-${day}`;
  if (!isRealDay(date)) return null;
  const suffix = offset ?? (zone === 'utc' ? 'Z' : '');
  const start = new Date(
    `${date}T${hour ?? '00'}:${minute ?? '00'}:${second ?? '00'}.${(fraction ?? '').padEnd(3, '0')}${withColon(suffix)}`,
  );
  if (Number.isNaN(start.getTime())) return null;
  if (edge === 'start' || second !== undefined) return start;
  return new Date(start.getTime() + (hour === undefined ? dayMilliseconds : 60_000) - 1);
}

/** JavaScript rolls 31 April over into May. */
function isRealDay(date: string): boolean {
  const moment = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(date);
}

function withColon(offset: string): string {
  return offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset;
}

/** `2026-05-03`. */
export function dayOf(moment: Date, zone: Zone): string {
  return zone === 'utc'
    ? moment.toISOString().slice(0, 10)
    : [moment.getFullYear().toString().padStart(4, '0'), two(moment.getMonth() + 1), two(moment.getDate())].join('-');
}

/** `14:02:11`. */
export function timeOf(moment: Date, zone: Zone): string {
  return zone === 'utc'
    ? moment.toISOString().slice(11, 19)
    : [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(':');
}

/** `UTC`, `UTC+02:00`. */
export function zoneName(moment: Date, zone: Zone): string {
  const minutes = zone === 'utc' ? 0 : -moment.getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
