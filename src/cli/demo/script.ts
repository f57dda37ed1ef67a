import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from '../../environment/phase.ts';
import { shellQuoted } from '../../files/shell-quoted.ts';
import { findProgram } from '../../terraform/find-program.ts';
import { programVersion } from '../../terraform/program-version.ts';
import { findProviderSource, mirrorConfiguration, type ProviderSource } from '../../terraform/provider-search.ts';
import type { CliContext } from '../context.ts';
import { configurationWithoutProvider, configurationWithProvider, parameterName } from './configuration.ts';

/** What the demo runs in which phase, on what this machine has. */
export interface Script {
  /** `provider`: Terraform with the AWS provider; `terraform`: without it; `exchange`: no Terraform at all. */
  readonly kind: 'provider' | 'terraform' | 'exchange';
  /** What was found, and why more was not; sentences. */
  readonly introduction: readonly string[];
  /** Added to the caller's variables. */
  readonly environment: Readonly<Record<string, string>>;
  readonly plan: readonly Command[];
  readonly apply: readonly Command[];
  /** An apply that is run as the plan's role; must fail. */
  readonly applyAsPlan: Command;
  readonly destroy: readonly Command[];
}

const quiet = ['-input=false', '-no-color'];
const awsProvider = 'hashicorp/aws';

/** Looks at what the machine has, and writes the Terraform configuration that fits into the directory. */
export async function chooseScript(context: CliContext, directory: string): Promise<Script> {
  const binary = await findTerraform(context);
  if (binary === null) return exchangeScript();
  const source = await findProviderSource({
    provider: awsProvider,
    namedMirror: context.settings.providerMirror,
    cliConfigurationFile: cliConfigurationFile(context),
    homeDirectory: context.settings.homeDirectory,
    environment: context.settings.parentEnvironment,
    fetch: context.fetch,
  });
  const version = (await programVersion(binary, context.settings.parentEnvironment)) ?? binary;
  const isWithProvider = source.kind !== 'none';
  await writeFile(
    join(directory, 'main.tf'),
    isWithProvider ? configurationWithProvider : configurationWithoutProvider(shellWords(clientCommand())),
  );
  return {
    ...terraformCommands(binary),
    kind: isWithProvider ? 'provider' : 'terraform',
    introduction: [
      ...source.passedOver.map((sentence) => `passed over: ${sentence}`),
      isWithProvider
        ? `${version} with the AWS provider from ${sourceText(source)}`
        : `${version} without the AWS provider (${whyNoProvider(context)}): the resource's steps call the stand-in themselves`,
    ],
    environment: await mirrorEnvironment(source, directory),
    ...(isWithProvider ? {} : { plan: [...terraformCommands(binary).plan, client('sts:GetCallerIdentity')] }),
  };
}

async function findTerraform(context: CliContext): Promise<string | null> {
  for (const name of ['terraform', 'tofu']) {
    try {
      const found = await findProgram(name, {
        environment: context.settings.parentEnvironment,
        workingDirectory: context.settings.workingDirectory,
      });
      return found.file;
    } catch {
      // Not on this machine: the next name, or the exchange alone.
    }
  }
  return null;
}

function cliConfigurationFile({ settings }: CliContext): string {
  const named = settings.parentEnvironment['TF_CLI_CONFIG_FILE'] ?? settings.parentEnvironment['TERRAFORM_CONFIG'];
  return named ?? join(settings.homeDirectory, '.terraformrc');
}

function sourceText(source: ProviderSource): string {
  switch (source.kind) {
    case 'mirror':
      return `the mirror ${source.directory}`;
    case 'configured_mirror':
      return `the mirror ${source.directory} of your CLI configuration`;
    case 'implied_directory':
      return `${source.directory}`;
    default:
      return 'the registry';
  }
}

function whyNoProvider({ settings }: CliContext): string {
  return settings.providerMirror === 'none'
    ? 'HALLPASS_PROVIDER_MIRROR is none'
    : 'the registry does not answer, and no mirror was found; name one with HALLPASS_PROVIDER_MIRROR';
}

/** Terraform finds implied directories, its own configuration and the registry by itself; a mirror must be told. */
async function mirrorEnvironment(source: ProviderSource, directory: string): Promise<Record<string, string>> {
  if (source.kind !== 'mirror') return {};
  const file = join(directory, 'terraformrc');
  await writeFile(file, mirrorConfiguration(source.directory!));
  return { TF_CLI_CONFIG_FILE: file };
}

function terraformCommands(binary: string): Omit<Script, 'kind' | 'introduction' | 'environment'> {
  const terraform = (...args: string[]): Command => ({ file: binary, args });
  return {
    plan: [terraform('init', ...quiet), terraform('plan', ...quiet, '-out=saved.plan')],
    apply: [terraform('apply', ...quiet, 'saved.plan')],
    applyAsPlan: terraform('apply', ...quiet, '-auto-approve', '-var=greeting=changed by the wrong role'),
    destroy: [terraform('destroy', ...quiet, '-auto-approve')],
  };
}

function exchangeScript(): Script {
  const put = client('ssm:PutParameter', {
    Name: parameterName,
    Type: 'String',
    Value: 'made without a stored key',
    Overwrite: true,
  });
  return {
    kind: 'exchange',
    introduction: ['neither terraform nor tofu is on PATH: the exchange alone, with a client of our own'],
    environment: {},
    plan: [client('sts:GetCallerIdentity')],
    apply: [put],
    applyAsPlan: put,
    destroy: [client('ssm:DeleteParameter', { Name: parameterName })],
  };
}

/** This program again, as the client that makes one call to the stand-in. */
function clientCommand(): readonly string[] {
  return [process.execPath, process.argv[1]!, 'sandbox', 'call'];
}

function client(action: string, input: Readonly<Record<string, string | boolean>> = {}): Command {
  const [file, ...args] = clientCommand();
  return { file: file!, args: [...args, action, JSON.stringify(input)] };
}

/** Words as they stand in a shell command in a Terraform string: quoted for the shell, templates for Terraform. */
function shellWords(words: readonly string[]): string {
  return words
    .map(shellQuoted)
    .join(' ')
    .replaceAll(/[$%]\{/g, (opening) => `${opening[0]}${opening}`);
}
