/** The end of a zip file's central directory (APPNOTE.TXT 4.3.16): a signature, 18 bytes, and the archive comment. */
const signature = Buffer.from('PK\u0005\u0006', 'latin1');
const fixedLength = 22;
const longest = 0xffff;

/** Reads the archive comment of a zip file; null when the bytes are no zip file. */
export function readZipComment(file: Uint8Array): Uint8Array | null {
  const start = endRecord(file);
  return start === null ? null : file.subarray(start + fixedLength);
}

/** The same zip file with another archive comment; null when the bytes are no zip file. Pure. */
export function withZipComment(file: Uint8Array, comment: Uint8Array): Uint8Array | null {
  if (comment.length > longest) throw new RangeError(`a zip comment has at most ${longest} bytes`);
  const start = endRecord(file);
  if (start === null) return null;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(comment.length);
  return Buffer.concat([file.subarray(0, start + fixedLength - 2), length, comment]);
}

/** Where the end record starts: the last signature whose comment ends exactly where the file does. */
function endRecord(file: Uint8Array): number | null {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < fixedLength || bytes.readUInt16LE(0) !== signature.readUInt16LE(0)) return null;
  const earliest = Math.max(0, bytes.length - fixedLength - longest);
  for (let start = bytes.length - fixedLength; start >= earliest; start -= 1) {
    if (!bytes.subarray(start, start + 4).equals(signature)) continue;
    if (start + fixedLength + bytes.readUInt16LE(start + 20) === bytes.length) return start;
  }
  return null;
}
