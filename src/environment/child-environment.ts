import { join } from 'node:path';
import type { CredentialSet } from '../domain/credential.ts';
import { SettingsError, type Problem } from '../domain/errors.ts';
import { revealed, type Secret } from '../domain/secret.ts';
import { conflictingVariables } from '../platforms/index.ts';
import { isAllowed } from './allow-list.ts';
import { carryHome, downloads, type HomeLink } from './caller-home.ts';
import type { Command, EnvironmentSettings } from './phase.ts';

/** A credential set in place: the configuration that it belongs to. */
export interface InstalledSet {
  readonly platform: string;
  readonly tag: string | null;
  readonly set: CredentialSet;
}

/** What a platform says of itself beyond its sets. */
export interface PlatformFacts {
  readonly id: string;
  /** Name of the Terraform variable that holds its input; null where there is none. */
  readonly inputVariable: string | null;
  /** Environment for all its tagged configurations at once. */
  readonly together: Readonly<Record<string, string>>;
}

export interface ChildEnvironmentParts {
  readonly settings: EnvironmentSettings;
  readonly command: Command;
  /** The private HOME. */
  readonly home: string;
  /** The private TMPDIR. */
  readonly temporaryDirectory: string;
  readonly variables: ReadonlyMap<string, Secret | string>;
  readonly terraformVariables: ReadonlyMap<string, Secret | string>;
  readonly installed: readonly InstalledSet[];
  readonly platforms: readonly PlatformFacts[];
  /** Whether a path is there; asked of the caller's home only. */
  readonly exists: (path: string) => boolean;
}

/** A child's variables, made from nothing, with what there is to say about them. */
export interface ChildEnvironment {
  readonly variables: ReadonlyMap<string, Secret | string>;
  readonly links: readonly HomeLink[];
  readonly warnings: readonly Problem[];
}

type Values = Readonly<Record<string, Secret | string>>;

/**
 * Builds the child's variables from nothing. Pure. A later layer wins: the allow-list, what stands for the caller's
 * home, the private places, variables passed by name, the workload's own, the platforms'.
 *
 * @throws {SettingsError} `settings_invalid` when a value cannot be handed to a process, naming the variable
 */
export function childEnvironment(parts: ChildEnvironmentParts): ChildEnvironment {
  const warnings: Problem[] = [];
  const carried = carryHome(parts.settings, parts.command, parts.exists);
  const chosen = { ...passed(parts.settings, warnings), ...workload(parts, warnings) };
  const platforms = platformValues(parts);
  warnings.push(...conflicts(parts, chosen, platforms));
  const variables = new Map(
    [allowedValues(parts), carried.environment, privateValues(parts), chosen, platforms].flatMap((layer) =>
      Object.entries<Secret | string>(layer),
    ),
  );
  for (const [name, value] of variables) checkSize(name, revealed(value));
  return { variables, links: parts.settings.inheritHome ? [] : carried.links, warnings };
}

function allowedValues({ settings, command }: ChildEnvironmentParts): Values {
  const fetches = downloads(command);
  return Object.fromEntries(Object.entries(settings.parentEnvironment).filter(([name]) => isAllowed(name, fetches)));
}

/** Real clients leave credentials in these places; the machine's own identity is no fallback either. */
function privateValues({ settings, home, temporaryDirectory }: ChildEnvironmentParts): Values {
  const nobodyThere = { TF_IN_AUTOMATION: '1', TF_INPUT: '0', CHECKPOINT_DISABLE: '1' };
  return {
    ...(settings.inheritHome ? inheritedHome(settings) : privateHome(home)),
    PWD: settings.workingDirectory,
    TMPDIR: temporaryDirectory,
    CLOUDSDK_CONFIG: join(home, '.config/gcloud'),
    AZURE_CONFIG_DIR: join(home, '.azure'),
    AWS_EC2_METADATA_DISABLED: 'true',
    // Google's clients for Python and Node, and gcloud. Those for Go know no such switch.
    NO_GCE_CHECK: 'true',
    METADATA_SERVER_DETECTION: 'none',
    CLOUDSDK_CORE_CHECK_GCE_METADATA: 'false',
    ...(settings.interactive === false ? nobodyThere : {}),
  };
}

function privateHome(home: string): Values {
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    XDG_STATE_HOME: join(home, '.local/state'),
    XDG_CACHE_HOME: join(home, '.cache'),
  };
}

function inheritedHome(settings: EnvironmentSettings): Values {
  const names = ['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', 'XDG_RUNTIME_DIR'];
  const set = names.flatMap((name) => {
    const value = settings.parentEnvironment[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { HOME: settings.homeDirectory, ...Object.fromEntries(set) };
}

function passed(settings: EnvironmentSettings, warnings: Problem[]): Values {
  const values: Record<string, string> = {};
  for (const name of settings.passEnvironment) {
    const value = settings.parentEnvironment[name];
    if (isOwn(name)) warnings.push(ownName(name, '--pass-env'));
    else if (value === undefined)
      warnings.push({ what: `--pass-env ${name}: there is no such variable`, mend: `export ${name}, or leave it out` });
    else values[name] = value;
  }
  return values;
}

function workload(parts: ChildEnvironmentParts, warnings: Problem[]): Values {
  const values: Record<string, Secret | string> = {};
  for (const [name, value] of parts.variables) {
    if (isOwn(name)) warnings.push(ownName(name, 'variables'));
    else values[name] = value;
  }
  for (const [name, value] of parts.terraformVariables) values[`TF_VAR_${name}`] = value;
  return values;
}

/** Hallpass' own variables never reach a child: they lead to its data directory and keys. */
function isOwn(name: string): boolean {
  return name.startsWith('HALLPASS_');
}

function ownName(name: string, where: string): Problem {
  return { what: `${name} is one of Hallpass' own variables and does not reach the command`, where };
}

/** A platform with a tag has no variables of its own, since they would stand above every tag's configuration. */
function platformValues({ installed, platforms }: ChildEnvironmentParts): Values {
  let values: Record<string, Secret | string> = {};
  for (const platform of platforms) {
    const sets = installed.filter((one) => one.platform === platform.id);
    if (sets.length === 0) continue;
    const tagged = sets.some((one) => one.tag !== null);
    for (const { set } of tagged ? [] : sets) values = { ...values, ...set.environment };
    if (tagged) values = { ...values, ...platform.together };
    if (platform.inputVariable !== null) values[`TF_VAR_${platform.inputVariable}`] = inputValue(sets);
  }
  const known = new Set(platforms.map((platform) => platform.id));
  const manual = installed.filter((one) => !known.has(one.platform));
  for (const { set } of manual) values = { ...values, ...set.environment };
  return values;
}

/** Both members are always there: the declared types have no optional attributes. */
function inputValue(sets: readonly InstalledSet[]): string {
  const untagged = sets.find((one) => one.tag === null);
  const tagged = sets.filter((one) => one.tag !== null);
  return JSON.stringify({
    default: untagged?.set.input ?? null,
    aliases: Object.fromEntries(tagged.map((one) => [one.tag, one.set.input])),
  });
}

/** What the user has chosen against a platform: it does not count, or counts too much. */
function conflicts(parts: ChildEnvironmentParts, chosen: Values, platforms: Values): readonly Problem[] {
  const names = Object.keys(chosen);
  const configured = new Set(parts.installed.map((one) => one.platform));
  return [
    ...names
      .filter((name) => name in platforms)
      .map((name) => ({
        what: `${name} is set, but Hallpass supplies it: your value is not used`,
        mend: `remove ${name}`,
      })),
    ...conflictingVariables(
      names.filter((name) => !(name in platforms)),
      configured,
    ),
  ];
}

/** Linux takes no single string longer than this with a new program: name, `=`, value and a NUL (execve(2)). */
const longestString = 131_072;

function checkSize(name: string, value: string): void {
  if (name === '' || /[=\0]/.test(name)) {
    throw new SettingsError({
      what: `${JSON.stringify(name)} cannot be the name of a variable`,
      where: 'the environment of the command',
      mend: 'use letters, digits and "_"',
    });
  }
  if (value.includes('\0')) {
    throw new SettingsError({
      what: `${name} holds a NUL character, which no variable can`,
      where: 'the environment of the command',
      mend: 'encode it, for example as base64, or hand it over in a file',
    });
  }
  const size = Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
  if (size <= longestString) return;
  throw new SettingsError({
    what: `${name} has ${Buffer.byteLength(value)} bytes; the operating system hands over at most ${longestString} in one variable`,
    where: 'the environment of the command',
    mend: 'put the value into a file and hand over its path, or a -var-file',
  });
}
