/** One command of a transcript, with what it must show. */
export interface Step {
  readonly command: string;
  readonly input: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/**
 * Reads a transcript. A line says what it is by how it begins:
 *
 * - `$ ` a command for `sh`; `< ` a line of its standard input
 * - `1 ` or `2 ` a line of its standard output or standard error (`1` or `2` alone: an empty line)
 * - `? ` its exit code, if it is not 0
 * - `#` a comment; empty lines part the commands
 *
 * In output, `<…>` (three dots or the character) stands for anything within the line.
 *
 * @throws {Error} naming the line that is none of these
 */
export function parseTranscript(text: string): readonly Step[] {
  const steps: { command: string; input: string | null; stdout: string; stderr: string; code: number }[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [, mark, rest = ''] = /^([$<12?])(?: (.*))?$/.exec(line) ?? [];
    const step = steps.at(-1);
    if (mark === '$') steps.push({ command: rest, input: null, stdout: '', stderr: '', code: 0 });
    else if (mark === undefined || step === undefined)
      throw new Error(`line ${index + 1} is not a transcript: ${line}`);
    else if (mark === '<') step.input = `${step.input ?? ''}${rest}\n`;
    else if (mark === '?') step.code = Number(rest);
    else step[mark === '1' ? 'stdout' : 'stderr'] += `${rest}\n`;
  }
  return steps;
}

/** What to hold the output against: the output itself where the pattern matches it, else the pattern, for the report. */
export function expectedPattern(pattern: string, actual: string): string {
  const parts = pattern.split(/<(?:…|\.\.\.)>/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^\\n]*')}$`).test(actual) ? actual : pattern;
}
