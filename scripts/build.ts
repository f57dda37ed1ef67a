import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'rolldown';
import manifest from '../package.json' with { type: 'json' };

/** The root of the repository, with a slash at its end. */
export const repository = fileURLToPath(new URL('..', import.meta.url));

/** What a build made. */
export interface Bundle {
  /** Absolute paths, sorted. */
  readonly files: readonly string[];
  /** Directories of the packages whose code is in them, sorted. */
  readonly packages: readonly string[];
}

/** Of package.json, the program needs its version only. */
const onlyTheVersion: Plugin = {
  name: 'only-the-version',
  load(id) {
    if (id !== join(repository, 'package.json')) return null;
    return { code: JSON.stringify({ version: manifest.version }), moduleType: 'json' };
  },
};

/**
 * Makes Node's own modules load when the code that needs them first runs. As plain imports they would all load at every
 * start, and those of `node:http` would even load its WebSocket; and an older Node would fail on one that it lacks before it could
 * say what it needs.
 */
const nodeModulesWhenNeeded: Plugin = {
  name: 'node-modules-when-needed',
  resolveId(id, importer) {
    if (!isBuiltin(id)) return null;
    // One for each importer: shared, each would be a file of a few lines, and opening files is what a start waits for.
    return {
      id: `\0${id.replace(/^(?:node:)?/, 'node:')}?${importer?.slice(repository.length)}`,
      moduleSideEffects: false,
    };
  },
  load(id) {
    if (!id.startsWith('\0node:')) return null;
    const name = id.slice(1, id.indexOf('?'));
    const exported = Object.keys(process.getBuiltinModule(name) ?? {}).filter((key) => key !== 'default');
    const pure = '/* @__PURE__ */';
    return [
      `const module = ${pure} process.getBuiltinModule('${name}');`,
      'export default module;',
      ...exported.map((key) => `export const ${key} = ${pure} (() => module.${key})();`),
    ].join('\n');
  },
};

/**
 * Bundles `src/main.ts` and all it imports into files that need Node 22.13 and nothing else: `hallpass.js`, and beside it
 * `hallpass/` with what is loaded when a command first needs it. Names are kept and lines stay apart, so that a stack
 * trace in a report still says something.
 *
 * @param directory where they go; a program that runs from there is not disturbed, since new parts have new names
 */
export async function buildBundle(directory = join(repository, 'dist')): Promise<Bundle> {
  const { output } = await build({
    input: { hallpass: join(repository, 'src/main.ts') },
    platform: 'node',
    transform: {
      target: 'node22',
      inject: { AsyncDisposableStack: [join(repository, 'scripts/async-disposable-stack.ts'), 'AsyncDisposableStack'] },
    },
    plugins: [onlyTheVersion, nodeModulesWhenNeeded],
    write: false,
    output: {
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: 'hallpass/[name]-[hash].js',
      comments: { legal: true, annotation: false, jsdoc: false },
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
    },
  });
  const chunks = output.filter((part) => part.type === 'chunk');
  const own = new Set(chunks.map((chunk) => chunk.fileName));
  const outside = chunks.flatMap(({ imports }) =>
    imports.filter((name) => !name.startsWith('node:') && !own.has(name)),
  );
  if (chunks.length !== output.length || outside.length > 0)
    throw new Error(`the bundle needs more than itself: ${outside.join(', ') || 'assets'}`);
  writeParts(directory, new Map(chunks.map(({ fileName, code }) => [fileName, code])));
  return {
    files: [...own].sort().map((name) => join(directory, name)),
    packages: packagesOf(chunks.flatMap((chunk) => Object.keys(chunk.modules))),
  };
}

/** Parts first, then the entry that names them, then what no entry names any more. */
function writeParts(directory: string, texts: ReadonlyMap<string, string>): void {
  mkdirSync(join(directory, 'hallpass'), { recursive: true });
  const entriesLast = [...texts].sort(([a], [b]) => Number(b.includes('/')) - Number(a.includes('/')));
  for (const [name, text] of entriesLast) {
    const temporary = join(directory, `.${process.pid}.tmp`);
    writeFileSync(temporary, text);
    renameSync(temporary, join(directory, name));
  }
  for (const name of readdirSync(join(directory, 'hallpass'))) {
    if (!texts.has(`hallpass/${name}`)) rmSync(join(directory, 'hallpass', name));
  }
}

/** The package directories that module files lie in. */
function packagesOf(modules: readonly string[]): string[] {
  const directories = modules.flatMap((id) => {
    // What begins so is made here.
    if (id.startsWith('\0')) return [];
    const match = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id);
    return match ? [match[1]!] : [];
  });
  return [...new Set(directories)].sort();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { files, packages } = await buildBundle();
  const kilobytes = Math.round(files.reduce((sum, file) => sum + statSync(file).size, 0) / 1000);
  console.log(
    `${join(repository, 'dist/hallpass.js')}: ${files.length} files, ${kilobytes} kB, Hallpass ${manifest.version} with ${packages.length} packages inside`,
  );
}
