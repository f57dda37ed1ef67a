import { SettingsError } from './errors.ts';

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Reads a duration such as `90s`, `15m`, `2h` or `1h30m` and gives whole seconds.
 *
 * @throws {SettingsError} `settings_invalid`, naming the setting
 */
export function parseDuration(setting: string, text: string): number {
  const parts = [...text.matchAll(/(\d{1,6})([smhd])/gy)];
  const whole = parts.map((part) => part[0]).join('');
  if (text.length === 0 || whole !== text) {
    throw new SettingsError({
      what: `${setting} is ${JSON.stringify(text)}, which is not a duration`,
      where: setting,
      mend: 'write a number and a unit, such as 90s, 15m or 2h',
    });
  }
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit!]!, 0);
}

/** Shows seconds as people write them: `15m`, `1h30m`, `45s`. */
export function formatDuration(seconds: number): string {
  const parts: string[] = [];
  let rest = Math.max(0, Math.round(seconds));
  for (const [unit, size] of [
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.length > 0 ? parts.join('') : '0s';
}
