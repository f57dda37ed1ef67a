import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonValue, sample } from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CelError, compileCel } from '../../src/platforms/gcp/cel/index.ts';
import { claims, generated, handwritten, matching } from '../support/cel-expressions.ts';
import { describeWith, requireProgram } from '../support/programs.ts';

const seed = 20_261_121;
const pairs = 3000;

/** Where ours refuses what cel-go takes. */
const stricter: readonly string[] = ["{'a': 1, 'a': 2}", "double('0x1p3')"];

interface Outcome {
  readonly value?: unknown;
  readonly refused?: 'compile' | 'evaluate';
  readonly message?: string;
}

describeWith(['go'], 'cel.ts beside cel-go', () => {
  let directory = '';
  let binary = '';

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'hallpass-cel-'));
    binary = join(directory, 'cel-go');
    const source = new URL('../support/cel-go/', import.meta.url).pathname;
    const built = spawnSync(requireProgram('go'), ['build', '-o', binary, '.'], { cwd: source, encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`go build: ${built.stderr}`);
  }, 240_000);

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function theirs(questions: readonly { expression: string; assertion: unknown }[]): readonly Outcome[] {
    const { stdout, status } = spawnSync(binary, {
      input: questions.map((question) => JSON.stringify(question)).join('\n'),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    if (status !== 0) throw new Error(`cel-go ended with ${status}`);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Outcome);
  }

  function compare(expressions: readonly string[], assertions: readonly unknown[]): readonly unknown[] {
    const questions = expressions.map((expression, index) => ({ expression, assertion: assertions[index] }));
    const counts = { value: 0, compile: 0, evaluate: 0, unsupported: 0, stricter: 0 };
    const differing: unknown[] = [];
    for (const [index, their] of theirs(questions).entries()) {
      const { expression, assertion } = questions[index]!;
      const our = ours(expression, assertion);
      if (our === 'unsupported') counts.unsupported += 1;
      else if (isStricterAboutNumbers(expression, our)) counts.stricter += 1;
      else if (kindOf(our, isUnordered(expression)) !== kindOf(their, isUnordered(expression)))
        differing.push({ expression, our, their });
      else counts[our.refused ?? 'value'] += 1;
    }
    process.stdout.write(
      `${questions.length} expressions: ${counts.value} equal values, ${counts.compile} refused when compiled and ${counts.evaluate} when evaluated by both, ${counts.stricter} refused by ours alone, ${counts.unsupported} not modelled\n`,
    );
    return differing;
  }

  it('handwritten', () => {
    expect(
      compare(
        handwritten,
        handwritten.map(() => claims),
      ),
    ).toEqual([]);
  });

  it('stricter', () => {
    const outcomes = theirs(stricter.map((expression) => ({ expression, assertion: claims })));
    expect(outcomes.filter(({ refused }) => refused !== undefined)).toEqual([]);
    expect(stricter.map((expression) => ours(expression, claims))).toEqual(
      stricter.map(() => expect.objectContaining({ refused: 'evaluate' })),
    );
  });

  it('generated', () => {
    const expressions = sample(generated, { numRuns: pairs, seed });
    expect(
      compare(
        expressions,
        expressions.map(() => claims),
      ),
    ).toEqual([]);
  });

  it('patterns', () => {
    const expressions = sample(matching, { numRuns: pairs, seed });
    expect(
      compare(
        expressions,
        expressions.map(() => claims),
      ),
    ).toEqual([]);
  });

  it('any claims', () => {
    const assertions = sample(jsonValue(), { numRuns: 500, seed });
    const texts = ['assertion', 'assertion == assertion', 'assertion.x', 'type(assertion)', 'size(assertion)'];
    expect(
      compare(
        assertions.map((_, index) => texts[index % texts.length]!),
        assertions,
      ),
    ).toEqual([]);
  });
});

function ours(expression: string, assertion: unknown): Outcome | 'unsupported' {
  try {
    const result = compileCel(expression, { variables: ['assertion'] }).evaluate({ assertion });
    return 'error' in result ? { refused: 'evaluate', message: result.error } : { value: result.value };
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return error.isUnsupported ? 'unsupported' : { refused: 'compile', message: error.message };
  }
}

/** `1 < 2.0` is refused by both, but cel-go forgets that inside a macro and behind it. */
function isStricterAboutNumbers(expression: string, { message = '' }: Outcome): boolean {
  const isAboutNumbers = /overload for '_[<>]=?_' applied to '\((?:int|uint|double), (?:int|uint|double)\)'/.test(
    message,
  );
  return isAboutNumbers && /\.(?:all|exists|exists_one|map|filter)\(/.test(expression);
}

/** Lists that come from the members of an object have no order in cel-go. */
function isUnordered(expression: string): boolean {
  return /assertion\.nested(?!\.(?:deep|none|list)\b)/.test(expression);
}

function kindOf(outcome: Outcome, unordered: boolean): string {
  if (outcome.refused !== undefined) return outcome.refused;
  const text = canonical(outcome.value);
  return unordered ? [...text].sort().join('') : text;
}

/** One text for equal values of both: 1, 1u and 1.0 are the same here, as in CEL's own equality. */
function canonical(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'number') return `n${Number(value)}`;
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('base64')}`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const { int, double, bytes, type, ...rest } = value as Record<string, unknown>;
  if (Object.keys(rest).length === 0) {
    if (typeof int === 'string') return `n${Number(int)}`;
    if (typeof double === 'string') return `n${Number(double.replace('Inf', 'Infinity'))}`;
    if (typeof bytes === 'string') return `b${bytes}`;
    if (typeof type === 'string') return JSON.stringify(type);
  }
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`);
  return `{${members.sort().join(',')}}`;
}
