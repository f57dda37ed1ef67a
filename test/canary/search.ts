import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A secret to search for, under a name that may be shown. */
export interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A secret in the forms in which it would be found: as it is, URL-encoded, in hex, in base64 at each alignment. */
export function needles(name: string, secret: string): readonly Needle[] {
  const plain = Buffer.from(secret);
  const forms: Record<string, string> = {
    plain: secret,
    url: encodeURIComponent(secret),
    hex: plain.toString('hex'),
  };
  for (const shift of [0, 1, 2]) {
    // The first and last characters depend on the neighbours; what is between does not.
    const encoded = Buffer.concat([Buffer.alloc(shift), plain]).toString('base64');
    forms[`base64+${shift}`] = encoded.slice(shift === 0 ? 0 : 4, -4);
  }
  return Object.entries(forms).map(([form, text]) => ({ name: `${name} (${form})`, bytes: Buffer.from(text) }));
}

/** Where needles were found, as `PLACE: NAME`. */
export function searchTexts(texts: Readonly<Record<string, string>>, all: readonly Needle[]): readonly string[] {
  return Object.entries(texts).flatMap(([place, text]) => searchBytes(place, Buffer.from(text), all));
}

/** The same over every file and every name below some directories; what disappears meanwhile is not there. */
export function searchDirectories(directories: readonly string[], all: readonly Needle[]): readonly string[] {
  return directories.flatMap((directory) => [
    ...searchBytes(`name of ${directory}`, Buffer.from(directory), all),
    ...entriesOf(directory).flatMap((path) => {
      const kind = lstatSync(path, { throwIfNoEntry: false });
      if (kind?.isDirectory()) return searchDirectories([path], all);
      return kind?.isFile() ? searchBytes(path, contents(path), all) : [];
    }),
  ]);
}

function searchBytes(place: string, bytes: Buffer, all: readonly Needle[]): string[] {
  return all.filter((needle) => bytes.includes(needle.bytes)).map((needle) => `${place}: ${needle.name}`);
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function contents(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
