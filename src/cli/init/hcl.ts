/**
 * A quoted HCL string that evaluates to exactly this text: `\`, `"`, newlines and the template openings `${` and `%{`
 * are escaped. Other control characters are refused, since HCL has no escape for all of them.
 *
 * @throws {RangeError} for a control character other than newline, carriage return and tab
 * @see HCL native syntax specification, "Template Expressions"
 */
export function hclString(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replaceAll('${', () => '$${')
    .replaceAll('%{', () => '%%{');
  // oxlint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]/.test(escaped)) throw new RangeError('a control character cannot stand in HCL');
  return `"${escaped}"`;
}

/** Lines of attributes with their equals signs in one column, as `terraform fmt` wants them; what is null is left out. */
export function hclAttributes(indent: string, attributes: Readonly<Record<string, string | null>>): string {
  const given = Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== null);
  const width = Math.max(...given.map(([name]) => name.length));
  return given.map(([name, expression]) => `${indent}${name.padEnd(width)} = ${expression}`).join('\n');
}
