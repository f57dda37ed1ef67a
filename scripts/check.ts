import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { repository } from './build.ts';

/** A step of the check, as it would be typed. */
interface Step {
  readonly name: string;
  readonly command: readonly [file: string, ...args: string[]];
}

/** Everything that a change must pass besides the tests of real programs; the cheapest first. */
const steps: readonly Step[] = [
  { name: 'format', command: ['oxfmt', '--check', '.'] },
  { name: 'types', command: ['tsc'] },
  { name: 'lint', command: ['oxlint', '--type-aware'] },
  { name: 'dead code', command: ['knip'] },
  { name: 'docs', command: ['node', 'scripts/generate-docs.ts', '--check'] },
  { name: 'tests', command: ['vitest', 'run', '--project', 'hermetic'] },
];

/** Runs one step; its output is shown only when it fails. */
async function run({ name, command: [file, ...args] }: Step): Promise<boolean> {
  const started = performance.now();
  const child = spawn(file, args, { cwd: repository, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${name.padEnd(10)} ${code === 0 ? 'ok    ' : 'FAILED'} ${seconds.padStart(6)} s`);
  if (code !== 0) console.log(output);
  return code === 0;
}

/** `npm run check -- NAME…` runs the steps of these names only; `--but NAME` all others. */
function chosen(args: readonly string[]): readonly Step[] {
  const but = args[0] === '--but';
  const names = but ? args.slice(1) : args;
  const unknown = names.find((name) => !steps.some((step) => step.name === name));
  if (unknown !== undefined)
    throw new Error(`no step is called ${unknown}: ${steps.map((step) => step.name).join(', ')}`);
  return names.length === 0 ? steps : steps.filter((step) => names.includes(step.name) !== but);
}

const started = performance.now();
const failed: string[] = [];
for (const step of chosen(process.argv.slice(2))) {
  if (!(await run(step))) failed.push(step.name);
}
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(failed.length === 0 ? `all ok in ${seconds} s` : `failed: ${failed.join(', ')} (${seconds} s)`);
process.exitCode = failed.length === 0 ? 0 : 1;
