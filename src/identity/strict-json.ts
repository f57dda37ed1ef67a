/** A member name that stands twice in one object. */
export class DuplicateMemberError extends SyntaxError {
  constructor(member: string) {
    super(`the member ${JSON.stringify(member)} stands in it twice`);
  }
}

/**
 * Parses JSON and refuses a member name that stands twice in one object: two readers could each take another one
 * (RFC 8259 section 4, RFC 7515 section 4).
 *
 * @throws {DuplicateMemberError}; {SyntaxError} when it is not JSON
 */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const twice = duplicateMember(text);
  if (twice !== undefined) throw new DuplicateMemberError(twice);
  return value;
}

/** One token of JSON that matters here: a bracket, or a string with the colon that makes it a name. */
const tokens = /[{}[\]]|("(?:[^"\\]|\\.)*")(\s*:)?/g;

/** Walks text that is known to be JSON; the names of each open object are kept on a stack. */
function duplicateMember(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (const [token, string, colon] of text.matchAll(tokens)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (colon !== undefined) {
      const name = JSON.parse(string!) as string;
      const names = open.at(-1)!;
      if (names.has(name)) return name;
      names.add(name);
    }
  }
  return undefined;
}
