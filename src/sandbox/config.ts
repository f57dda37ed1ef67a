import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { AppError, SettingsError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import { errnoOf } from '../files/file-failure.ts';
import { readAwsIdentityPolicy, type AwsIdentityPolicy } from '../platforms/aws/identity-policy.ts';
import { readAwsTrustPolicy, type AwsTrustPolicy } from '../platforms/aws/trust-policy.ts';
import { awsSchema, type AwsSchema } from './aws/config-schema.ts';

/** What the stand-ins know: accounts, trusted issuers, roles. Checked; every policy is read. */
export interface SandboxConfig {
  readonly aws: AwsConfig;
}

/** One AWS account as the stand-in plays it. */
export interface AwsConfig extends Omit<AwsSchema, 'roles'> {
  readonly roles: readonly AwsRole[];
}

/** An IAM role with its policies read. */
export interface AwsRole {
  readonly name: string;
  /** `arn:aws:iam::ACCOUNT:role/PATH/NAME`. */
  readonly arn: string;
  readonly trustPolicy: AwsTrustPolicy;
  readonly policies: readonly AwsIdentityPolicy[];
  readonly maxSessionDurationSeconds: number;
  readonly tags: Readonly<Record<string, string>>;
}

const schema = z.strictObject({ aws: awsSchema });

/** The JSON Schema (2020-12) of the configuration file, for editors. */
export function sandboxConfigJsonSchema(): object {
  return z.toJSONSchema(schema, { io: 'input' });
}

/** Where a value of the file stands, for errors. */
interface Source {
  readonly file: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/**
 * Reads a sandbox configuration: YAML (so JSON too), with native IAM policy documents inline or in files of their own.
 *
 * @param text       what the file holds
 * @param directory  where relative paths in it start
 * @param file       the name that errors give
 * @throws {SettingsError} `settings_invalid`, with line and column, and the nearest known key
 * @throws {TrustDocumentError} `trust_document_invalid`, when IAM would refuse a policy
 */
export async function readSandboxConfig(
  text: string,
  directory: string,
  file = 'sandbox.yaml',
): Promise<SandboxConfig> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const source: Source = { file, document, lines };
  const fault = document.errors[0];
  if (fault) {
    const { line, col } = lines.linePos(fault.pos[0]);
    throw new SettingsError({
      what: `${fault.message.split('\n')[0]}`,
      where: `${file}:${line}:${col}`,
      mend: 'mend the YAML there',
    });
  }
  const read = schema.safeParse(plainValue(document, file));
  if (!read.success) throw schemaError(read.error.issues[0]!, source);
  const { aws } = read.data;
  refuseDoubles(aws, source);
  const roles: AwsRole[] = [];
  for (const [index, role] of aws.roles.entries())
    roles.push(await readRole(role, index, aws.account, directory, source));
  return { aws: { ...aws, roles } };
}

/** Anchors and merges are resolved here; an alias of nothing, or one that grows without end, is a fault of the file. */
function plainValue(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new SettingsError(
      {
        what: `the YAML cannot be resolved: ${(error as Error).message}`,
        where: file,
        mend: 'mend its anchors and aliases',
      },
      { cause: error },
    );
  }
}

async function readRole(
  role: AwsSchema['roles'][number],
  index: number,
  account: string,
  directory: string,
  source: Source,
): Promise<AwsRole> {
  const path = ['aws', 'roles', index];
  const policies: AwsIdentityPolicy[] = [];
  for (const [number, policy] of role.policies.entries())
    policies.push(await readPolicy(policy, [...path, 'policies', number], directory, source, readAwsIdentityPolicy));
  return {
    name: role.name,
    arn: `arn:aws:iam::${account}:role${role.path}${role.name}`,
    trustPolicy: await readPolicy(role.trust_policy, [...path, 'trust_policy'], directory, source, readAwsTrustPolicy),
    policies,
    maxSessionDurationSeconds: role.max_session_duration,
    tags: role.tags,
  };
}

/** A policy document stands in the file as a mapping or as JSON text, or in a file of its own. */
async function readPolicy<Policy>(
  given: string | Readonly<Record<string, unknown>>,
  path: readonly (string | number)[],
  directory: string,
  source: Source,
  read: (text: string) => Policy,
): Promise<Policy> {
  const [text, from] = await policyText(given, path, directory, source);
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const where = [from, error.problem.where].filter((part) => part !== undefined).join(', ');
    throw new AppError(error.code, { ...error.problem, where }, { cause: error });
  }
}

async function policyText(
  given: string | Readonly<Record<string, unknown>>,
  path: readonly (string | number)[],
  directory: string,
  source: Source,
): Promise<[text: string, from: string]> {
  const place = `${placeOf(source, path)} (${pathText(path)})`;
  if (typeof given !== 'string') return [JSON.stringify(given, null, 2), place];
  if (/^\s*\{/.test(given)) return [given, place];
  const file = resolve(directory, given);
  try {
    return [await readFile(file, 'utf8'), file];
  } catch (error) {
    throw new SettingsError(
      {
        what: `the policy file ${file} cannot be read: ${errnoOf(error)}`,
        where: place,
        mend: 'give the path of a JSON policy document, or the document itself',
      },
      { cause: error },
    );
  }
}

function refuseDoubles(aws: AwsSchema, source: Source): void {
  const lists = [
    ['roles', aws.roles.map((role) => role.name)],
    ['providers', aws.providers.map((provider) => provider.url)],
  ] as const;
  for (const [member, names] of lists) {
    const double = names.findIndex((name, index) => names.indexOf(name) !== index);
    if (double >= 0)
      throw new SettingsError({
        what: `${names[double]} is there twice`,
        where: `${placeOf(source, ['aws', member, double])} (aws.${member})`,
        mend: 'remove one of them',
      });
  }
}

function schemaError(issue: z.core.$ZodIssue, source: Source): SettingsError {
  if (issue.code !== 'unrecognized_keys')
    return new SettingsError({
      what: `${pathText(issue.path)}: ${messageOf(issue)}`,
      where: placeOf(source, issue.path),
      mend: '"hallpass sandbox --schema" prints what may stand here',
    });
  const key = issue.keys[0]!;
  const known = knownKeys(issue.path);
  const close = nearest(key, known);
  return new SettingsError({
    what: `${pathText([...issue.path, key])} is not a known key`,
    where: placeOf(source, [...issue.path, key]),
    mend: close ? `did you mean ${close}?` : `known keys are ${known.join(', ')}`,
  });
}

/** What a record says of its keys stands one level down. */
function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
}

/** The keys that may stand at a path, from the JSON Schema, so that they are said once. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let node: SchemaNode | undefined = sandboxConfigJsonSchema();
  for (const part of path) node = typeof part === 'number' ? node?.items : node?.properties?.[String(part)];
  return Object.keys(node?.properties ?? {});
}

/** `FILE:LINE:COLUMN` of a value, or of the nearest thing around it. */
function placeOf(source: Source, path: readonly PropertyKey[]): string {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = keyOrValue(source.document, path.slice(0, length));
    if (node !== null) {
      const { line, col } = source.lines.linePos(node);
      return `${source.file}:${line}:${col}`;
    }
  }
  return source.file;
}

/** Offset of a mapping's key, or of a list's entry. */
function keyOrValue(document: Document.Parsed, path: readonly PropertyKey[]): number | null {
  const parent = path.length === 0 ? undefined : document.getIn(path.slice(0, -1), true);
  const pairs = (parent as { items?: { key?: unknown }[] } | undefined)?.items;
  const pair = pairs?.find((item) => isNode(item.key) && String(item.key) === String(path.at(-1)));
  const node = pair ? pair.key : document.getIn(path, true);
  return isNode(node) && node.range ? node.range[0] : null;
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '') || 'the file';
}
