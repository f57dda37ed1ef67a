import { ConfigurationError } from '../domain/errors.ts';
import type { Phase } from '../domain/workload.ts';

/** `TFC_…` names and values, as the user wrote them. */
export type WorkloadVariables = ReadonlyMap<string, string>;

/** One variable of a platform. The resolver, the reference page and the did-you-mean all draw on this row. */
export interface VariableSpec {
  /** What follows the platform's prefix (and, if `perPhase`, the phase): `ROLE_ARN` of `TFC_AWS_RUN_ROLE_ARN`. */
  readonly name: string;
  /** The switch brings a configuration into being; it has no shared default. */
  readonly isSwitch?: true;
  /** Has a `PLAN`, an `APPLY` and a `RUN` form. */
  readonly perPhase?: true;
  readonly required?: 'always' | 'conditional';
  /** The value that holds when nothing is set; prose in `<…>` where it depends on other values. */
  readonly fallback?: string;
  /** Forms that the platform's pages do not name: neither `TFC_DEFAULT_…` nor `…_TAG`. */
  readonly plainOnly?: true;
  /** Version of HCP Terraform's agent that brought it. */
  readonly since: string;
  readonly about: string;
}

/** The switch of most platforms. */
export const providerAuth: VariableSpec = {
  name: 'PROVIDER_AUTH',
  isSwitch: true,
  required: 'always',
  since: '1.7.0',
  about: '`true` switches it on',
};

/** The variables of one platform. */
export interface VariableTable {
  /** `aws`, `vault_backed_aws`: as in `tfc_<id>_dynamic_credentials`. */
  readonly id: string;
  /** For people: `AWS`. */
  readonly title: string;
  /** What follows `TFC_`: `AWS`, `VAULT_BACKED_AWS`. */
  readonly prefix: string;
  readonly variables: readonly VariableSpec[];
}

/** What a name means: which variable of which platform, in which form. */
export interface VariableName {
  readonly table: VariableTable;
  readonly spec: VariableSpec;
  readonly form: PhaseForm | null;
  /** `TFC_DEFAULT_…`. */
  readonly isSharedDefault: boolean;
  readonly tag: string | null;
}

/** A value together with the name that held it. */
export interface FoundValue {
  readonly value: string;
  /** The variable's full name, or null when it is the built-in default. */
  readonly variable: string | null;
}

/** Reads the variables of one configuration: bound to one platform, tag and phase. */
export interface VariableReader {
  readonly tag: string | null;
  readonly phase: Phase;
  /** The value, or the built-in default, or undefined. */
  optional(name: string): FoundValue | undefined;
  /** @throws {ConfigurationError} naming every variable that was tried, in order */
  required(name: string): FoundValue;
  /** The error for a value that cannot be used; names the variable that held it and where. */
  invalid(found: FoundValue, reason: string, mend: string): ConfigurationError;
}

type PhaseForm = 'RUN' | 'PLAN' | 'APPLY';

const phaseForms: Readonly<Record<Phase, readonly PhaseForm[]>> = { plan: ['PLAN', 'RUN'], apply: ['APPLY', 'RUN'] };
const everyForm: readonly PhaseForm[] = ['RUN', 'PLAN', 'APPLY'];
const tagPattern = /^[A-Za-z0-9_]+$/;

/**
 * Every name under which a value may stand, in the order in which they are looked up: phase explicit → phase shared
 * default → run explicit → run shared default; for names without phases: explicit → shared default.
 *
 * The pages of HCP Terraform leave open whether a phase's shared default or an explicit run value wins. Here the phase
 * wins: a plan role meant for everything must not be widened by one tag's run role.
 */
export function namesTried(
  table: VariableTable,
  spec: VariableSpec,
  tag: string | null,
  phase: Phase,
): readonly string[] {
  const forms = spec.perPhase ? phaseForms[phase] : [null];
  return forms.flatMap((form) => {
    const explicit = fullName(table, spec, form, { tag });
    return hasSharedDefault(spec) ? [explicit, fullName(table, spec, form, { shared: true })] : [explicit];
  });
}

/** Tags whose switch is `true`, the default configuration (null) first, then by code point. */
export function configuredTags(table: VariableTable, variables: WorkloadVariables): readonly (string | null)[] {
  const spec = switchOf(table);
  const base = fullName(table, spec, null, {});
  const tags = [...variables]
    .filter(([name, value]) => value === 'true' && name.startsWith(`${base}_`))
    .map(([name]) => name.slice(base.length + 1))
    .filter((tag) => isTag(tag, spec) && readVariableName(`${base}_${tag}`, [table])?.spec === spec)
    .sort();
  return variables.get(base) === 'true' ? [null, ...tags] : tags;
}

/**
 * What a name means to the given platforms; undefined when it means nothing. The longest base name wins:
 * `TFC_VAULT_BACKED_AWS_AUTH_TYPE_BLUE` is the auth type of `BLUE`, not a switch with the tag `TYPE_BLUE`.
 */
export function readVariableName(name: string, tables: readonly VariableTable[]): VariableName | undefined {
  let best: { base: string; meaning: VariableName } | undefined;
  for (const table of tables) {
    for (const { base, spec, form, isSharedDefault } of baseNames(table)) {
      if (best !== undefined && base.length <= best.base.length) continue;
      const tag = tagBehind(name, base);
      if (tag === undefined) continue;
      best = { base, meaning: { table, spec, form, isSharedDefault, tag } };
    }
  }
  if (best === undefined) return undefined;
  const { tag, spec, isSharedDefault } = best.meaning;
  if (tag === null) return best.meaning;
  return isSharedDefault || spec.plainOnly || !isTag(tag, spec) ? undefined : best.meaning;
}

/** Whether a text may be a tag behind this variable. */
function isTag(tag: string, spec: VariableSpec): boolean {
  if (!tagPattern.test(tag) || tag === 'TYPE') return false;
  // `…_AUTH` + `_TYPE_BLUE` reads as the auth type of BLUE, also where the platform has no auth type.
  return !(/(^|_)AUTH$/.test(spec.name) && tag.startsWith('TYPE_'));
}

function tagBehind(name: string, base: string): string | null | undefined {
  if (name === base) return null;
  return name.startsWith(`${base}_`) ? name.slice(base.length + 1) : undefined;
}

/** All untagged names of a platform. */
export function baseNames(
  table: VariableTable,
): readonly { base: string; spec: VariableSpec; form: PhaseForm | null; isSharedDefault: boolean }[] {
  const known = baseNamesByTable.get(table);
  if (known !== undefined) return known;
  const names = table.variables.flatMap((spec) =>
    (spec.perPhase ? everyForm : [null]).flatMap((form) => [
      { base: fullName(table, spec, form, {}), spec, form, isSharedDefault: false },
      ...(hasSharedDefault(spec)
        ? [{ base: fullName(table, spec, form, { shared: true }), spec, form, isSharedDefault: true }]
        : []),
    ]),
  );
  baseNamesByTable.set(table, names);
  return names;
}

const baseNamesByTable = new WeakMap<VariableTable, ReturnType<typeof baseNames>>();

/** Joins the parts of a name: `TFC_[DEFAULT_]PREFIX_[FORM_]NAME[_TAG]`. */
export function fullName(
  table: VariableTable,
  spec: VariableSpec,
  form: PhaseForm | null,
  options: { tag?: string | null; shared?: boolean },
): string {
  return ['TFC', options.shared ? 'DEFAULT' : null, table.prefix, form, spec.name, options.tag]
    .filter((part) => part !== null && part !== undefined)
    .join('_');
}

/** The row that switches a platform's configurations on. */
export function switchOf(table: VariableTable): VariableSpec {
  const spec = table.variables.find((variable) => variable.isSwitch);
  if (spec === undefined) throw new TypeError(`${table.id} has no switch`);
  return spec;
}

/** Whether `TFC_DEFAULT_…` exists: for everything but the switch. */
export function hasSharedDefault(spec: VariableSpec): boolean {
  return !spec.isSwitch && !spec.plainOnly;
}

/** Binds a reader to one configuration. Pure. */
export function variableReader(
  table: VariableTable,
  variables: WorkloadVariables,
  at: { tag: string | null; phase: Phase; workspace: string },
): VariableReader {
  const specOf = (name: string): VariableSpec => {
    const spec = table.variables.find((variable) => variable.name === name);
    if (spec === undefined) throw new TypeError(`${table.id} has no variable ${name}`);
    return spec;
  };
  const where = placeOf(at);

  const find = (spec: VariableSpec): FoundValue | undefined => {
    const names = namesTried(table, spec, at.tag, at.phase);
    const variable = names.find((name) => variables.has(name));
    if (variable === undefined)
      return spec.fallback === undefined ? undefined : { value: spec.fallback, variable: null };
    const value = variables.get(variable)!;
    if (value === '') {
      // Falling through could hand a plan the run role; better to ask.
      throw new ConfigurationError({
        what: `${variable} is set, but empty`,
        where,
        mend: `give it a value, or remove it${names.at(-1) === variable ? '' : ` so that ${names.slice(names.indexOf(variable) + 1).join(', ')} can count`}`,
      });
    }
    return { value, variable };
  };

  return {
    tag: at.tag,
    phase: at.phase,
    optional: (name) => find(specOf(name)),
    required(name) {
      const spec = specOf(name);
      const found = find(spec);
      if (found !== undefined) return found;
      throw missing(table, spec, at, where);
    },
    invalid: (found, reason, mend) =>
      new ConfigurationError({ what: `${found.variable ?? 'the built-in default'} ${reason}`, where, mend }),
  };
}

/** The error for a required value that stands nowhere: the name to set, and all that were tried. */
function missing(
  table: VariableTable,
  spec: VariableSpec,
  at: { tag: string | null; phase: Phase },
  where: string,
): ConfigurationError {
  const names = namesTried(table, spec, at.tag, at.phase);
  const main = fullName(table, spec, spec.perPhase ? 'RUN' : null, { tag: at.tag });
  const shared = fullName(table, spec, spec.perPhase ? 'RUN' : null, { shared: true });
  const ownPhase = spec.perPhase ? ` (or ${names[0]} for the ${at.phase} phase alone)` : '';
  const every = hasSharedDefault(spec) ? `, or set ${shared} for every configuration` : '';
  return new ConfigurationError({
    what: `${main} is not set (tried in this order: ${names.join(', ')})`,
    where,
    mend: `set it${ownPhase}${every}: ${spec.about}`,
  });
}

/** Where a setting was looked for: `workspace payments-prod, tag PROD, plan phase`. */
export function placeOf(at: { tag: string | null; phase: Phase; workspace: string }): string {
  return [
    `workspace ${at.workspace}`,
    at.tag === null ? 'default configuration' : `tag ${at.tag}`,
    `${at.phase} phase`,
  ].join(', ');
}
