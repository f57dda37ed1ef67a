/** One figure of ours beside its limit, both taken in the same run. */
export interface Row {
  readonly what: string;
  /** Our median, in `unit`. */
  readonly ours: number;
  /** What it is held against, and its median. */
  readonly limitName: string;
  readonly limit: number;
  readonly unit: string;
  /** Median of the ratios of the pairs; above 1 is better where more is better, below 1 where less is. */
  readonly ratio: number;
  /** The target as design section 23 has it, and whether it was met. */
  readonly target: string;
  readonly isMet: boolean;
}

/** Why a benchmark could not run here. */
export interface Skipped {
  readonly what: string;
  readonly skipped: string;
}

export interface Benchmark {
  readonly name: string;
  readonly run: (say: (line: string) => void) => Promise<readonly (Row | Skipped)[]>;
}

/** A pair measured one right after the other, so that what else the machine does meets both. */
export interface Pair {
  readonly ours: number;
  readonly limit: number;
}

/** Measures pairs, first one then the other, in alternating order, so that neither always comes first. */
export async function measurePairs(
  count: number,
  ours: () => Promise<number>,
  limit: () => Promise<number>,
): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (let index = 0; index < count; index += 1) {
    if (index % 2 === 0) {
      const first = await ours();
      pairs.push({ ours: first, limit: await limit() });
    } else {
      const first = await limit();
      pairs.push({ limit: first, ours: await ours() });
    }
  }
  return pairs;
}

/** The middle value; the mean of the two in the middle for an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Medians of both sides, and the median of the pairs' own ratios. */
export function summarize(pairs: readonly Pair[]): Pair & { readonly ratio: number } {
  return {
    ours: median(pairs.map((pair) => pair.ours)),
    limit: median(pairs.map((pair) => pair.limit)),
    ratio: median(pairs.map((pair) => pair.ours / pair.limit)),
  };
}

/** The rows as a table for people. */
export function table(rows: readonly (Row | Skipped)[]): string {
  const lines = [['what', 'ours', 'limit', 'ratio', 'target', '']];
  for (const row of rows) {
    lines.push(
      'skipped' in row
        ? [row.what, 'skipped', row.skipped, '', '', '']
        : [
            row.what,
            `${shown(row.ours)} ${row.unit}`,
            `${shown(row.limit)} ${row.unit} (${row.limitName})`,
            row.ratio.toFixed(3),
            row.target,
            row.isMet ? 'met' : 'missed',
          ],
    );
  }
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Three digits that matter. */
function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
