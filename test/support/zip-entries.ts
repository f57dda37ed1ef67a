import { inflateRawSync } from 'node:zlib';

/** Signature of an entry of a zip file's central directory, and the length of its fixed part (APPNOTE.TXT 4.3.12). */
const signature = 0x02014b50;
const fixedLength = 46;
/** The same of the header before an entry's bytes (4.3.7). */
const localLength = 30;

/** What a zip file holds, unpacked, by name. For files of a program that writes them well, such as saved plans. */
export function zipEntries(file: Buffer): ReadonlyMap<string, Buffer> {
  const end = file.lastIndexOf('PK\u0005\u0006', undefined, 'latin1');
  if (end < 0) throw new Error('this is no zip file');
  const entries = new Map<string, Buffer>();
  let at = file.readUInt32LE(end + 16);
  for (let left = file.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (file.readUInt32LE(at) !== signature) throw new Error(`no entry of a zip file at ${at}`);
    const lengths = [28, 30, 32].map((offset) => file.readUInt16LE(at + offset));
    const [name, size] = [file.toString('utf8', at + fixedLength, at + fixedLength + lengths[0]!), 20] as const;
    const local = file.readUInt32LE(at + 42);
    const start = local + localLength + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    const bytes = file.subarray(start, start + file.readUInt32LE(at + size));
    entries.set(name, file.readUInt16LE(at + 10) === 0 ? bytes : inflateRawSync(bytes));
    at += fixedLength + lengths.reduce((sum, length) => sum + length, 0);
  }
  return entries;
}
