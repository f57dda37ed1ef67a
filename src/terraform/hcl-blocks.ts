/** A block at the top level of a Terraform file, such as `provider "aws" { … }`. */
export interface HclBlock {
  readonly type: string;
  readonly labels: readonly string[];
  /** Text between the outer braces, comments removed. */
  readonly body: string;
}

/**
 * Finds the top-level blocks of HCL text by counting braces outside strings, comments and heredocs. It is no parser:
 * it serves hints, gives up silently on what it does not understand, and never throws.
 */
export function hclBlocks(text: string): readonly HclBlock[] {
  const source = withoutCommentsAndHeredocs(text);
  const header = /([A-Za-z_][\w-]*)((?:\s+(?:"[^"\n]*"|[A-Za-z_][\w-]*))*)\s*\{/y;
  const blocks: HclBlock[] = [];
  let index = 0;
  while (index < source.length) {
    header.lastIndex = index;
    const found = header.exec(source);
    if (found === null) {
      index = source[index] === '"' ? endOfString(source, index) : index + 1;
      continue;
    }
    const end = endOfBlock(source, header.lastIndex);
    const labels = [...found[2]!.matchAll(/"([^"\n]*)"|([A-Za-z_][\w-]*)/g)].map((label) => label[1] ?? label[2]!);
    blocks.push({ type: found[1]!, labels, body: source.slice(header.lastIndex, end) });
    index = end + 1;
  }
  return blocks;
}

/** Names of the arguments and nested blocks directly in a block's body. */
export function argumentNames(body: string): readonly string[] {
  const names: string[] = [];
  let depth = 0;
  for (let index = 0; index < body.length; index += 1) {
    const character = body[index]!;
    if (character === '"') index = endOfString(body, index) - 1;
    else if ('{[('.includes(character)) depth += 1;
    else if ('}])'.includes(character)) depth -= 1;
    else if (depth === 0 && /[A-Za-z_]/.test(character) && !/[\w-]/.test(body[index - 1] ?? ' ')) {
      const name = /[A-Za-z_][\w-]*(?=\s*(?:=[^=]|\{))/y;
      name.lastIndex = index;
      const found = name.exec(body);
      if (found !== null) names.push(found[0]);
    }
  }
  return names;
}

function endOfBlock(source: string, start: number): number {
  let depth = 1;
  for (let index = start; index < source.length; index += 1) {
    if (source[index] === '"') index = endOfString(source, index) - 1;
    else if (source[index] === '{') depth += 1;
    else if (source[index] === '}' && (depth -= 1) === 0) return index;
  }
  return source.length;
}

/** Index behind the string that starts at `start`; templates `${…}` may hold strings of their own. */
function endOfString(source: string, start: number): number {
  let template = 0;
  for (let index = start + 1; index < source.length; index += 1) {
    const character = source[index]!;
    if (template === 0 && character === '\\') index += 1;
    else if (template === 0 && (character === '"' || character === '\n')) return index + 1;
    else if (source.startsWith('${', index) || source.startsWith('%{', index)) {
      template += 1;
      index += 1;
    } else if (template > 0 && character === '"') index = endOfString(source, index) - 1;
    else if (template > 0 && character === '{') template += 1;
    else if (template > 0 && character === '}') template -= 1;
  }
  return source.length;
}

function withoutCommentsAndHeredocs(text: string): string {
  let out = '';
  let index = 0;
  while (index < text.length) {
    const heredoc = /<<-?([A-Za-z_]\w*)\r?\n/y;
    heredoc.lastIndex = index;
    const opened = heredoc.exec(text);
    if (text[index] === '"') {
      const end = endOfString(text, index);
      out += text.slice(index, end);
      index = end;
    } else if (text.startsWith('/*', index)) {
      const end = text.indexOf('*/', index + 2);
      index = end === -1 ? text.length : end + 2;
    } else if (text[index] === '#' || text.startsWith('//', index)) {
      const end = text.indexOf('\n', index);
      index = end === -1 ? text.length : end;
    } else if (opened !== null) {
      const close = new RegExp(`^[ \\t]*${opened[1]}[ \\t]*\\r?$`, 'm');
      const rest = text.slice(heredoc.lastIndex);
      const closed = close.exec(rest);
      out += '""';
      index = closed === null ? text.length : heredoc.lastIndex + closed.index + closed[0].length;
    } else {
      out += text[index];
      index += 1;
    }
  }
  return out;
}
