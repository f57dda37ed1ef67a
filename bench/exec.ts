import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBundle } from '../scripts/build.ts';
import { worldParts } from '../src/cli/demo/world.ts';
import { openAwsStory, planRole, type AwsStory } from '../test/support/aws-story.ts';
import { cleanEnvironment, hallpassProgram, run, terraformCliConfig } from '../test/support/hallpass.ts';
import { program } from '../test/support/programs.ts';
import { measurePairs, summarize, type Benchmark, type Row, type Skipped } from './benchmark.ts';

/** What a run costs more under Hallpass, beside the same run without it. The bundled command line is measured. */
export const execOverhead: Benchmark = {
  name: 'exec',
  async run(say) {
    await buildBundle();
    const directory = mkdtempSync(join(tmpdir(), 'hallpass-bench-'));
    try {
      await using story = await openAwsStory(join(directory, 'aws'));
      const rows = [await emptyCommand(story), await terraformPlan(story, directory, say)];
      return [...rows, await fivePlatforms(join(directory, 'five'))];
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

const exec = (...command: string[]) => ['exec', '--phase', 'plan', '--', ...command];

async function emptyCommand(story: AwsStory): Promise<Row> {
  const inStory = { cwd: story.workDirectory, env: cleanEnvironment(story.env) };
  const pairs = await measurePairs(
    10,
    () => milliseconds(hallpassProgram, exec('true'), inStory),
    () => milliseconds('true', [], inStory),
  );
  return overheadRow('exec -- true', 'true', summarize(pairs), { addedMilliseconds: 80 });
}

/** AWS, Google Cloud, Azure, Vault (with its login and revocation) and Kubernetes at once, beside no platform at all. */
async function fivePlatforms(directory: string): Promise<Row> {
  const variables = Object.assign({}, ...worldParts.map((part) => part.variables)) as Record<string, string>;
  const names = { organization: 'acme', project: 'payments', workspace: 'payments-prod' };
  await using story = await openAwsStory(directory, variables, {
    parts: (issuer) => Object.fromEntries(worldParts.map((part) => [part.id, part.sandbox(issuer, names)])),
  });
  const switches = [...Object.keys(variables), 'TFC_AWS_PROVIDER_AUTH'].filter((name) =>
    name.endsWith('_PROVIDER_AUTH'),
  );
  const none = Object.fromEntries(switches.map((name) => [name, 'false']));
  const all = { cwd: story.workDirectory, env: cleanEnvironment(story.env) };
  const pairs = await measurePairs(
    10,
    () => milliseconds(hallpassProgram, exec('true'), all),
    () => milliseconds(hallpassProgram, exec('true'), { ...all, env: { ...all.env, ...none } }),
  );
  return overheadRow('exec -- true, five platforms', 'exec without any', summarize(pairs), { addedMilliseconds: 150 });
}

async function terraformPlan(story: AwsStory, directory: string, say: (line: string) => void): Promise<Row | Skipped> {
  const what = 'exec -- terraform plan';
  for (const name of ['terraform', 'aws-provider'] as const) {
    const { missing } = program(name);
    if (missing !== undefined) return { what, skipped: `${name}: ${missing}` };
  }
  writeFileSync(join(story.workDirectory, 'main.tf'), configuration);
  const { env } = terraformCliConfig(directory);
  const terraform = program('terraform').path!;
  const options = { cwd: story.workDirectory, env: cleanEnvironment({ ...story.env, ...env }) };
  const init = await run(terraform, ['init', '-input=false'], {
    cwd: story.workDirectory,
    env: { ...story.env, ...env },
  });
  if (init.code !== 0) throw new Error(`terraform init: ${init.stderr}`);
  const staticKeys = { ...options, env: { ...options.env, ...(await staticKeyEnvironment(story)) } };
  const plan = ['plan', '-input=false', '-lock=false'];
  const pairs = await measurePairs(
    10,
    () => milliseconds(hallpassProgram, exec('terraform', ...plan), options).then(noted('hallpass exec', say)),
    () => milliseconds(terraform, plan, staticKeys).then(noted('static keys', say)),
  );
  return overheadRow(what, 'static keys', summarize(pairs), { addedMilliseconds: 80, ratio: 1.04 });
}

/** Exchanges a token once, by hand, and gives what it returns as if somebody had stored it. */
async function staticKeyEnvironment(story: AwsStory): Promise<Record<string, string>> {
  const minted = await story.hallpass(['token', 'mint', '--audience', 'aws.workload.identity', '--phase', 'plan']);
  const answer = await fetch(story.endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: planRole,
      RoleSessionName: 'bench',
      WebIdentityToken: minted.stdout.trim(),
    }),
  });
  const xml = await answer.text();
  const field = (name: string): string => {
    const value = new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1];
    if (value === undefined) throw new Error(`the stand-in refused the exchange: ${xml}`);
    return value;
  };
  return {
    AWS_ACCESS_KEY_ID: field('AccessKeyId'),
    AWS_SECRET_ACCESS_KEY: field('SecretAccessKey'),
    AWS_SESSION_TOKEN: field('SessionToken'),
    AWS_ENDPOINT_URL: story.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

const configuration = `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {}
data "aws_ssm_parameter" "region" {
  name = "/payments/region"
}
output "region" {
  value     = data.aws_ssm_parameter.region.value
  sensitive = true
}
`;

interface Target {
  readonly addedMilliseconds: number;
  readonly ratio?: number;
}

function overheadRow(what: string, limitName: string, measured: ReturnType<typeof summarize>, target: Target): Row {
  const { ours, limit, ratio } = measured;
  const isMet = ours - limit <= target.addedMilliseconds && (target.ratio === undefined || ratio <= target.ratio);
  const ratioText = target.ratio === undefined ? '' : ` and <= ${target.ratio}`;
  return {
    what,
    ours,
    limit,
    limitName,
    unit: 'ms',
    ratio,
    target: `<= +${target.addedMilliseconds} ms${ratioText}`,
    isMet,
  };
}

function noted(name: string, say: (line: string) => void): (value: number) => number {
  return (value) => {
    say(`${name} ${value.toFixed(0)} ms`);
    return value;
  };
}

/** How long a command takes from start to end. It must succeed. */
async function milliseconds(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<number> {
  const began = performance.now();
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}: ${errors}`);
  return performance.now() - began;
}
