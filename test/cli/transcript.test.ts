import { describe, expect, it } from 'vitest';
import { expectedPattern, parseTranscript } from './transcript.ts';

describe('transcripts', () => {
  it('are commands with input, output and exit code', () => {
    expect(parseTranscript('# about\n$ a b\n< in\n1 out\n1\n1 more\n2 oh\n? 3\n\n$ c\n')).toEqual([
      { command: 'a b', input: 'in\n', stdout: 'out\n\nmore\n', stderr: 'oh\n', code: 3 },
      { command: 'c', input: null, stdout: '', stderr: '', code: 0 },
    ]);
  });

  it.each(['hello', '1 before any command', '$ a\n3 x', '$ a\n1x'])('refuse what is none of these: %j', (text) => {
    expect(() => parseTranscript(text)).toThrow(/line \d is not a transcript/);
  });

  it('take <…> for anything within a line, and nothing else for a pattern', () => {
    expect(expectedPattern('id run-<…> ok\n', 'id run-abc ok\n')).toBe('id run-abc ok\n');
    expect(expectedPattern('id run-<...>\n', 'id run-abc\nand more\n')).toBe('id run-<...>\n');
    expect(expectedPattern('a.c*\n', 'abc\n')).toBe('a.c*\n');
  });
});
