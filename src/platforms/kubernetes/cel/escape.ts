const signs: Readonly<Record<string, string>> = { underscores: '__', dot: '.', dash: '-', slash: '/' };

const reserved: ReadonlySet<string> = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return ' +
    'var void while'
  ).split(' '),
);

/**
 * The name of a claim that stands in an expression under Kubernetes' escapes, since `.`, `-`, `/` and CEL's own words
 * cannot: `claims.example__dot__com__slash__team` is the claim `example.com/team`. Null: it can be no claim's name.
 */
export function unescaped(name: string): string | null {
  let isValid = true;
  const plain = name.replace(/_{2}([^_]+)_{2}/g, (whole, contents: string) => {
    const sign = signs[contents];
    if (sign !== undefined) return sign;
    // A reserved word is escaped as a whole name only.
    if (!reserved.has(contents) || whole.length !== name.length) isValid = false;
    return contents;
  });
  return isValid ? plain : null;
}
