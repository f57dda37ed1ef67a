import { statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'rolldown';
import manifest from '../package.json' with { type: 'json' };

/** The root of the repository, with a slash at its end. */
export const repository = fileURLToPath(new URL('..', import.meta.url));

/** What a build made. */
export interface Bundle {
  readonly file: string;
  /** Directories of the packages whose code is in the file, sorted. */
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
  resolveId(id) {
    return isBuiltin(id) ? { id: `\0${id.replace(/^(?:node:)?/, 'node:')}`, moduleSideEffects: false } : null;
  },
  load(id) {
    if (!id.startsWith('\0node:')) return null;
    const name = id.slice(1);
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
 * Bundles `src/main.ts` and all it imports into one file that needs Node 22.13 and nothing else. Names are kept and lines
 * stay apart, so that a stack trace in a report still says something.
 */
export async function buildBundle(file = join(repository, 'dist/hallpass.js')): Promise<Bundle> {
  const { output } = await build({
    input: join(repository, 'src/main.ts'),
    platform: 'node',
    transform: {
      target: 'node22',
      inject: { AsyncDisposableStack: [join(repository, 'scripts/async-disposable-stack.ts'), 'AsyncDisposableStack'] },
    },
    plugins: [onlyTheVersion, nodeModulesWhenNeeded],
    output: {
      file,
      format: 'esm',
      codeSplitting: false,
      comments: { legal: true, annotation: false, jsdoc: false },
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
    },
  });
  const [chunk] = output;
  const outside = chunk.imports.filter((name) => !name.startsWith('node:'));
  if (output.length !== 1 || outside.length > 0)
    throw new Error(
      `the bundle is not one file without dependencies: ${[...outside, `${output.length} files`].join(', ')}`,
    );
  return { file, packages: packagesOf(Object.keys(chunk.modules)) };
}

/** The package directories that module files lie in. */
function packagesOf(modules: readonly string[]): string[] {
  const directories = modules.flatMap((id) => {
    const match = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id);
    return match ? [match[1]!] : [];
  });
  return [...new Set(directories)].sort();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { file, packages } = await buildBundle();
  const kilobytes = Math.round(statSync(file).size / 1000);
  console.log(`${file}: ${kilobytes} kB, Hallpass ${manifest.version} with ${packages.length} packages inside`);
}
