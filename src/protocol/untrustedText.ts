/**
 * Names from files are untrusted: a tensor may be called anything, terminal escapes, right-to-left overrides and NUL included.
 * `visible` spells out what a reader could not see or what would change how its surroundings read. (Markup is another matter: the
 * page shows text through text nodes only.)
 */

// C0 and C1 controls; soft hyphen; Arabic letter mark; zero-width, direction and line marks; the byte-order mark; tag characters; lone surrogates.
// eslint-disable-next-line no-control-regex -- control characters are the point
const invisible = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

/** The same text with every invisible or direction-changing character written as `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(invisible, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
