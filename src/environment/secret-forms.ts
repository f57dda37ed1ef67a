/** Shorter values are left in the output: they would match everywhere. In characters. */
export const shortestSecret = 8;

/**
 * The byte strings in which a value may show up in output: as it is, JSON-escaped, URL-encoded, as hex and as base64 in
 * its three alignments; and each line of a value of several lines.
 */
export function formsOf(value: string): readonly Buffer[] {
  const lines = value.split(/\r\n|\r|\n/).map((line) => line.trim());
  const whole = [value, value.trim()];
  const texts = [
    ...whole.flatMap((text) => [text, ...escapedForms(text), ...urlForms(text)]),
    ...(lines.length > 1 ? lines.flatMap((line) => [line, ...escapedForms(line)]) : []),
    ...whole.flatMap((text) => [...hexForms(text), ...base64Forms(text)]),
  ];
  return [...new Set(texts)].filter((text) => [...text].length >= shortestSecret).map((text) => Buffer.from(text));
}

/** As JSON writes it: plainly, as Go does (`<` `>` `&` escaped), in ASCII only, and as HCL (templates escaped). */
function escapedForms(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const go = json.replace(/[<>&\u2028\u2029]/g, (character) => unicodeEscape(character));
  const ascii = json.replace(/[^\x20-\x7e]/g, (unit) => unicodeEscape(unit));
  const hcl = json.replace(/([$%])\{/g, '$1$1{');
  return [json, go, ascii, hcl];
}

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Per cent encoding (RFC 3986) in its lenient and its strict form, and that of HTML forms. */
function urlForms(value: string): string[] {
  const wellFormed = value.toWellFormed();
  const lenient = encodeURIComponent(wellFormed);
  const strict = lenient.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams({ v: wellFormed }).toString().slice(2);
  const upper = [lenient, strict, form, strict.replaceAll('%20', '+'), encodeURI(wellFormed)];
  return [...upper, ...upper.map(lowerEscapes)];
}

function lowerEscapes(text: string): string {
  return text.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase());
}

function hexForms(value: string): string[] {
  const hex = Buffer.from(value).toString('hex');
  return [hex, hex.toUpperCase()];
}

/**
 * Base64 (RFC 4648) of a text that holds the value, which may begin at the first, second or third byte of a group: only
 * the characters that depend on the value alone. Of a text that begins with the value also broken into lines, as
 * `base64` (76 characters) and `openssl base64` (64) do.
 */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((offset) => {
    const bits = (offset + bytes.length) * 8;
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    const own = encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(bits / 6));
    const broken = offset === 0 ? [76, 64].map((width) => inLines(own, width)) : [];
    return [own, own.replaceAll('+', '-').replaceAll('/', '_'), ...broken];
  });
}

function inLines(text: string, width: number): string {
  return text.replace(new RegExp(`.{${width}}(?=.)`, 'g'), '$&\n');
}
