/** A compact JWT. None belongs in the audit; one that got into a platform's message is taken out. */
const compactToken = /eyJ[A-Za-z0-9_-]{6,}\.eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*/g;

/**
 * Canonical JSON of a value (RFC 8785): members sorted by UTF-16 code units, no white space. Members that are undefined
 * are left out.
 *
 * @throws {TypeError} for what JSON cannot hold: dates, classes, numbers that are not finite
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.includes('.eyJ') ? value.replace(compactToken, '[token]') : value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('a number that is not finite cannot be recorded');
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? canonicalArray(value) : canonicalObject(value);
    default:
      throw new TypeError(`a ${typeof value} cannot be recorded`);
  }
}

function canonicalArray(values: readonly unknown[]): string {
  return `[${values.map((value) => canonicalJson(value)).join(',')}]`;
}

function canonicalObject(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A class has a meaning that JSON would lose, or, as a Secret, none that may be written.
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError('only plain objects, lists, texts and numbers can be recorded');
  let text = '';
  for (const name of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[name];
    if (member === undefined) continue;
    text += `${text === '' ? '{' : ','}${JSON.stringify(name)}:${canonicalJson(member)}`;
  }
  return text === '' ? '{}' : `${text}}`;
}
