/**
 * Names from files are untrusted: a tensor may be called anything, terminal escapes, right-to-left overrides and NUL included.
 * `visible` spells out what a reader could not see or what would change how its surroundings read. (Markup is another matter: the
 * page shows text through text nodes only.)
 */

// Controls; format characters (soft hyphen, zero-width and direction marks, the byte-order mark, tags); line and paragraph separators; lone surrogates.
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u2060-\u206f\u{e0000}-\u{e007f}]/gu;

/** The same text with every invisible or direction-changing character written as `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(invisible, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
