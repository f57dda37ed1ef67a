import { AppError } from '../domain/errors.ts';
import { jsonText } from '../domain/json.ts';
import type { IssuerDocuments } from './discovery.ts';
import { readPublishedDirectory, writePublishedDirectory, type PublishedDirectory } from './published-directory.ts';

/** What is to be exported, and what may be overwritten by it. */
export interface ExportOptions {
  readonly issuer: string;
  readonly documents: IssuerDocuments;
  /** Keys that are or were ours: what an earlier export has left may go. */
  readonly ownKids: ReadonlySet<string>;
  /** Keeps keys of others that are there, beside ours. */
  readonly merge: boolean;
}

/** What an export will do, or has done. */
export interface ExportPlan {
  readonly jwks: string;
  readonly configuration: string;
  /** Keys of others that stay published. */
  readonly keptKids: readonly string[];
}

/**
 * Writes both documents into a directory for any static host: `DIR/.well-known/openid-configuration`, `jwks`,
 * `jwks.json`.
 *
 * @returns the files written, and the keys of others that were kept
 * @throws {AppError} `directory_invalid` when another issuer's documents or keys are there
 */
export async function exportDocuments(
  directory: string,
  options: ExportOptions,
): Promise<{ files: readonly string[]; keptKids: readonly string[] }> {
  const plan = planExport(await readPublishedDirectory(directory), directory, options);
  return { files: await writePublishedDirectory(directory, plan), keptKids: plan.keptKids };
}

/** Decides what an export writes over what is there. Pure. */
export function planExport(there: PublishedDirectory, directory: string, options: ExportOptions): ExportPlan {
  const { issuer, documents, ownKids, merge } = options;
  if (there.issuer !== null && there.issuer !== issuer) {
    throw new AppError('directory_invalid', {
      what: `${directory} holds the documents of another issuer, ${there.issuer}`,
      where: directory,
      mend: `export to another directory, or remove ${directory}/.well-known first`,
    });
  }
  const foreign = (there.keySet?.entries ?? []).filter((entry) => !ownKids.has(String(entry['kid'])));
  const keptKids = foreign.map((entry) => String(entry['kid']));
  if (foreign.length > 0 && !merge) {
    throw new AppError('directory_invalid', {
      what: `${directory} holds keys that are not ours: ${keptKids.join(', ')}`,
      where: directory,
      mend: 'keep them published beside ours with --merge, or take each out: hallpass issuer withdraw KID DIR',
    });
  }
  if (foreign.length > 0 && there.keySet!.problems.length > 0) {
    throw new AppError('directory_invalid', {
      what: `the keys in ${directory} cannot be kept: ${there.keySet!.problems.join('; ')}`,
      where: directory,
      mend: 'mend or remove them first',
    });
  }
  return { configuration: documents.configuration, jwks: withForeign(documents.jwks, foreign), keptKids };
}

function withForeign(jwks: string, foreign: readonly unknown[]): string {
  if (foreign.length === 0) return jwks;
  const { keys } = JSON.parse(jwks) as { keys: unknown[] };
  return jsonText({ keys: [...keys, ...foreign] });
}
