import { chmodSync, cpSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../support/hallpass.ts';
import { describeWith, requireProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const directoryOfNode = dirname(process.execPath);

/** A program that tells who it is and what it was given. */
function says(name: string): string {
  return `console.log(JSON.stringify({
    runs: '${name}',
    args: process.argv.slice(2),
    options: process.env.NODE_OPTIONS,
    launch: Object.keys(process.env).filter((key) => /^(HALLPASS|NODE_COMPILE)/.test(key)),
  }));`;
}

/** A tree like the repository's, whose bundle and source only say which of them runs, and with what. */
function tree(options: { bundle?: boolean; source?: boolean; under?: string } = {}): string {
  const root = join(options.under ?? temporaryDirectory('bin'), 'a tree with spaces [x] $HOME');
  cpSync(join(repository, 'bin'), join(root, 'bin'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  for (const [wanted, file] of [
    [options.source ?? true, 'src/main.ts'],
    [options.source ?? true, 'src/domain/deep/down/noun.ts'],
    [options.bundle ?? false, 'dist/hallpass.js'],
  ] as const) {
    if (!wanted) continue;
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), says(file));
  }
  return root;
}

const noOutput = { options: undefined, launch: [] };

async function said(file: string, args: readonly string[] = [], options: Parameters<typeof run>[2] = {}) {
  const child = await run(file, args, {
    ...options,
    env: { PATH: `${directoryOfNode}:/usr/bin:/bin`, ...options.env },
  });
  expect(child.stderr).toBe('');
  return JSON.parse(child.stdout) as unknown;
}

function age(path: string, seconds: number): void {
  const at = Date.now() / 1000 - seconds;
  utimesSync(path, at, at);
}

/** Makes the bundle the newest file, as a build does. */
function builtJustNow(root: string): void {
  age(join(root, 'dist/hallpass.js'), -5);
}

describe('bin/hallpass', () => {
  it('runs the source when there is no bundle', async () => {
    const root = tree();
    expect(await said(join(root, 'bin/hallpass'), ['a b', '', '--', '*'])).toEqual({
      ...noOutput,
      runs: 'src/main.ts',
      args: ['a b', '', '--', '*'],
    });
  });

  it('runs the bundle when nothing in src/ is newer', async () => {
    const root = tree({ bundle: true });
    builtJustNow(root);
    expect(await said(join(root, 'bin/hallpass'))).toMatchObject({ runs: 'dist/hallpass.js' });
  });

  it.each(['src/main.ts', 'src/domain/deep/down/noun.ts', 'src/domain/deep/down', 'src', 'package.json'])(
    'runs the source when %s is newer than the bundle',
    async (changed) => {
      const root = tree({ bundle: true });
      builtJustNow(root);
      age(join(root, changed), -10);
      expect(await said(join(root, 'bin/hallpass'))).toMatchObject({ runs: 'src/main.ts' });
    },
  );

  it('runs the bundle of an installed package, which has no source', async () => {
    const root = tree({ bundle: true, source: false });
    age(join(root, 'package.json'), -10);
    expect(await said(join(root, 'bin/hallpass'))).toMatchObject({ runs: 'dist/hallpass.js' });
  });

  it('is found through relative and absolute symbolic links, from any directory', async () => {
    const directory = temporaryDirectory('bin');
    const root = tree({ under: directory });
    mkdirSync(join(directory, 'links'));
    symlinkSync(join('..', 'a tree with spaces [x] $HOME', 'bin', 'hallpass'), join(directory, 'links', 'first'));
    symlinkSync(join(directory, 'links', 'first'), join(directory, 'links', 'second'));
    symlinkSync('second', join(directory, 'links', 'third'));
    expect(await said(join(directory, 'links', 'third'), [], { cwd: '/' })).toMatchObject({ runs: 'src/main.ts' });
    expect(await said('sh', ['hallpass'], { cwd: join(root, 'bin') })).toMatchObject({ runs: 'src/main.ts' });
  });

  it("is not bothered by the caller's CDPATH and NODE_OPTIONS, and hands the latter on", async () => {
    const root = tree();
    const options = '--require /nowhere/at-all.js --inspect-brk';
    expect(await said('bin/hallpass', [], { cwd: root, env: { NODE_OPTIONS: options, CDPATH: '/tmp:/' } })).toEqual({
      runs: 'src/main.ts',
      args: [],
      options,
      launch: [],
    });
  });

  it("prefers the workspace's own Node to the one on PATH", async () => {
    const root = tree();
    const own = join(root, 'node_modules/.bin/node');
    mkdirSync(dirname(own), { recursive: true });
    writeFileSync(own, '#!/bin/sh\necho \'"own"\'\n');
    chmodSync(own, 0o755);
    expect(await said(join(root, 'bin/hallpass'))).toBe('own');
  });

  it('says in one sentence that there is no Node', async () => {
    const programs = temporaryDirectory('bin');
    for (const name of ['sh', 'dirname', 'readlink']) symlinkSync(`/bin/${name}`, join(programs, name));
    const child = await run(join(tree(), 'bin/hallpass'), [], { env: { PATH: programs } });
    expect(child).toEqual({
      stdout: '',
      stderr: 'error: Hallpass needs Node.js, and there is no "node" on PATH\n',
      code: 1,
    });
  });

  it.each([
    { program: 'src/main.ts', node: '22.20.0', needed: '24.0' },
    { program: 'src/main.ts', node: '8.0.0', needed: '24.0' },
    { program: 'dist/hallpass.js', node: '20.19.9', needed: '22.13' },
    { program: 'dist/hallpass.js', node: '22.12.9', needed: '22.13' },
  ])('says in one sentence that Node $node is too old for $program', async ({ program, node, needed }) => {
    const root = tree({ bundle: true });
    const older = join(root, 'older.cjs');
    writeFileSync(older, `Object.defineProperty(process.versions, 'node', { value: '${node}' });`);
    const launch = (...args: string[]) =>
      run(process.execPath, ['--require', older, join(root, 'bin/launch.cjs'), join(root, program), ...args]);
    const child = await launch('demo');
    expect(child.stderr).toBe(
      `error: Hallpass needs Node ${needed} or newer; this is Node ${node} (${process.execPath})\n`,
    );
    expect(child.code).toBe(1);
    expect((await launch('exec')).code).toBe(125);
  });

  it('says what to do when the packages are not installed', async () => {
    const root = tree();
    writeFileSync(join(root, 'src/main.ts'), "import 'a-package-that-is-not-there';");
    const child = await run(join(root, 'bin/hallpass'), [], { env: { PATH: `${directoryOfNode}:/usr/bin:/bin` } });
    expect(child.stderr).toBe(`error: the packages that Hallpass needs are not installed; run "npm ci" in ${root}\n`);
    expect(child.code).toBe(1);
  });

  it('silences the warning about SQLite, and no other', async () => {
    const root = tree();
    writeFileSync(
      join(root, 'src/main.ts'),
      "import 'node:sqlite'; process.emitWarning('something else', 'ExperimentalWarning');",
    );
    const child = await run(join(root, 'bin/hallpass'), [], { env: { PATH: `${directoryOfNode}:/usr/bin:/bin` } });
    expect(child.stderr).not.toContain('SQLite');
    expect(child.stderr).toContain('something else');
  });
});

describeWith(['setpriv'], 'bin/hallpass as another user', () => {
  it.runIf(process.getuid?.() === 0)('runs', async () => {
    const directory = temporaryDirectory('bin');
    const root = tree({ under: directory });
    chmodSync(directory, 0o755);
    const child = await run(
      requireProgram('setpriv'),
      ['--reuid=65534', '--regid=65534', '--clear-groups', join(root, 'bin/hallpass'), 'x'],
      { cwd: '/' },
    );
    expect(child.stderr).toBe('');
    expect(JSON.parse(child.stdout)).toMatchObject({ runs: 'src/main.ts', args: ['x'] });
  });
});
