import { parseDuration } from '../domain/duration.ts';
import { SettingsError } from '../domain/errors.ts';
import { type IdPrefix, isId } from '../domain/ids.ts';
import { checkedName } from '../domain/names.ts';
import { quoted } from '../domain/printable.ts';
import { checkedIssuerUrl } from '../identity/issuer-url.ts';
import { longestTokenSeconds, shortestTokenSeconds } from '../identity/limits.ts';
import { unknownVariables } from '../platforms/index.ts';
import { type Noun, nouns } from './nouns.ts';
import { placedError } from './placed-error.ts';
import { reservation } from './reserved-variables.ts';
import {
  entriesOf,
  flagOf,
  isMapping,
  knownEntriesOf,
  parseYamlMapping,
  textOf,
  type YamlEntry,
  type YamlSource,
} from './yaml-mapping.ts';
import { checkTemplate, isTemplate } from './template.ts';

/** A value with the place where it was written, `file:line:column`. */
export interface Placed<T> {
  readonly value: T;
  readonly place: string;
}

/** A variable's value as the file writes it; references are followed later, by `references.ts`. */
export type WrittenValue =
  | { readonly kind: 'text'; readonly text: string; readonly sensitive: boolean }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string };

/** One `hallpass.yaml`, checked. */
export interface WorkloadFile {
  /** Absolute path, as found. */
  readonly path: string;
  readonly issuer: Placed<string> | null;
  /** Names as written; the workspace's may be a template. */
  readonly names: Readonly<Partial<Record<Noun, Placed<string>>>>;
  readonly ids: Readonly<Partial<Record<Noun, Placed<string>>>>;
  readonly variables: ReadonlyMap<string, Placed<WrittenValue>>;
  readonly terraformVariables: ReadonlyMap<string, Placed<WrittenValue>>;
  readonly tokenLifetimeSeconds: Placed<number> | null;
  readonly tokenEndpoint: Placed<boolean> | null;
}

/** The keys of a `hallpass.yaml`, in the order of the reference page. */
export const workloadFileKeys = [
  { key: 'issuer', value: 'URL', about: 'who signs; `https`, or `http` on loopback, without a trailing slash' },
  { key: 'organization', value: 'name', about: 'letters, digits, `-` and `_`' },
  {
    key: 'project',
    value: 'name',
    about: 'as above, and single inner spaces; `Default Project` where nobody says otherwise',
  },
  {
    key: 'workspace',
    value: 'name',
    about:
      'as `organization`; may hold `${dir}` (last part of the working directory) and `${terraform.workspace}` (the workspace that Terraform has selected), and is checked after filling',
  },
  {
    key: 'variables',
    value: 'mapping',
    about: "the workload's environment variables: `TFC_…` drive Hallpass, all others reach the command",
  },
  {
    key: 'terraform_variables',
    value: 'mapping',
    about: "values for Terraform's own variables; lists and maps as JSON in quotes",
  },
  {
    key: 'token_lifetime',
    value: 'duration',
    about:
      'short tokens, renewed while the command runs: `10s` to `24h`, such as `15m`; absent: the lifetime of the phase',
  },
  {
    key: 'token_endpoint',
    value: '`true` or `false`',
    about:
      'the command may fetch fresh tokens while it runs, from an address on this machine that knows it by a secret: for `azurerm` and `azuread`, whose applies then outlive one token; absent: `false`',
  },
  {
    key: 'ids',
    value: 'mapping',
    about:
      '`organization: org-…`, `project: prj-…`, `workspace: ws-…`; absent: derived from the names, and no stronger than they are',
  },
] as const;

/** What a value of `variables` and `terraform_variables` may be. */
export const valueForms = [
  { form: '`"text"`', about: 'the value itself; numbers and booleans in quotes' },
  { form: '`{ env: NAME }`', about: "from the caller's environment; secret" },
  {
    form: '`{ file: PATH }`',
    about: 'the contents of a file, without one newline at its end; relative to the `hallpass.yaml`; secret',
  },
  { form: '`{ value: "text", sensitive: true }`', about: 'the value itself, kept out of output' },
] as const;

const idPrefixes: Readonly<Record<Noun, IdPrefix>> = { organization: 'org', project: 'prj', workspace: 'ws' };

/**
 * Reads one `hallpass.yaml`. Pure: references are not followed and templates not filled.
 *
 * @throws {AppError} `settings_invalid`, `name_invalid` or `issuer_invalid`, with file, line and column
 */
export function readWorkloadFile(text: string, path: string): WorkloadFile {
  const { source, entries } = parseYamlMapping(text, path);
  const known = knownEntriesOf(
    entries,
    workloadFileKeys.map(({ key }) => key),
    'hallpass.yaml',
  );
  const placed = <T>(key: string, read: (written: string) => T): Placed<T> | null => {
    const entry = known.get(key);
    if (entry === undefined) return null;
    const written = textOf(source, entry, key);
    const place = source.placeOf(entry.value);
    return { value: placedError(place, () => read(written)), place };
  };
  const names: Partial<Record<Noun, Placed<string>>> = {};
  for (const noun of nouns) {
    const name = placed(noun, (written) => writtenName(noun, written));
    if (name) names[noun] = name;
  }
  const variables = valuesOf(source, known.get('variables'), checkVariableName);
  refuseUnknownSwitches(variables);
  return {
    path,
    issuer: placed('issuer', checkedIssuerUrl),
    names,
    ids: idsOf(source, known.get('ids')),
    variables,
    terraformVariables: valuesOf(source, known.get('terraform_variables'), checkTerraformVariableName),
    tokenLifetimeSeconds: placed('token_lifetime', lifetimeSeconds),
    tokenEndpoint: placedFlag(source, known.get('token_endpoint')),
  };
}

function placedFlag(source: YamlSource, entry: YamlEntry | undefined): Placed<boolean> | null {
  if (entry === undefined) return null;
  return { value: flagOf(source, entry, entry.key), place: source.placeOf(entry.value) };
}

function writtenName(noun: Noun, written: string): string {
  if (!isTemplate(written)) return checkedName(noun, written);
  if (noun === 'workspace') return checkTemplate(written);
  throw new SettingsError({
    what: `${noun} holds "\${", but only workspace is filled in`,
    mend: `write the ${noun}'s name`,
  });
}

function lifetimeSeconds(written: string): number {
  const seconds = parseDuration('token_lifetime', written);
  if (seconds >= shortestTokenSeconds && seconds <= longestTokenSeconds) return seconds;
  throw new SettingsError({
    what: `token_lifetime is ${quoted(written)}, outside 10s to 24h`,
    mend: 'between 5m and 1h serves most',
  });
}

function idsOf(source: YamlSource, entry: YamlEntry | undefined): WorkloadFile['ids'] {
  if (entry === undefined) return {};
  const known = knownEntriesOf(entriesOf(source, entry.value, 'ids'), nouns, 'ids');
  const ids: Partial<Record<Noun, Placed<string>>> = {};
  for (const noun of nouns) {
    const id = known.get(noun);
    if (id === undefined) continue;
    const value = textOf(source, id, `ids.${noun}`);
    const place = source.placeOf(id.value);
    const prefix = idPrefixes[noun];
    if (!isId(prefix, value)) {
      throw new SettingsError({
        what: `ids.${noun} is ${quoted(value)}, which is not an id of that kind`,
        where: place,
        mend: `an id begins with "${prefix}-", then 1 to 64 letters and digits`,
      });
    }
    ids[noun] = { value, place };
  }
  return ids;
}

function valuesOf(
  source: YamlSource,
  entry: YamlEntry | undefined,
  checkName: (name: string) => void,
): ReadonlyMap<string, Placed<WrittenValue>> {
  const values = new Map<string, Placed<WrittenValue>>();
  if (entry === undefined) return values;
  for (const variable of entriesOf(source, entry.value, entry.key)) {
    placedError(variable.place, () => checkName(variable.key));
    values.set(variable.key, { value: writtenValue(source, variable), place: variable.place });
  }
  return values;
}

function writtenValue(source: YamlSource, variable: YamlEntry): WrittenValue {
  if (!isMapping(variable.value)) {
    const text = checkedText(textOf(source, variable, variable.key), variable);
    return { kind: 'text', text, sensitive: false };
  }
  const fields = knownEntriesOf(
    entriesOf(source, variable.value, variable.key),
    ['env', 'file', 'value', 'sensitive'],
    variable.key,
  );
  const forms = ['env', 'file', 'value'].filter((form) => fields.has(form));
  const form = forms[0];
  if (forms.length !== 1 || form === undefined || (form !== 'value' && fields.has('sensitive'))) {
    throw new SettingsError({
      what: `${variable.key} must have exactly one of env, file or value; sensitive stands with value only`,
      where: variable.place,
      mend: 'write { env: NAME }, { file: PATH } or { value: "…", sensitive: true }',
    });
  }
  const written = textOf(source, fields.get(form)!, `${variable.key}.${form}`);
  if (form === 'env')
    return { kind: 'env', name: checkedEnvironmentName(written, source.placeOf(fields.get(form)!.value)) };
  if (form === 'file') return { kind: 'file', path: checkedText(written, variable) };
  const sensitive = fields.get('sensitive');
  return {
    kind: 'text',
    text: checkedText(written, variable),
    sensitive: sensitive !== undefined && flagOf(source, sensitive, `${variable.key}.sensitive`),
  };
}

/** No process can carry a NUL in its environment, no path can hold one. */
function checkedText(text: string, variable: YamlEntry): string {
  if (!text.includes('\0')) return text;
  throw new SettingsError({ what: `the value of ${variable.key} holds a NUL character`, where: variable.place });
}

const environmentName = /^[A-Za-z_][A-Za-z0-9_]*$/;

function checkedEnvironmentName(name: string, place: string): string {
  if (environmentName.test(name)) return name;
  throw new SettingsError({
    what: `${quoted(name)} is not the name of an environment variable`,
    where: place,
    mend: 'letters, digits and "_", not beginning with a digit',
  });
}

function checkVariableName(name: string): void {
  checkedEnvironmentName(name, name);
  const row = reservation(name);
  if (row) {
    throw new SettingsError({ what: `hallpass.yaml may not set ${name}: ${row.reason}`, mend: row.mend });
  }
}

function checkTerraformVariableName(name: string): void {
  // Terraform's identifiers, kept to ASCII.
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) {
    throw new SettingsError({
      what: `${quoted(name)} is not the name of a Terraform variable`,
      mend: 'letters, digits, "_" and "-", beginning with a letter; without TF_VAR_',
    });
  }
  if (/^tfc_.*_dynamic_credentials$/.test(name)) {
    throw new SettingsError({ what: `hallpass.yaml may not set ${name}: Hallpass fills it`, mend: 'leave it out' });
  }
}

function refuseUnknownSwitches(variables: ReadonlyMap<string, Placed<WrittenValue>>): void {
  const switches = new Map([...variables.keys()].filter((name) => name.startsWith('TFC_')).map((name) => [name, '']));
  const [unknown] = unknownVariables(switches);
  if (unknown === undefined) return;
  throw new SettingsError({
    what: `there is no variable ${unknown.name}`,
    where: variables.get(unknown.name)?.place,
    mend: unknown.nearest
      ? `did you mean ${unknown.nearest}?`
      : 'names that begin with TFC_ are settings of Hallpass; docs/platforms lists them',
  });
}
