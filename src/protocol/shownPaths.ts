/** Paths as people read them: as short as tells files apart, and from the folder that is open. Runs on the page too, which knows no `node:path`. */

/**
 * Names of files that are spoken of together: the last parts of their paths, as many as it takes to tell them apart. `run1/net.pt` and
 * `run2/net.pt` where `net.pt` would be both.
 */
export function namesApart(files: readonly string[]): readonly string[] {
  const parts = files.map((file) => file.split(/[\\/]/).filter((part) => part !== ''));
  const name = (i: number, depth: number): string => parts[i]!.slice(-depth).join('/');
  return files.map((file, i) => {
    let depth = 1;
    while (depth < parts[i]!.length && files.some((other, k) => other !== file && name(k, depth) === name(i, depth))) depth++;
    return name(i, depth);
  });
}

/** Name of the folder that all of them are in; undefined when they are in several, or in one that their paths do not name. */
export function commonFolder(files: readonly string[]): string | undefined {
  const folders = new Set(files.map((file) => file.split(/[\\/]/).slice(0, -1).join('/')));
  const name = [...folders].join().split('/').at(-1) ?? '';
  return folders.size === 1 && !['', '.', '..'].includes(name) ? name : undefined;
}

/** "net.pt", "12 files in ensemble", "12 files". */
export function filesTogether(files: readonly string[]): string {
  if (files.length === 1) return namesApart(files)[0] ?? '';
  const folder = commonFolder(files);
  return folder === undefined ? `${files.length} files` : `${files.length} files in ${folder}`;
}

export interface OpenFolder {
  readonly path: string;
  /** What stands before a path in it, where several folders are open; else nothing. */
  readonly name: string;
}

/**
 * Says paths from the open folder that they are in, as the terminal does when it is started there: `models/net.pt`. Wherever they stand in a
 * text; other paths, and all other text, stay. A report is then the same on every machine.
 */
export function fromOpenFolder(folders: readonly OpenFolder[]): (text: string) => string {
  // An open folder may lie in another one: the innermost counts.
  const inner = folders.filter(({ path }) => path.length > 1).toSorted((a, b) => b.path.length - a.path.length).map(({ path, name }) => ({
    // Not the end of a longer name.
    pattern: new RegExp(`(?<![\\w.\\\\/-])${escaped(path.replace(/[\\/]$/, ''))}[\\\\/]`, 'g'), start: path, name: name === '' ? '' : `${name}/`,
  }));
  return (text) => {
    const shown = inner.reduce((said, { pattern, name }) => said.replace(pattern, () => name), text);
    const whole = shown !== text && inner.some(({ start }) => text.startsWith(start)) && !/\s/.test(shown);
    return whole ? shown.replaceAll('\\', '/') : shown;
  };
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
