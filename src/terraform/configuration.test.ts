import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configurationHints, hasEphemeralVariables, readConfiguration } from './configuration.ts';
import { argumentNames, hclBlocks } from './hcl-blocks.ts';

const declaration = 'variable "tfc_aws_dynamic_credentials" {\n  type = object({})\n}\n';
const uses = [{ platform: 'aws', variable: 'tfc_aws_dynamic_credentials', tags: [null, 'AUDIT', 'LOGS'] }];
const hints = (text: string, complete = true): readonly string[] =>
  configurationHints({ blocks: hclBlocks(text), complete }, uses).map((hint) => `${hint.what} → ${hint.mend}`);

describe('which provider blocks lack their configuration', () => {
  it('says nothing when each block names one', () => {
    expect(
      hints(`${declaration}
        provider "aws" { shared_config_files = [var.tfc_aws_dynamic_credentials.default.shared_config_file] }
        provider "aws" {
          alias = "audit"
          shared_config_files = [var.tfc_aws_dynamic_credentials.aliases["AUDIT"].shared_config_file]
        }`),
    ).toEqual([]);
  });

  it('names the alias, and the expression that is likely meant', () => {
    expect(
      hints(`${declaration}
        provider "aws" { region = "eu-west-1" }
        provider "aws" {
          alias  = "audit"
          region = "eu-west-1"
        }`),
    ).toEqual([
      'provider "aws" names no configuration: with tags, none comes from the environment → add shared_config_files = [var.tfc_aws_dynamic_credentials.default.shared_config_file]',
      'provider "aws" (alias audit) names no configuration: with tags, none comes from the environment → add shared_config_files = [var.tfc_aws_dynamic_credentials.aliases["AUDIT"].shared_config_file]',
    ]);
  });

  it('says when the variable is not declared', () => {
    expect(hints('provider "aws" {\n  region = "eu-west-1"\n}')[0]).toContain('is not declared here');
  });

  it.each([
    'profile = "AUDIT"',
    'shared_config_files = local.files',
    'access_key = "x"',
    'assume_role_with_web_identity {\n}',
  ])('leaves a block alone that has %s', (line) => {
    expect(hints(`provider "aws" {\n  ${line}\n}`)).toEqual([]);
  });

  it.each([
    ['a nested block', 'default_tags {\n tags = { profile = "x" }\n }'],
    ['a string', 'region = "profile = 1"'],
    ['a comment', '# profile = "x"'],
    ['a heredoc', 'region = <<EOT\nprofile = "x"\nEOT'],
  ])('is not fooled by the word in %s', (_, line) => {
    expect(hints(`${declaration}provider "aws" {\n ${line}\n}`)).toHaveLength(1);
  });

  it('says nothing of other providers, nor where it cannot tell', () => {
    expect(hints('provider "google" {}')).toEqual([]);
    expect(hints('provider "aws" {}', false)).toEqual([]);
  });
});

describe('reading a configuration', () => {
  it('is incomplete beside JSON files, and without error where there is none', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hallpass-tf-'));
    try {
      await writeFile(join(directory, 'main.tf'), 'variable "t" {\n  ephemeral = true\n}\n');
      const read = await readConfiguration(directory);
      expect(read.complete).toBe(true);
      expect(hasEphemeralVariables(read)).toBe(true);
      await writeFile(join(directory, 'more.tf.json'), '{}');
      expect((await readConfiguration(directory)).complete).toBe(false);
      expect((await readConfiguration(join(directory, 'none'))).blocks).toEqual([]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('finds blocks with their labels and bodies', () => {
    expect(hclBlocks('a "b" c { d = "}" }\nlocals { e = { f = 1 } } // {\n')).toEqual([
      { type: 'a', labels: ['b', 'c'], body: ' d = "}" ' },
      { type: 'locals', labels: [], body: ' e = { f = 1 } ' },
    ]);
  });

  it('knows names at the top of a body only', () => {
    expect(argumentNames('a = 1\n b { c = 2 }\n d = "${e("x")} f = 1"\n g == h')).toEqual(['a', 'b', 'd']);
  });

  it('ends on any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('{', '}', '"', '$', '\\', '\n', 'a', ' ', '#', '/', '*', '<', '=', '%') }),
        (text) => {
          const names = hclBlocks(text).flatMap((block) => argumentNames(block.body));
          expect(names.length).toBeLessThanOrEqual(text.length);
        },
      ),
    );
    expect.hasAssertions();
  });
});
