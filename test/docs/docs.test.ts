import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.md') && !/(?:^|\/)(?:node_modules|dist|\.git)\//.test(path),
);
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** What a page links to, from the root of the repository. */
function linksOf(page: string): string[] {
  const links = [...textOf(page).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map((match) => match[1]!);
  return links.map((link) => join(dirname(page), link));
}

/** All pages that links lead to, from one on. */
function reachedFrom(page: string, reached = new Set<string>()): ReadonlySet<string> {
  if (reached.has(page)) return reached;
  reached.add(page);
  for (const link of linksOf(page)) if (pages.includes(link)) reachedFrom(link, reached);
  return reached;
}

describe.each(pages)('%s', (page) => {
  it('links only to what is there', () => {
    expect(linksOf(page).filter((link) => !existsSync(join(root, link)))).toEqual([]);
  });

  it('can be reached from the README', () => {
    expect(reachedFrom('README.md')).toContain(page);
  });

  it('names only files of ours that are there', () => {
    const named = [...textOf(page).matchAll(/`((?:src|test|bench|scripts|docs|bin|tools|examples)\/[\w./-]*\w\/?)`/g)];
    const paths = named.map((match) => match[1]!);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names only npm scripts that there are', () => {
    const scripts = [...textOf(page).matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1]!);
    expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([]);
  });
});

describe('docs/architecture.md', () => {
  it('names every folder of src/, and no other', () => {
    const named = [...textOf('docs/architecture.md').matchAll(/^\| `src\/([\w-]+)\/` \|/gm)].map((match) => match[1]);
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(new Set(named)).toEqual(new Set(folders.map((entry) => entry.name)));
  });
});

describe('docs/decisions', () => {
  it('has an index of all its pages, each with its title, numbered without a gap', () => {
    const decisions = pages.filter((page) => /^docs\/decisions\/\d/.test(page)).sort();
    const lines = decisions.map((page) => `- [${/^# (.*)$/m.exec(textOf(page))![1]}](${basename(page)})`);
    const index = textOf('docs/decisions/README.md').split('\n');
    expect(index.filter((line) => line.startsWith('- '))).toEqual(lines);
    expect(decisions.map((page) => Number(basename(page).slice(0, 4)))).toEqual(decisions.map((_, place) => place + 1));
  });
});

describe('README.md', () => {
  it('gives its two commands on lines of their own, as package.json knows them', () => {
    const lines = textOf('README.md').split('\n');
    expect(lines).toContain('npm ci && npm start');
    expect(lines).toContain('npm ci && npm test');
    expect(manifest.scripts).toMatchObject({ start: 'bin/hallpass demo', test: 'vitest run' });
  });

  it('names only commands that there are', () => {
    const help = execFileSync(join(root, 'bin/hallpass'), ['--help'], { encoding: 'utf8' });
    const commands = [...textOf('README.md').matchAll(/^hallpass ([a-z]+)/gm)].map((match) => match[1]!);
    expect(commands.filter((name) => !help.includes(`\n  ${name} `))).toEqual([]);
  });
});

describe('package.json', () => {
  it('has no script that npm would run by itself', () => {
    const lifecycle = /^(?:pre|post)|^(?:install|prepare|prepublishOnly|dependencies)$/;
    expect(Object.keys(manifest.scripts).filter((name) => lifecycle.test(name))).toEqual([]);
  });
});
