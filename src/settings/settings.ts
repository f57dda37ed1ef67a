import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { SettingsError } from '../domain/errors.ts';

/** Where Hallpass keeps things and what the caller's process brought along; read once, frozen, handed down. */
export interface Settings {
  /** Keys, audit, allowances. */
  readonly dataDirectory: string;
  /** The key-encryption key; never inside the data directory. */
  readonly keyEncryptionKeyFile: string;
  /** Base of the run environments' private directories; null: chosen by the environment. */
  readonly runDirectory: string | null;
  /** `HALLPASS_PROVIDER_MIRROR`: a directory with Terraform providers, `none`, or null to search. */
  readonly providerMirror: string | null;
  /** The caller's own variables, as they came. */
  readonly parentEnvironment: Readonly<Record<string, string>>;
  readonly homeDirectory: string;
  readonly workingDirectory: string;
  readonly userName: string;
}

/**
 * One row per setting of the process itself; feeds the reader, `--help` and the reference page.
 * What describes the workload (organization, issuer, …) stands in `workload.ts`.
 */
export const settingsTable = [
  {
    name: 'dataDirectory',
    variable: 'HALLPASS_DATA_DIR',
    flag: '--data-dir',
    about: 'keys, audit and allowances (default $XDG_DATA_HOME/hallpass)',
  },
  {
    name: 'keyEncryptionKeyFile',
    variable: 'HALLPASS_KEK_FILE',
    flag: null,
    about: 'key-encryption key (default $XDG_CONFIG_HOME/hallpass/kek)',
  },
  {
    name: 'runDirectory',
    variable: 'HALLPASS_RUN_DIR',
    flag: null,
    about: 'base of the private directories of phases (default: a RAM-backed file system)',
  },
  {
    name: 'providerMirror',
    variable: 'HALLPASS_PROVIDER_MIRROR',
    flag: null,
    about: 'directory with Terraform providers for the demo, or none',
  },
] as const;

/** Reads the settings of this process. The one place, with `main.ts`, that sees `process.env`. */
export function readSettings(
  environment: NodeJS.ProcessEnv,
  flags: { dataDirectory?: string | undefined } = {},
): Settings {
  const parentEnvironment = Object.freeze(
    Object.fromEntries(
      Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
  );
  const home = parentEnvironment['HOME'] || known(homedir, '/');
  const workingDirectory = presentDirectory();
  const path = (name: string, value: string): string => {
    if (value.includes('\0'))
      throw new SettingsError({ what: `${name} holds a NUL character`, where: name, mend: 'give a path' });
    return resolve(workingDirectory, value);
  };
  // The XDG specification says that a relative path there is invalid and to be ignored.
  const xdg = (variable: string, fallback: string): string => {
    const value = parentEnvironment[variable];
    return value && isAbsolute(value) ? value : join(home, fallback);
  };
  const runDirectory = parentEnvironment['HALLPASS_RUN_DIR'];
  return Object.freeze({
    dataDirectory: flags.dataDirectory
      ? path('--data-dir', flags.dataDirectory)
      : parentEnvironment['HALLPASS_DATA_DIR']
        ? path('HALLPASS_DATA_DIR', parentEnvironment['HALLPASS_DATA_DIR'])
        : join(xdg('XDG_DATA_HOME', '.local/share'), 'hallpass'),
    keyEncryptionKeyFile: parentEnvironment['HALLPASS_KEK_FILE']
      ? path('HALLPASS_KEK_FILE', parentEnvironment['HALLPASS_KEK_FILE'])
      : join(xdg('XDG_CONFIG_HOME', '.config'), 'hallpass', 'kek'),
    runDirectory: runDirectory ? path('HALLPASS_RUN_DIR', runDirectory) : null,
    providerMirror: parentEnvironment['HALLPASS_PROVIDER_MIRROR'] || null,
    parentEnvironment,
    homeDirectory: home,
    workingDirectory,
    userName: parentEnvironment['USER'] || known(() => userInfo().username, `uid ${process.getuid?.()}`),
  });
}

/** The working directory; somebody may have removed it meanwhile. */
function presentDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new SettingsError(
      { what: 'the working directory is not there any more', mend: 'cd to one that is' },
      { cause },
    );
  }
}

/** What the user database says, or a fallback: in many containers the uid has no entry there. */
function known(lookUp: () => string, fallback: string): string {
  try {
    return lookUp();
  } catch {
    return fallback;
  }
}
