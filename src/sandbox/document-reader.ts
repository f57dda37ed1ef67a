import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isNode, type Document, type LineCounter } from 'yaml';
import { AppError, SettingsError, type Problem } from '../domain/errors.ts';
import { errnoOf } from '../files/file-failure.ts';

/** Where a value of the configuration file stands, for errors. */
export interface Source {
  readonly file: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/** Reads what one platform's part of the configuration file refers to. Paths start in that part: `['roles', 0]`. */
export interface DocumentReader {
  /**
   * Reads a native document, which stands in the file as a mapping or as text, or in a file of its own.
   *
   * @throws {SettingsError} `settings_invalid`, when the file cannot be read
   * @throws {AppError} what `parse` throws, with the file and place of the document before its own
   */
  read<Parsed>(given: GivenDocument, path: Path, parse: (text: string) => Parsed): Promise<Parsed>;
  /** @throws {SettingsError} `settings_invalid`, when a name of the list at this path stands there twice */
  refuseDoubles(path: Path, names: readonly string[]): void;
  /** The error for a value that the schema let pass. */
  invalid(path: Path, problem: Omit<Problem, 'where'>): SettingsError;
}

/** A native document as a mapping, its text (JSON or YAML), or the path of a file with it. */
export type GivenDocument = string | Readonly<Record<string, unknown>>;

/** Names and positions, from the platform's part on. */
export type Path = readonly (string | number)[];

/**
 * @param part       key of the platform's part
 * @param directory  where relative paths in it start
 */
export function documentReader(part: string, directory: string, source: Source): DocumentReader {
  const placed = (path: Path): string => `${placeOf(source, [part, ...path])} (${pathText([part, ...path])})`;
  return {
    async read(given, path, parse) {
      const [text, from] = await documentText(given, placed(path), directory);
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        const where = [from, error.problem.where].filter((one) => one !== undefined).join(', ');
        throw new AppError(error.code, { ...error.problem, where }, { cause: error });
      }
    },
    refuseDoubles(path, names) {
      const double = names.findIndex((name, index) => names.indexOf(name) !== index);
      if (double < 0) return;
      throw new SettingsError({
        what: `${names[double]} is there twice`,
        where: `${placeOf(source, [part, ...path, double])} (${pathText([part, ...path])})`,
        mend: 'remove one of them',
      });
    },
    invalid: (path, problem) => new SettingsError({ ...problem, where: placed(path) }),
  };
}

async function documentText(
  given: GivenDocument,
  place: string,
  directory: string,
): Promise<[text: string, from: string]> {
  if (typeof given !== 'string') return [JSON.stringify(given, null, 2), place];
  // A path has one line, and no document starts like one.
  if (/^\s*[{[]|\n/.test(given)) return [given, place];
  const file = resolve(directory, given);
  try {
    return [await readFile(file, 'utf8'), file];
  } catch (error) {
    throw new SettingsError(
      {
        what: `the file ${file} cannot be read: ${errnoOf(error)}`,
        where: place,
        mend: 'give the path of a file with the document, or the document itself',
      },
      { cause: error },
    );
  }
}

/** `FILE:LINE:COLUMN` of a value, or of the nearest thing around it. */
export function placeOf(source: Source, path: readonly PropertyKey[]): string {
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

/** `aws.roles[0].name`. */
export function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '') || 'the file';
}
