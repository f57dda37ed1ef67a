import type { DemoStep } from '../../src/cli/demo/tale.ts';

/** Part and number of every step that a demo shows when all goes well. */
export const everyStep: readonly (readonly [string, number])[] = [
  ...['plan', 'apply'].flatMap((part) => [1, 2, 3, 4, 5, 6, 7].map((step) => [part, step] as const)),
  ['refusals', 0],
  ['refusals', 0],
  ...[1, 2, 3, 4, 5, 6, 7].map((step) => ['destroy', step] as const),
  ...['Google Cloud', 'Azure', 'Vault', 'Kubernetes'].map(() => ['others', 0] as const),
];

export function demoSteps(stdout: string): readonly DemoStep[] {
  return JSON.parse(stdout) as readonly DemoStep[];
}
