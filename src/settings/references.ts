import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { SettingsError } from '../domain/errors.ts';
import { Secret } from '../domain/secret.ts';
import { errnoOf } from '../files/file-failure.ts';
import { maximumFileBytes } from './find-workload-files.ts';
import type { Settings } from './settings.ts';
import type { Placed, WrittenValue } from './workload-file.ts';

/**
 * Follows a written value to what it stands for. What comes from outside the file is a {@link Secret}, and so is what
 * the file calls sensitive.
 *
 * @throws {SettingsError} `settings_invalid` for a missing variable or file, and for Hallpass' own keys
 */
export async function followed(
  name: string,
  written: Placed<WrittenValue> & { readonly file: string },
  settings: Settings,
): Promise<Secret | string> {
  const { value, place } = written;
  switch (value.kind) {
    case 'text':
      return value.sensitive ? new Secret(value.text) : value.text;
    case 'env': {
      const found = settings.parentEnvironment[value.name];
      if (found !== undefined) return new Secret(found);
      throw new SettingsError({
        what: `${name} is to come from the environment variable ${value.name}, which is not set`,
        where: place,
        mend: `export ${value.name}=…`,
      });
    }
    case 'file':
      return new Secret(await fileContents(name, pathOf(value.path, written.file, settings), place, settings));
  }
}

function pathOf(path: string, file: string, settings: Settings): string {
  return path.startsWith('~/') ? join(settings.homeDirectory, path.slice(2)) : resolve(dirname(file), path);
}

async function fileContents(name: string, path: string, place: string, settings: Settings): Promise<string> {
  const refuse = (what: string, mend?: string, cause?: unknown): never => {
    throw new SettingsError({ what: `${name} is to come from ${path}, ${what}`, where: place, mend }, { cause });
  };
  // Non-blocking: opening a named pipe would wait for its writer.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) =>
    refuse(
      errnoOf(error) === 'ENOENT' ? 'which is not there' : `which cannot be read (${errnoOf(error)})`,
      'the path is relative to the hallpass.yaml',
      error,
    ),
  );
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) refuse('which is not a regular file');
    if (stats.size > maximumFileBytes) refuse(`which is larger than ${maximumFileBytes} bytes`);
    if (await holdsOurKeys(path, stats, settings)) {
      refuse("which holds Hallpass' own keys", 'no workload may have them; leave it out');
    }
    const bytes = await handle.readFile();
    if (bytes.includes(0)) refuse('which holds a NUL character', 'encode binary contents, as with base64');
    return textOf(bytes, refuse).replace(/\r?\n$/, '');
  } finally {
    await handle.close();
  }
}

function textOf(bytes: Buffer, refuse: (what: string, mend?: string, cause?: unknown) => never): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    return refuse('which is not UTF-8 text', 'encode binary contents, as with base64', error);
  }
}

/** Whether a file is the key-encryption key (under any name) or lies in the data directory. */
async function holdsOurKeys(path: string, stats: { dev: number; ino: number }, settings: Settings): Promise<boolean> {
  const key = await stat(settings.keyEncryptionKeyFile).catch(() => null);
  if (key && key.dev === stats.dev && key.ino === stats.ino) return true;
  const data = await realpath(settings.dataDirectory).catch(() => settings.dataDirectory);
  return `${await realpath(path)}${sep}`.startsWith(`${data}${sep}`);
}
