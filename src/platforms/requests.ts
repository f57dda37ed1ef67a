import type { CredentialRequest } from '../domain/credential.ts';
import { ConfigurationError, type Problem } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import type { Phase } from '../domain/workload.ts';
import { laterPlatforms, otherNames } from './known-variables.ts';
import { manualRequests, manualVariables } from './manual.ts';
import type { Platform } from './platform.ts';
import { platforms } from './registry.ts';
import {
  baseNames,
  configuredTags,
  fullName,
  placeOf,
  readVariableName,
  switchOf,
  variableReader,
  type VariableTable,
  type WorkloadVariables,
} from './variables.ts';

const switchedTables: readonly VariableTable[] = [...platforms, ...laterPlatforms];
const knownTables: readonly VariableTable[] = [...platforms, manualVariables, ...laterPlatforms];

/**
 * Everything that the variables ask for in this phase: each platform's default configuration and tags, then manual
 * tokens. Pure; a wrong setting stops here, before any token is made.
 *
 * @throws {ConfigurationError} `configuration_invalid`, naming the variable and every name that was tried
 */
export function requestsFor(
  variables: WorkloadVariables,
  phase: Phase,
  where: { workspace: string },
): readonly CredentialRequest[] {
  refuseLaterPlatforms(variables, phase, where);
  const requests = platforms.flatMap((platform) =>
    configuredTags(platform, variables).map((tag) =>
      platform.request(variableReader(platform, variables, { tag, phase, workspace: where.workspace })),
    ),
  );
  return [...requests, ...manualRequests(variables, phase, where)];
}

/** A switch that is on, for a platform that is not there yet: saying nothing would end in a run without credentials. */
function refuseLaterPlatforms(variables: WorkloadVariables, phase: Phase, where: { workspace: string }): void {
  for (const table of laterPlatforms) {
    const tag = configuredTags(table, variables)[0];
    if (tag === undefined) continue;
    const name = fullName(table, switchOf(table), null, { tag });
    throw new ConfigurationError({
      what: `${name} is true, but ${table.title} is not there yet`,
      where: placeOf({ tag, phase, workspace: where.workspace }),
      mend: `remove ${name} or set it to false; what is there: ${platforms.map((platform) => platform.title).join(', ')}, and tokens for anything else by TFC_WORKLOAD_IDENTITY_AUDIENCE`,
    });
  }
}

/** The `TFC_…` names that mean nothing to anybody, each with the nearest known one, in the order given. Pure. */
export function unknownVariables(
  variables: WorkloadVariables,
): readonly { readonly name: string; readonly nearest: string | undefined }[] {
  return [...variables.keys()]
    .filter((name) => name.startsWith('TFC_') && !isKnown(name))
    .map((name) => ({ name, nearest: nearestKnown(name) }));
}

/**
 * Names that are known, but do nothing as they stand: a switch that is neither `true` nor `false`, and values for a tag
 * whose switch is not on. For warnings. Pure.
 */
export function ineffectiveVariables(variables: WorkloadVariables): readonly Problem[] {
  return [...variables].flatMap(([name, value]): readonly Problem[] => {
    const meaning = readVariableName(name, switchedTables);
    if (meaning === undefined) return [];
    const { table, spec, tag } = meaning;
    if (spec.isSwitch) {
      if (value === 'true' || value === 'false') return [];
      return [
        {
          what: `${name} is set to something else than true, so it is off`,
          where: name,
          mend: `write true (in small letters) to switch ${table.title} on, or false`,
        },
      ];
    }
    const owner = fullName(table, switchOf(table), null, { tag });
    if (tag === null || variables.get(owner) === 'true') return [];
    return [{ what: `${name} does nothing, since ${owner} is not true`, where: name, mend: `set ${owner} to true` }];
  });
}

function isKnown(name: string): boolean {
  if (readVariableName(name, knownTables) !== undefined) return true;
  return otherNames.some((other) => (other.startsWith ? name.startsWith(other.name) : name === other.name));
}

/** The nearest name; a tag at the end stays, since the slip may be before it. */
function nearestKnown(name: string): string | undefined {
  // The switch is the one that has no shared default.
  const withoutDefault = name.replace(/^TFC_DEFAULT_/, 'TFC_');
  if (withoutDefault !== name && isKnown(withoutDefault)) return withoutDefault;
  const plain = knownTables.flatMap((table) => baseNames(table).map(({ base }) => base));
  const direct = nearest(name, plain);
  // `TFC_AWS_RUN_ROLE_ANR_BLUE`: try each way to cut a tag off, and keep the closest whole.
  const tagged = [...name.matchAll(/_(?=[A-Za-z0-9_]+$)/g)].flatMap(({ index }) => {
    const base = nearest(name.slice(0, index), plain);
    const candidate = base === undefined ? undefined : `${base}${name.slice(index)}`;
    return candidate !== undefined && isKnown(candidate) ? [candidate] : [];
  });
  return nearest(name, [...(direct === undefined ? [] : [direct]), ...tagged]);
}

/** Terraform's variable that receives a platform's configurations: `tfc_aws_dynamic_credentials`. */
export function inputVariableName(platformId: string): string {
  return `tfc_${platformId.replaceAll('-', '_')}_dynamic_credentials`;
}

/** Ids of the platforms that the variables switch on, with or without a tag. Pure. */
export function configuredPlatforms(variables: WorkloadVariables): ReadonlySet<string> {
  return new Set(platforms.filter((platform) => configuredTags(platform, variables).length > 0).map(({ id }) => id));
}

/**
 * A warning for each name that should not be set beside a configured platform: it wins over what Hallpass sets, or
 * contradicts it. Pure.
 *
 * @param names of variables that the user's own settings give to the command
 * @param configured ids of platforms
 */
export function conflictingVariables(names: Iterable<string>, configured: ReadonlySet<string>): readonly Problem[] {
  const beside = platforms.filter((platform) => configured.has(platform.id));
  return [...names].flatMap((name): readonly Problem[] => {
    const platform = beside.find(({ conflicts }) => conflicts.includes(name));
    if (platform === undefined) return [];
    return [
      {
        what: `${name} is set beside the ${platform.id} configuration and may win over the phase's own credentials`,
        where: name,
        mend: `remove ${name}, unless that is what you want`,
      },
    ];
  });
}

/** Whether a variable says where Hallpass itself sends a token: an address of a platform, in any of its forms. Pure. */
export function isTokenAddress(name: string): boolean {
  const meaning = readVariableName(name, switchedTables);
  const plain = meaning === undefined ? name : fullName(meaning.table, meaning.spec, null, {});
  return platforms.some(({ addresses }) => addresses.includes(plain));
}

/** One setting of a configuration as it counts in a phase. */
export interface SettingInForce {
  /** The main name, such as `TFC_AWS_RUN_ROLE_ARN`. */
  readonly name: string;
  /** Null when it stands nowhere and has no default. */
  readonly value: string | null;
  /** The variable that gave the value; null for a built-in default. */
  readonly variable: string | null;
}

/** One configuration of one platform in one phase: what is set, and the request that it makes, or why it makes none. */
export interface ConfigurationInForce {
  readonly tag: string | null;
  readonly settings: readonly SettingInForce[];
  readonly request: CredentialRequest | null;
  readonly problem: Problem | null;
}

/** The configurations of one platform as they count in a phase, for those who show them. Pure. */
export function configurationsInForce(
  platform: Platform,
  variables: WorkloadVariables,
  phase: Phase,
  where: { workspace: string },
): readonly ConfigurationInForce[] {
  return configuredTags(platform, variables).map((tag) => {
    const read = variableReader(platform, variables, { tag, phase, workspace: where.workspace });
    const specs = platform.variables.filter((spec) => !spec.isSwitch);
    try {
      return {
        tag,
        settings: specs.map((spec) => {
          const found = read.optional(spec.name);
          const name = fullName(platform, spec, spec.perPhase ? 'RUN' : null, { tag });
          return { name, value: found?.value ?? null, variable: found?.variable ?? null };
        }),
        request: platform.request(read),
        problem: null,
      };
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      return { tag, settings: [], request: null, problem: error.problem };
    }
  });
}
