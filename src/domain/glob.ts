/** Any run of characters, also none. Negative, so that it cannot be a code point. */
export const anyRun = -1;
/** Exactly one character. */
export const anyOne = -2;

/** Code points, with {@link anyRun} and {@link anyOne} among them. */
export type Glob = readonly number[];

/** The code points of a text; none of them is a wildcard. */
export function codePoints(text: string): readonly number[] {
  return Array.from(text, (character) => character.codePointAt(0)!);
}

/** A text in which `*` and `?` are wildcards. */
export function globOf(text: string): Glob {
  return Array.from(text, (character) =>
    character === '*' ? anyRun : character === '?' ? anyOne : character.codePointAt(0)!,
  );
}

/**
 * Whether the whole value fits the glob. Two pointers and one place to go back to: at most pattern × value steps, and
 * never a regular expression built from a policy.
 */
export function fitsGlob(glob: Glob, value: readonly number[]): boolean {
  let inGlob = 0;
  let inValue = 0;
  let star = -1;
  let afterStar = 0;
  while (inValue < value.length) {
    const wanted = glob[inGlob];
    if (wanted === anyRun) {
      star = inGlob;
      afterStar = inValue;
      inGlob += 1;
    } else if (wanted === anyOne || wanted === value[inValue]) {
      inGlob += 1;
      inValue += 1;
    } else if (star !== -1) {
      // The last `*` takes one character more.
      afterStar += 1;
      inValue = afterStar;
      inGlob = star + 1;
    } else {
      return false;
    }
  }
  while (glob[inGlob] === anyRun) inGlob += 1;
  return inGlob === glob.length;
}

/**
 * Whether a whole text matches a pattern in which `*` stands for any characters and `?` for one. No pattern can hang it.
 */
export function fits(pattern: string, value: string): boolean {
  return fitsGlob(globOf(pattern), codePoints(value));
}
