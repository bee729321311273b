/** Which files of `dist/` a bundle brings with it before it runs: for the tests and the measurements of what is loaded when. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const dist = path.resolve(import.meta.dirname, '../../dist');

/** Follows static imports alone. @returns names of files */
export function loadedWith(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, name] of readFileSync(path.join(dist, file), 'utf8').matchAll(/(?:^|\n)(?:import|export)\s*(?:[^;'"]*?from\s*)?["']\.\/([^"']+)["']/g)) loadedWith(name ?? '', seen);
  return seen;
}

/** The file that holds an analysis. */
export const analysisFile = (name: string): string => readdirSync(dist).find((file) => file.startsWith(`${name}-`) && file.endsWith('.mjs')) ?? `${name}.mjs`;

/** A script's beginning that stands in for VS Code: every member of the module can be called, made with `new`, extended and read, and does nothing; `vscode`, `require` and `context` are there. */
export const standIn = (root: string): string => `
const handler = { get: (target, key) => key === Symbol.toPrimitive ? () => '' : key === Symbol.iterator ? undefined : key === 'then' ? undefined : target[key] ?? (target[key] = any()), apply: () => any(), construct: () => any() };
const any = () => new Proxy(function () {}, handler);
const { default: Module, createRequire } = await import('node:module');
// A bundle copies a module's own members and inherits the rest.
const vscode = Object.create(any());
const load = Module._load;
Module._load = (name, ...rest) => (name === 'vscode' ? vscode : load(name, ...rest));
const require = createRequire(${JSON.stringify(path.join(root, 'package.json'))});
const context = { extensionPath: ${JSON.stringify(root)}, extensionUri: any(), storageUri: { fsPath: '/' }, globalStorageUri: { fsPath: '/' }, subscriptions: [], workspaceState: { get: (_, otherwise) => otherwise, update: async () => {} } };
`;
