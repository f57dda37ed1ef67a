/** An XML element's content: text, or children in order; a child that is undefined is left out. */
export type XmlElement = { readonly [name: string]: XmlElement | string | number | undefined };

/** Writes elements as XML, indented as AWS does. */
export function xmlOf(element: XmlElement, indent = ''): string {
  return Object.entries(element)
    .map(([name, content]) => {
      if (content === undefined) return '';
      if (typeof content !== 'object') return `${indent}<${name}>${escaped(String(content))}</${name}>\n`;
      return `${indent}<${name}>\n${xmlOf(content, `${indent}  `)}${indent}</${name}>\n`;
    })
    .join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function escaped(text: string): string {
  // Control characters have no form in XML 1.0; they cannot come in where names are checked, but messages quote input.
  return text
    .replace(/[&<>"]/g, (character) => entities[character]!)
    .replace(/[^\t\n\r\x20-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
}
