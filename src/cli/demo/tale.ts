import type { Writable } from 'node:stream';
import type { Json } from '../../domain/json.ts';

/** One thing that the demo showed, and whether it was seen to work. */
export interface DemoStep {
  /** `plan`, `apply`, `destroy`, `refusals`. */
  readonly part: string;
  /** 1 to 7 within a phase; 0 for what stands beside the seven steps. */
  readonly step: number;
  readonly title: string;
  readonly ok: boolean;
  /** What people read. */
  readonly lines: readonly string[];
  /** The same for programs. */
  readonly data: { readonly [name: string]: Json };
}

/** Tells the demo as it happens, and keeps the steps for `--json` and the exit code. */
export interface Tale {
  readonly steps: readonly DemoStep[];
  heading(text: string): void;
  line(text: string): void;
  step(step: DemoStep): void;
}

const titleWidth = 12;

/** @param out where people read; null with `--json`, where only the array is printed at the end */
export function openTale(out: Writable | null, color: boolean): Tale {
  const steps: DemoStep[] = [];
  const paint = (code: number, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    steps,
    heading: (text) => void out?.write(`\n${paint(1, text)}\n`),
    line: (text) => void out?.write(`${text}\n`),
    step(step) {
      steps.push(step);
      const number = step.step > 0 ? String(step.step) : ' ';
      const mark = step.ok ? paint(32, '✓') : paint(31, '✗');
      const [first = '', ...rest] = step.lines;
      out?.write(`  ${number} ${mark} ${paint(1, step.title.padEnd(titleWidth))} ${first}\n`);
      for (const line of rest) out?.write(`${' '.repeat(titleWidth + 7)}${line}\n`);
    },
  };
}
