import { basename, isAbsolute, join } from 'node:path';
import type { Command, EnvironmentSettings } from './phase.ts';

/**
 * Root variables of version managers, with their old default below the caller's home. They are set when HOME changes,
 * if that directory is there, so that the managers' shims go on finding what they shim; a value of the caller's own wins.
 */
const versionManagerRoots: readonly { readonly variable: string; readonly below: string }[] = [
  { variable: 'ASDF_DIR', below: '.asdf' },
  { variable: 'ASDF_DATA_DIR', below: '.asdf' },
  { variable: 'ASDF_CONFIG_FILE', below: '.asdfrc' },
  { variable: 'MISE_DATA_DIR', below: '.local/share/mise' },
  { variable: 'MISE_CONFIG_DIR', below: '.config/mise' },
  { variable: 'MISE_STATE_DIR', below: '.local/state/mise' },
  { variable: 'TFENV_ROOT', below: '.tfenv' },
  { variable: 'TFENV_CONFIG_DIR', below: '.tfenv' },
  { variable: 'TOFUENV_ROOT', below: '.tofuenv' },
  { variable: 'TGENV_ROOT', below: '.tgenv' },
  { variable: 'TENV_ROOT', below: '.tenv' },
  { variable: 'AQUA_ROOT_DIR', below: '.local/share/aquaproj-aqua' },
  { variable: 'PROTO_HOME', below: '.proto' },
  { variable: 'PYENV_ROOT', below: '.pyenv' },
  { variable: 'PYTHONUSERBASE', below: '.local' },
  { variable: 'RBENV_ROOT', below: '.rbenv' },
  { variable: 'GOENV_ROOT', below: '.goenv' },
  { variable: 'NODENV_ROOT', below: '.nodenv' },
  { variable: 'NVM_DIR', below: '.nvm' },
  { variable: 'FNM_DIR', below: '.local/share/fnm' },
  { variable: 'VOLTA_HOME', below: '.volta' },
  { variable: 'SDKMAN_DIR', below: '.sdkman' },
  { variable: 'RUSTUP_HOME', below: '.rustup' },
  { variable: 'CARGO_HOME', below: '.cargo' },
  { variable: 'GOPATH', below: 'go' },
];

/** What the private HOME shows of the caller's, by symbolic link. `downloads`: only for `init` and `get`. */
const linked: readonly { readonly below: string; readonly downloads?: true }[] = [
  { below: '.terraform.d' },
  { below: '.terraformrc' },
  { below: '.tofurc' },
  { below: '.terraform-version' },
  { below: '.opentofu-version' },
  { below: '.terragrunt-version' },
  { below: '.tool-versions' },
  { below: '.config/opentofu' },
  { below: '.config/git' },
  { below: '.local/share/terraform' },
  { below: '.local/share/opentofu' },
  { below: '.netrc', downloads: true },
  { below: '.git-credentials', downloads: true },
];

/** A link in the private HOME: `below` it, to `target`. */
export interface HomeLink {
  readonly below: string;
  readonly target: string;
}

/** What of the caller's home goes on being found although HOME is another. */
export interface CarriedHome {
  readonly environment: Readonly<Record<string, string>>;
  readonly links: readonly HomeLink[];
}

/** Says which variables and links stand for the caller's home. Pure but for the question whether a path is there. */
export function carryHome(
  settings: EnvironmentSettings,
  command: Command,
  exists: (path: string) => boolean,
): CarriedHome {
  const parent = settings.parentEnvironment;
  const environment: Record<string, string> = {};
  for (const { variable, below } of versionManagerRoots) {
    const path = callerPath(settings, below);
    const own = parent[variable];
    if (own) environment[variable] = own;
    else if (exists(path)) environment[variable] = path;
  }
  const cliConfiguration =
    parent['TF_CLI_CONFIG_FILE'] || firstExisting(cliConfigurationFiles(settings, command), exists);
  if (cliConfiguration) environment['TF_CLI_CONFIG_FILE'] = cliConfiguration;
  const gitConfiguration =
    parent['GIT_CONFIG_GLOBAL'] ??
    firstExisting([join(settings.homeDirectory, '.gitconfig'), callerPath(settings, '.config/git/config')], exists);
  if (gitConfiguration !== undefined) environment['GIT_CONFIG_GLOBAL'] = gitConfiguration;
  const links = linked
    .filter((row) => !row.downloads || downloads(command))
    .map(({ below }) => ({ below, target: callerPath(settings, below) }))
    .filter(({ target }) => exists(target));
  return { environment, links };
}

/** Whether a command fetches modules or providers: `terraform init` or `get`, in all spellings of the program. */
export function downloads(command: Command): boolean {
  if (!/^(?:terraform|tofu|terragrunt)/.test(basename(command.file))) return false;
  const subcommand = command.args.find((argument) => !argument.startsWith('-'));
  return subcommand === 'init' || subcommand === 'get';
}

/** OpenTofu prefers `.tofurc` and takes `.terraformrc` too; Terraform knows only its own. */
function cliConfigurationFiles(settings: EnvironmentSettings, command: Command): string[] {
  const terraform = join(settings.homeDirectory, '.terraformrc');
  if (!basename(command.file).startsWith('tofu')) return [terraform];
  return [join(settings.homeDirectory, '.tofurc'), callerPath(settings, '.config/opentofu/tofurc'), terraform];
}

const xdgDirectories: readonly (readonly [string, string])[] = [
  ['.config/', 'XDG_CONFIG_HOME'],
  ['.local/share/', 'XDG_DATA_HOME'],
  ['.local/state/', 'XDG_STATE_HOME'],
];

/** A path below the caller's home, or below the XDG directory that the caller has put in its place. */
function callerPath(settings: EnvironmentSettings, below: string): string {
  for (const [prefix, variable] of xdgDirectories) {
    const moved = settings.parentEnvironment[variable];
    if (below.startsWith(prefix) && moved && isAbsolute(moved)) return join(moved, below.slice(prefix.length));
  }
  return join(settings.homeDirectory, below);
}

function firstExisting(paths: readonly string[], exists: (path: string) => boolean): string | undefined {
  return paths.find((path) => exists(path));
}
