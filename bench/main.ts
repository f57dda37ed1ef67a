import { cpus } from 'node:os';
import { table, type Benchmark } from './benchmark.ts';
import { execOverhead } from './exec.ts';
import { mintAndAudit } from './mint.ts';
import { wellKnown } from './well-known.ts';

const benchmarks: readonly Benchmark[] = [mintAndAudit, wellKnown, execOverhead];

const args = process.argv.slice(2);
const asJson = args.includes('--json');
const names = args.filter((argument) => argument !== '--json');
const unknown = names.find((name) => !benchmarks.some((benchmark) => benchmark.name === name));
if (unknown !== undefined) {
  console.error(`error: there is no benchmark ${unknown}: ${benchmarks.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const rows = [];
for (const benchmark of benchmarks) {
  if (names.length > 0 && !names.includes(benchmark.name)) continue;
  rows.push(...(await benchmark.run((line) => process.stderr.write(`${benchmark.name}: ${line}\n`))));
}
const machine = { cores: cpus().length, model: cpus()[0]?.model ?? 'unknown', node: process.versions.node };
console.log(
  asJson
    ? JSON.stringify({ machine, rows }, null, 2)
    : `${machine.cores} cores, ${machine.model}, Node ${machine.node}\n\n${table(rows)}`,
);
