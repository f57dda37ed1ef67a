import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argumentNames, hclBlocks, type HclBlock } from './hcl-blocks.ts';

/** The root module's own files, as far as Hallpass looks into them: top-level blocks of `*.tf` and `*.tofu`. */
export interface Configuration {
  readonly blocks: readonly HclBlock[];
  /** False when there are files that were not understood (`*.tf.json`, a file over 1 MiB): absence then proves nothing. */
  readonly complete: boolean;
}

const largestFile = 1024 * 1024;

/** Reads the root module in a directory; what cannot be read makes it incomplete, never an error: it serves hints only. */
export async function readConfiguration(directory: string): Promise<Configuration> {
  const names = await readdir(directory).catch(() => []);
  const sources = names.filter((name) => /\.(?:tf|tofu)$/.test(name) && !name.startsWith('.')).sort();
  const texts = await Promise.all(sources.map((name) => readFile(join(directory, name), 'utf8').catch(() => null)));
  const readable = texts.filter((text): text is string => text !== null && text.length <= largestFile);
  return {
    blocks: readable.flatMap((text) => hclBlocks(text)),
    complete: readable.length === sources.length && !names.some((name) => /\.(?:tf|tofu)\.json$/.test(name)),
  };
}

/** Whether a variable is ephemeral, so that it must be given again at apply. */
export function hasEphemeralVariables(configuration: Configuration): boolean {
  return configuration.blocks.some(
    (block) => block.type === 'variable' && /(?:^|\n)\s*ephemeral\s*=\s*true\b/.test(block.body),
  );
}

/** What a platform's Terraform providers look like in a configuration. */
interface ProviderRow {
  readonly platform: string;
  /** Local names of providers that use the platform's credentials. */
  readonly providers: readonly string[];
  /** Arguments and nested blocks that choose credentials by themselves. */
  readonly chosenBy: readonly string[];
}

/** One row per platform that has tags; see the member table of each platform. */
const providerTable: readonly ProviderRow[] = [
  {
    platform: 'aws',
    providers: ['aws', 'awscc'],
    chosenBy: [
      'shared_config_files',
      'shared_credentials_files',
      'profile',
      'access_key',
      'assume_role_with_web_identity',
      'token',
    ],
  },
];

/** A provider block that will find no credentials, or a variable that is not declared, in words. */
export interface ConfigurationHint {
  readonly what: string;
  readonly mend: string;
}

/**
 * Tells which provider blocks lack their configuration. Once a platform has a tagged configuration, none is found
 * through the environment any more: each block, the default one included, must name its own. Pure; says nothing where
 * it cannot tell.
 *
 * @param tagged platforms with tags, each with its tags, the default configuration as `null`, and its variable's name
 */
export function configurationHints(
  configuration: Configuration,
  tagged: readonly { platform: string; variable: string; tags: readonly (string | null)[] }[],
): readonly ConfigurationHint[] {
  if (!configuration.complete) return [];
  return tagged.flatMap((use) => [...undeclared(configuration, use), ...lackingBlocks(configuration, use)]);
}

interface TaggedUse {
  readonly platform: string;
  readonly variable: string;
  readonly tags: readonly (string | null)[];
}

function undeclared(configuration: Configuration, use: TaggedUse): readonly ConfigurationHint[] {
  const providers = blocksOf(configuration, use.platform);
  if (providers.length === 0) return [];
  const declared = configuration.blocks.some((block) => block.type === 'variable' && block.labels[0] === use.variable);
  if (declared || providers.every((block) => choosesItself(block, use) && !block.body.includes(use.variable)))
    return [];
  return [
    {
      what: `${use.platform} has tagged configurations, but the variable ${use.variable} is not declared here`,
      mend: `declare variable "${use.variable}" and point each provider block to its part of it`,
    },
  ];
}

function lackingBlocks(configuration: Configuration, use: TaggedUse): readonly ConfigurationHint[] {
  return blocksOf(configuration, use.platform)
    .filter((block) => !choosesItself(block, use))
    .map((block) => {
      const alias = /(?:^|\n)\s*alias\s*=\s*"([^"]*)"/.exec(block.body)?.[1];
      return {
        what: `provider "${block.labels[0]}"${alias === undefined ? '' : ` (alias ${alias})`} names no configuration: with tags, none comes from the environment`,
        mend: `add shared_config_files = [${reference(use, alias)}]`,
      };
    });
}

/** The likeliest right expression: the tag that is called like the alias, else the only one that fits. */
function reference(use: TaggedUse, alias: string | undefined): string {
  const tags = use.tags.filter((tag): tag is string => tag !== null);
  const like = alias === undefined ? undefined : tags.find((tag) => tag.toLowerCase() === alias.toLowerCase());
  if (alias === undefined && use.tags.includes(null)) return `var.${use.variable}.default.shared_config_file`;
  return `var.${use.variable}.aliases["${like ?? (tags.length === 1 ? tags[0] : 'TAG')}"].shared_config_file`;
}

function blocksOf(configuration: Configuration, platform: string): readonly HclBlock[] {
  const names = providerTable.find((row) => row.platform === platform)?.providers ?? [];
  return configuration.blocks.filter((block) => block.type === 'provider' && names.includes(block.labels[0] ?? ''));
}

function choosesItself(block: HclBlock, use: TaggedUse): boolean {
  const chosenBy = providerTable.find((row) => row.platform === use.platform)?.chosenBy ?? [];
  return block.body.includes(use.variable) || argumentNames(block.body).some((name) => chosenBy.includes(name));
}
