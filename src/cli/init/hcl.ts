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
