import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isTokenAddress } from '../platforms/index.ts';
import { defaultProject, type IdentityChoice, identityFields, nearestOf, writtenIn } from './identity-choice.ts';
import { nouns } from './nouns.ts';
import type { Settings } from './settings.ts';
import { uses } from './template.ts';
import type { Placed, WorkloadFile, WrittenValue } from './workload-file.ts';

/** One thing that a `hallpass.yaml` says about identity, as it is written there. */
export interface IdentityStatement {
  /**
   * `issuer`, `organization`, `ids.workspace`; `variables.NAME` for a reference that reaches outside the file, and for an
   * address to which Hallpass sends tokens.
   */
  readonly field: string;
  /** As written: templates unfilled, references unfollowed. */
  readonly value: string;
  /** Absolute path of the file; null for a default that holds because no file says otherwise. */
  readonly file: string | null;
  /** False where a variable or a flag says otherwise in this run. */
  readonly isInForce: boolean;
  /** Who somebody is; a value of the caller's that is reached for; or where Hallpass sends tokens. */
  readonly about: 'identity' | 'reference' | 'address';
}

/** What the `hallpass.yaml` files say about identity; it counts only once it was allowed. */
export interface FileIdentity {
  /** Real path of the directory for which the allowance holds. */
  readonly directory: string;
  readonly statements: readonly IdentityStatement[];
}

/**
 * Collects what files say about identity, or gives null where variables and flags alone decide it and no file reaches
 * for anything of the caller's. The references to the caller's environment and files are part of it: a changed file
 * could ask for other secrets. So are the addresses that get a token from Hallpass itself, without any Terraform code.
 */
export async function fileIdentity(
  files: readonly WorkloadFile[],
  { chosen, ids }: IdentityChoice,
  settings: Settings,
): Promise<FileIdentity | null> {
  const values = [...referencesOf(files), ...addressesOf(files)];
  const choosesIdentity = [...chosen.values()].some(({ file }) => file !== null);
  if (!choosesIdentity && values.length === 0) return null;
  const statements: IdentityStatement[] = [];
  for (const { field } of identityFields) {
    const written = writtenIn(files, field);
    if (written) {
      const isInForce = chosen.get(field)?.file === written.file;
      statements.push({ field, value: written.found.value, file: written.file.path, isInForce, about: 'identity' });
    } else if (field === 'project' && choosesIdentity) {
      // A file also decides by leaving the project out.
      const isInForce = chosen.get(field)?.source === 'default';
      statements.push({ field, value: defaultProject, file: null, isInForce, about: 'identity' });
    }
  }
  for (const noun of nouns) {
    const written = nearestOf(files, (file) => file.ids[noun] ?? null);
    if (!written) continue;
    const isInForce = ids[noun] !== undefined;
    statements.push({
      field: `ids.${noun}`,
      value: written.found.value,
      file: written.file.path,
      isInForce,
      about: 'identity',
    });
  }
  return Object.freeze({
    directory: await realpath(allowedDirectory(files, values, settings)),
    statements: [...statements, ...values],
  });
}

/**
 * The directory of the nearest file that says something about identity, else of the nearest with a reference or an address. A name
 * with `${dir}` is another workspace in every directory, so there each working directory is allowed by itself.
 */
function allowedDirectory(
  files: readonly WorkloadFile[],
  values: readonly IdentityStatement[],
  settings: Settings,
): string {
  const workspace = writtenIn(files, 'workspace');
  if (workspace && uses(workspace.found.value, 'dir')) return settings.workingDirectory;
  const nearest =
    files.find((file) => file.issuer !== null || [file.names, file.ids].some(hasKeys)) ??
    files.find(({ path }) => values.some(({ file }) => file === path));
  return dirname(nearest!.path);
}

function hasKeys(object: object): boolean {
  return Object.keys(object).length > 0;
}

function referencesOf(files: readonly WorkloadFile[]): IdentityStatement[] {
  const groups = [
    { group: 'variables', values: mergedValues(files, (file) => file.variables) },
    { group: 'terraform_variables', values: mergedValues(files, (file) => file.terraformVariables) },
  ];
  return groups.flatMap(({ group, values }) =>
    [...values].flatMap(([name, { value, file }]) => {
      const shown = shownReference(value);
      return shown === null
        ? []
        : [{ field: `${group}.${name}`, value: shown, file, isInForce: true, about: 'reference' }];
    }),
  );
}

function addressesOf(files: readonly WorkloadFile[]): IdentityStatement[] {
  return [...mergedValues(files, (file) => file.variables)].flatMap(([name, { value, file }]) =>
    value.kind === 'text' && isTokenAddress(name)
      ? [{ field: `variables.${name}`, value: shownAddress(value), file, isInForce: true, about: 'address' }]
      : [],
  );
}

/** One that holds a password is known again by its hash: what is allowed is recorded, and shown. */
function shownAddress({ text, sensitive }: Extract<WrittenValue, { kind: 'text' }>): string {
  return sensitive ? `sensitive, SHA-256 ${createHash('sha256').update(text).digest('hex')}` : text;
}

function shownReference(value: WrittenValue): string | null {
  switch (value.kind) {
    case 'env':
      return `{ env: ${value.name} }`;
    case 'file':
      return `{ file: ${value.path} }`;
    case 'text':
      return null;
  }
}

/** A value with the file that it stands in. */
export type FiledValue = Placed<WrittenValue> & { readonly file: string };

/** The variables of all files by name; a nearer file's win. */
export function mergedValues(
  files: readonly WorkloadFile[],
  get: (file: WorkloadFile) => ReadonlyMap<string, Placed<WrittenValue>>,
): ReadonlyMap<string, FiledValue> {
  const all = new Map<string, FiledValue>();
  for (const file of files.toReversed()) {
    for (const [name, value] of get(file)) all.set(name, { ...value, file: file.path });
  }
  return all;
}
