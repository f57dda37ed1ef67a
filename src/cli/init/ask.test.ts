import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { CliContext } from '../context.ts';
import { askMissing } from './ask.ts';
import { awsSide } from './aws/index.ts';
import { identityQuestions } from './identity.ts';

const questions = [...identityQuestions, ...awsSide.questions];
const asked = questions.filter((question) => question.asked);

/** A terminal where somebody types a line each time a question appears. */
function terminal(lines: readonly string[]) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  const shown = { text: '' };
  const rest = [...lines];
  let answered = 0;
  stdout.on('data', (chunk: Buffer) => {
    shown.text += stripVTControlCharacters(chunk.toString());
    // Answers to each question in turn; a complaint gets the next line as well.
    const due = (shown.text.match(/◆|▲/g) ?? []).length;
    if (due <= answered || rest.length === 0) return;
    answered = due;
    const line = rest.shift()!;
    setImmediate(() => stdin.write(line));
  });
  return { context: { stdin, stdout } as unknown as CliContext, shown };
}

describe('the questions of hallpass init', () => {
  it('are asked in order, with nothing asked that a flag has said', async () => {
    const { context, shown } = terminal(['https://id.example.com\r', '\r', 'web\r', '111122223333\r', '\r']);
    expect(await askMissing(questions, { organization: 'acme' }, context)).toEqual({
      organization: 'acme',
      issuer: 'https://id.example.com',
      workspace: 'web',
      awsAccount: '111122223333',
    });
    const expected = asked.filter(({ key }) => key !== 'organization').map(({ about }) => about.slice(0, 12));
    expect(expected.filter((about) => !shown.text.includes(about))).toEqual([]);
  });

  it('end at Ctrl-C, and nothing is written', async () => {
    const { context } = terminal(['\u0003']);
    await expect(askMissing(questions, {}, context)).rejects.toThrow('cancelled; nothing was written');
  });
});
