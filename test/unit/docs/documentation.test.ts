/** What README and docs name exists: links and their headings, pictures, commands, options, scripts, settings, tests; pictures are small and none is left over. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands, parseCommandLine } from '../../../src/cli/arguments.ts';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
const manifest = JSON.parse(read('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly contributes: {
    readonly commands: readonly { readonly title: string }[];
    readonly configuration: { readonly properties: Readonly<Record<string, unknown>> };
    readonly languageModelTools: readonly { readonly name: string }[];
  };
};
const strings = JSON.parse(read('package.nls.json')) as Readonly<Record<string, string>>;
const titles = manifest.contributes.commands.map(({ title }) => strings[title.slice(1, -1)] ?? '');
const PICTURE_BYTES = 120 * 1024;

/** A heading's address, as GitHub makes it. */
const slug = (heading: string): string => heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
const withoutCode = (text: string): string => text.replace(/```[^]*?```/g, '').replace(/`[^`\n]*`/g, '');
const blocks = (text: string, language: string): readonly string[] => [...text.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, block = '']) => block);
const codeSpans = (text: string): readonly string[] => [...text.replace(/```[^]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);

/** The words of a line of a shell, comments left out. */
function words(line: string): readonly string[] {
  return [...line.replace(/\s#.*$/, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => double ?? single ?? bare ?? '');
}

const shellLines = (text: string): readonly string[] => blocks(text, 'sh').flatMap((block) => block.replaceAll('\\\n', ' ').split('\n')).filter((line) => line.trim() !== '');

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('links to what is there', () => {
    const broken = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target).filter((target) => !/^https?:/.test(target)).filter((target) => {
      const [file = '', heading] = target.split('#');
      const linked = file === '' ? page : path.join(path.dirname(page), file);
      if (!existsSync(path.join(root, linked))) return true;
      return heading !== undefined && ![...read(linked).matchAll(/^#+ (.+)$/gm)].some(([, title = '']) => slug(title) === heading);
    });
    expect(broken).toEqual([]);
  });

  it('runs commands that exist, with options that they take', () => {
    for (const line of shellLines(text)) {
      for (const step of line.split('&&')) {
        const [program, ...rest] = words(step.trim());
        if (program === 'quotient' || (program === 'npx' && rest[0] === 'quotient')) {
          expect(() => parseCommandLine(program === 'npx' ? rest.slice(1) : rest), line).not.toThrow();
        } else if (program === 'npm' && rest[0] === 'run') expect(Object.keys(manifest.scripts), line).toContain(rest[1]);
        else expect(['npm ci', 'npm test', 'npm install', 'code'].some((known) => step.trim().startsWith(known)), `nothing is known of: ${line}`).toBe(true);
      }
    }
  });

  it('names commands, options, scripts, settings and files that exist', () => {
    const options = new Set(Object.values(commands).flatMap((command) => command.options as readonly string[]));
    for (const code of codeSpans(text)) {
      const command = /^quotient ([a-z]+)/.exec(code)?.[1];
      if (command !== undefined) expect([...Object.keys(commands), 'help'], code).toContain(command);
      const script = /^npm run ([\w-]+)/.exec(code)?.[1];
      if (script !== undefined) expect(Object.keys(manifest.scripts), code).toContain(script);
      const option = /^--([a-z-]+)/.exec(code)?.[1];
      if (option !== undefined && page !== 'CONTRIBUTING.md') expect(options, code).toContain(option);
      if (/^quotient\.[\w.]+$/.test(code) && code.split('.').length > 2 && !code.includes('network')) expect(Object.keys(manifest.contributes.configuration.properties), code).toContain(code);
      if (/^quotient_\w+$/.test(code)) expect(manifest.contributes.languageModelTools.map(({ name }) => name)).toContain(code);
      if (/^(src|test|build|docs|media|webview)\/[\w./-]+$/.test(code)) expect(existsSync(path.join(root, code)), code).toBe(true);
    }
  });

  it('calls the commands of VS Code by their titles', () => {
    const called = [...withoutCode(text).matchAll(/Quotient: ([^*_\n]+)\*/g)].map(([, title = '']) => title);
    expect(called.filter((title) => !titles.includes(title))).toEqual([]);
  });
});

it('pictures are small, and every one is shown somewhere', () => {
  const shown = pages.flatMap((page) => [...read(page).matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, target = '']) => path.posix.join(path.posix.dirname(page), target)));
  const drawn = readdirSync(path.join(root, 'docs/pictures')).map((name) => `docs/pictures/${name}`);
  expect(drawn.filter((picture) => !shown.includes(picture))).toEqual([]);
  expect([...drawn, 'media/two-neurons.png'].filter((picture) => statSync(path.join(root, picture)).size > PICTURE_BYTES)).toEqual([]);
});

it('every page is in the index, and has a command, what holds it and what it cannot do', () => {
  const index = read('docs/README.md');
  for (const page of pages.filter((name) => name.startsWith('docs/') && name !== 'docs/README.md')) {
    expect(index, page).toContain(`](${path.basename(page)})`);
    expect(shellLines(read(page)).length, page).toBeGreaterThan(0);
    expect(read(page), page).toContain('❌');
    if (page !== 'docs/export.md') expect(read(page), page).toMatch(/^## Held by\n[^]*`test\//m);
  }
});

it('pictures and links of the README do not leave the package but for the docs, which stay behind', () => {
  const packed = read('.vscodeignore').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  expect(packed.some((pattern) => pattern.startsWith('docs'))).toBe(false);
  const pictures = [...read('README.md').matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, target = '']) => target);
  expect(pictures.length).toBeGreaterThan(0);
  expect(pictures.filter((picture) => !picture.startsWith('media/'))).toEqual([]);
});
