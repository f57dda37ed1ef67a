import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ChildOptions, ChildResult } from './hallpass.ts';
import { requireProgram, terraformCliConfigText } from './programs.ts';
import { zipEntries } from './zip-entries.ts';

/** What a story has for it: where commands run, and Hallpass. */
interface Story {
  readonly workDirectory: string;
  hallpass(args: readonly string[], options?: ChildOptions): Promise<ChildResult>;
}

/** What one run has besides the usual. */
interface RunChanges {
  /** Arguments of `hallpass exec`. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A configuration that is initialized, below the directory of a story. */
export interface TerraformPlace {
  /** Runs `hallpass exec -- terraform` with these arguments. */
  terraform(args: readonly string[], how?: RunChanges): Promise<ChildResult>;
  /** Runs any command inside `hallpass exec`, in the place's directory. */
  exec(command: readonly string[], how?: RunChanges): Promise<ChildResult>;
  /** What the runs of every place of this story had as tokens, of any kind. */
  tokens(): string[];
  /** Puts another configuration in place of the first; it must need the same providers. */
  write(configuration: string): void;
  /**
   * Every file of the configuration, its plans and states in which a part of a token stands that any run had.
   *
   * @throws {Error} when no run had a token, since the answer would mean nothing
   */
  filesWithTokens(): string[];
  /** The same for any text. */
  filesWith(text: string): string[];
}

/** Keeps what a run has as tokens, and becomes Terraform. */
const keepingTerraform = (kept: string): string => `#!/bin/sh
find "$(dirname "$HOME")" -name token -type f -exec sed -e '$a\\' {} + >> '${kept}' 2>/dev/null
printf '%s\\n' "$VAULT_TOKEN" "$KUBE_TOKEN" "$ARM_OIDC_TOKEN" "$ARM_OIDC_REQUEST_TOKEN" "$TFC_WORKLOAD_IDENTITY_TOKEN" >> '${kept}'
exec '${requireProgram('terraform')}' "$@"
`;

/**
 * Makes a configuration in a new directory below the story's, and initializes it inside `hallpass exec`.
 *
 * @param providers names of HashiCorp's providers; a mirror must have each
 */
export async function openTerraformPlace(
  story: Story,
  providers: readonly string[],
  configuration: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TerraformPlace> {
  const tools = join(dirname(story.workDirectory), 'tools');
  const kept = join(tools, 'kept');
  mkdirSync(tools, { recursive: true });
  const places = readdirSync(story.workDirectory).filter((name) => name.startsWith('place-')).length;
  const directory = join(story.workDirectory, `place-${places}`);
  mkdirSync(directory);
  writeFileSync(join(tools, 'terraform'), keepingTerraform(kept), { mode: 0o755 });
  const rc = join(directory, 'terraform.rc');
  writeFileSync(rc, terraformCliConfigText(providers));
  const required = providers.map((name) => `    ${name} = { source = "registry.terraform.io/hashicorp/${name}" }`);
  const head = ['terraform {', '  required_providers {', ...required, '  }', '}', ''].join('\n');
  const write = (text: string): void => writeFileSync(join(directory, 'main.tf'), head + text);
  write(configuration);
  const usual = { PATH: `${tools}:${process.env['PATH']}`, TF_CLI_CONFIG_FILE: rc, CHECKPOINT_DISABLE: '1', ...env };
  const exec: TerraformPlace['exec'] = (words, how = {}) =>
    story.hallpass(['exec', ...(how.flags ?? []), '--', ...words], { cwd: directory, env: { ...usual, ...how.env } });
  const terraform: TerraformPlace['terraform'] = ([command, ...args], how) =>
    exec(['terraform', command!, '-no-color', ...args], how);
  const { code, stdout, stderr } = await terraform(['init']);
  if (code !== 0) throw new Error(`terraform init: exit code ${code}\n${stdout}${stderr}`);
  return {
    terraform,
    exec,
    write,
    tokens: () => tokensIn(kept),
    filesWithTokens: () => filesWith(tokenParts(tokensIn(kept)), directory),
    filesWith: (text) => filesWith([text], directory),
  };
}

function tokensIn(kept: string): string[] {
  const lines = existsSync(kept) ? readFileSync(kept, 'utf8').split('\n') : [];
  const tokens = new Set(lines.filter((line) => line.length >= 20));
  if (tokens.size === 0) throw new Error('no run had a token');
  return [...tokens];
}

/** Header, payload and signature of a token are looked for each alone. */
function tokenParts(tokens: readonly string[]): string[] {
  return tokens.flatMap((token) => (token.startsWith('eyJ') ? token.split('.') : [token]));
}

function filesWith(parts: readonly string[], directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/providers/'))
    .flatMap((entry) => {
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      const inside = bytes.subarray(0, 2).toString() === 'PK' ? zipEntries(bytes) : new Map([['', bytes]]);
      return [...inside].map(([name, content]): [string, Buffer] => [`${entry.name} ${name}`.trim(), content]);
    })
    .filter(([, content]) => parts.some((part) => content.includes(part)))
    .map(([name]) => name);
}
