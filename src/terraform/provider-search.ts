import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a Terraform provider can be had, and what was looked at and passed over. */
export interface ProviderSource {
  readonly kind: 'configured_mirror' | 'mirror' | 'implied_directory' | 'registry' | 'none';
  /** The directory that holds `registry.terraform.io`; null for a registry, a configured installation and none. */
  readonly directory: string | null;
  /** Sentences about places that were named but do not have the provider. */
  readonly passedOver: readonly string[];
}

export interface ProviderSearch {
  /** `hashicorp/aws`. */
  readonly provider: string;
  /** `HALLPASS_PROVIDER_MIRROR`: a directory, `none`, or null. */
  readonly namedMirror: string | null;
  /** Path of the caller's CLI configuration file, if there is one. */
  readonly cliConfigurationFile: string | null;
  readonly homeDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
}

const registryHost = 'registry.terraform.io';
const registryPatienceMilliseconds = 3000;

/**
 * Finds where Terraform can install a provider from, cheapest first: the mirror that the caller named, the caller's
 * CLI configuration, Terraform's implied directories, well-known directories, and last the registry itself.
 *
 * @see Terraform docs, "CLI configuration", provider installation and implied local mirror directories
 */
export async function findProviderSource(search: ProviderSearch): Promise<ProviderSource> {
  const passedOver: string[] = [];
  if (search.namedMirror === 'none') return { kind: 'none', directory: null, passedOver };
  if (search.namedMirror !== null) {
    if (await holdsProvider(search.namedMirror, search.provider)) {
      return { kind: 'mirror', directory: search.namedMirror, passedOver };
    }
    passedOver.push(
      `HALLPASS_PROVIDER_MIRROR is ${search.namedMirror}, which does not hold ${registryHost}/${search.provider}`,
    );
  }
  const configured = await configuredMirrors(search.cliConfigurationFile);
  for (const directory of configured) {
    if (await holdsProvider(directory, search.provider)) return { kind: 'configured_mirror', directory, passedOver };
    passedOver.push(
      `the mirror ${directory} of the CLI configuration does not hold ${registryHost}/${search.provider}`,
    );
  }
  for (const directory of impliedDirectories(search)) {
    if (await holdsProvider(directory, search.provider)) return { kind: 'implied_directory', directory, passedOver };
  }
  for (const directory of await wellKnownDirectories()) {
    if (await holdsProvider(directory, search.provider)) return { kind: 'mirror', directory, passedOver };
  }
  return { kind: (await registryAnswers(search.fetch)) ? 'registry' : 'none', directory: null, passedOver };
}

/** The CLI configuration that makes Terraform install from one directory and nowhere else. */
export function mirrorConfiguration(directory: string): string {
  return `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(directory)}\n  }\n}\n`;
}

async function holdsProvider(directory: string, provider: string): Promise<boolean> {
  try {
    return (await readdir(join(directory, registryHost, provider))).length > 0;
  } catch {
    return false;
  }
}

/** Paths of `filesystem_mirror` blocks. A look at the text is enough: a wrong guess is found by looking for the provider. */
async function configuredMirrors(file: string | null): Promise<string[]> {
  if (file === null) return [];
  try {
    const text = await readFile(file, 'utf8');
    return [...text.matchAll(/filesystem_mirror\s*\{[^}]*?path\s*=\s*"([^"]+)"/g)].map((match) => match[1]!);
  } catch {
    return [];
  }
}

function impliedDirectories({ environment, homeDirectory }: ProviderSearch): string[] {
  const dataHome = environment['XDG_DATA_HOME'] || join(homeDirectory, '.local', 'share');
  const dataDirectories = (environment['XDG_DATA_DIRS'] || '/usr/local/share:/usr/share').split(':');
  return [
    join(homeDirectory, '.terraform.d', 'plugins'),
    ...[dataHome, ...dataDirectories].filter(Boolean).map((directory) => join(directory, 'terraform', 'plugins')),
  ];
}

/** Directories that hold `registry.terraform.io` directly under the places where images put such mirrors. */
async function wellKnownDirectories(): Promise<string[]> {
  const found: string[] = [];
  for (const base of ['/opt', '/usr/share', '/usr/local/share']) {
    for (const directory of [base, ...(await children(base))]) {
      const isMirror = await stat(join(directory, registryHost)).then(
        (status) => status.isDirectory(),
        () => false,
      );
      if (isMirror) found.push(directory);
    }
  }
  return found;
}

async function children(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name));
}

async function registryAnswers(fetchIt: typeof fetch): Promise<boolean> {
  try {
    const answer = await fetchIt(`https://${registryHost}/.well-known/terraform.json`, {
      signal: AbortSignal.timeout(registryPatienceMilliseconds),
    });
    return answer.ok;
  } catch {
    return false;
  }
}
