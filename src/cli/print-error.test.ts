import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { printError } from './print-error.ts';

function printed(error: unknown): string {
  const stderr = new PassThrough();
  printError(stderr, error);
  return String(stderr.read());
}

describe('what is wrong', () => {
  it('stands with its place and its mend, in lines', () => {
    const error = new AppError('exchange_failed', { what: 'a\nb', where: 'c', mend: 'd' });
    expect(printed(error)).toBe('error: a\nb\n  where: c\n  hint:  d\n');
  });

  it('does not speak to the terminal', () => {
    const text = 'x\u001b[2J\u009b31m\u202e\r';
    const shown = printed(new AppError('exchange_failed', { what: text, where: text, mend: text }));
    expect(shown.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    expect(shown).toContain('x\\u{1b}[2J');
    expect(printed(new Error(text)).replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  });
});
