/**
 * Whether a whole text matches a pattern in which `*` stands for any characters and `?` for one. Linear in text times
 * stars; no pattern can hang it.
 */
export function globMatches(pattern: string, text: string): boolean {
  let [p, t] = [0, 0];
  // Where to go back to: just after the last star, with the star taking one character more.
  let [afterStar, starEnd] = [-1, 0];
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      [afterStar, starEnd] = [p + 1, t];
      p += 1;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (afterStar !== -1) {
      starEnd += 1;
      [p, t] = [afterStar, starEnd];
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

/** A pattern when it has `*` or `?`, else a part of the text. */
export function globOrPart(pattern: string, text: string): boolean {
  return /[*?]/.test(pattern) ? globMatches(pattern, text) : text.includes(pattern);
}
