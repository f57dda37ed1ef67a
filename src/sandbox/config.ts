import { LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { SettingsError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import { documentReader, pathText, placeOf, type DocumentReader, type Source } from './document-reader.ts';
import { standIns, type StandInId } from './registry.ts';

/** What the stand-ins know, by platform: accounts, trusted issuers, roles. Checked; every native document is read. */
export type SandboxConfig = {
  readonly [Id in StandInId]?: Awaited<ReturnType<(typeof standIns)[Id]['readConfig']>>;
};

const ids = Object.keys(standIns) as StandInId[];

const schema = z
  .strictObject(Object.fromEntries(ids.map((id) => [id, standIns[id].schema.optional()])))
  .refine((parts) => Object.keys(parts).length > 0, `must name a platform: ${ids.join(', ')}`);

/** The JSON Schema (2020-12) of the configuration file, for editors. */
export function sandboxConfigJsonSchema(): object {
  return z.toJSONSchema(schema, { io: 'input' });
}

/**
 * Reads a sandbox configuration: YAML (so JSON too), with the platforms' native documents inline or in files of their own.
 *
 * @param text       what the file holds
 * @param directory  where relative paths in it start
 * @param file       the name that errors give
 * @throws {SettingsError} `settings_invalid`, with line and column, and the nearest known key
 * @throws {TrustDocumentError} `trust_document_invalid`, when a platform would refuse its document
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
  const config: Record<string, unknown> = {};
  for (const id of ids) {
    const part = read.data[id];
    if (part !== undefined) config[id] = await readPart(id, part, documentReader(id, directory, source));
  }
  return config;
}

/** Each part is read by the folder whose schema has checked it. */
async function readPart(id: StandInId, part: unknown, documents: DocumentReader): Promise<unknown> {
  const kind = standIns[id] as { readConfig(part: unknown, documents: DocumentReader): Promise<unknown> };
  return kind.readConfig(part, documents);
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
