import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import lock from '../package-lock.json' with { type: 'json' };
import manifest from '../package.json' with { type: 'json' };
import { billOfMaterials, type BundledPackage } from './bill-of-materials.ts';
import { buildBundle, repository, type Bundle } from './build.ts';

const releases = join(repository, 'dist/release');
const staging = join(repository, 'dist/package');

/** What the tarball holds besides package.json, the bundle and the licences of what is in it. */
const shipped = ['bin/hallpass', 'bin/launch.cjs', 'LICENSE', 'README.md', 'CHANGELOG.md'];

/** Of package.json, what concerns a user: no dependencies, workspaces or scripts. */
function publishedManifest(): object {
  const { name, version, description, license, bin, type } = manifest;
  return { name, version, description, license, type, bin, os: ['linux', 'darwin'], engines: { node: '>=22.13' } };
}

/** Reads what the lock file and the packages themselves say about a bundled package. */
function bundledPackage(directory: string): BundledPackage {
  const own = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    description?: string;
    license?: string;
    dependencies?: Record<string, string>;
  };
  const entry = (lock.packages as Record<string, { integrity?: string } | undefined>)[
    directory.slice(repository.length)
  ];
  return {
    name: own.name,
    version: own.version,
    ...(own.description === undefined ? {} : { description: own.description }),
    license: own.license ?? 'NOASSERTION',
    integrity: entry?.integrity ?? '',
    dependencies: Object.keys(own.dependencies ?? {}),
  };
}

const apache = 'Under the Apache License, Version 2.0; its text is in LICENSE.';

/** Where packages that ship no licence file say it at the top of a source file, by package and licence. */
const sourcesWithLicence: Readonly<Record<string, string>> = {
  '@bufbuild/protobuf BSD-3-Clause': 'dist/esm/wire/varint.js',
};

function licenceAtTheTop(directory: string, license: string): string | null {
  const { name } = bundledPackage(directory);
  const file = sourcesWithLicence[`${name} ${license}`];
  if (file === undefined) return null;
  const lines = readFileSync(join(directory, file), 'utf8').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n');
}

/** The licence texts of the bundled packages, which their licences ask to be kept with the code. */
function notices(bundle: Bundle): string {
  const texts = bundle.packages.map((directory) => {
    const { name, version, license } = bundledPackage(directory);
    const file = readdirSync(directory).find((entry) => /^licen[cs]e(\.md|\.txt)?$/i.test(entry));
    const title = `${name} ${version} (${license})\n\n`;
    if (file !== undefined) return `${title}${readFileSync(join(directory, file), 'utf8').trim()}\n`;
    const parts = (license ?? '').replace(/[()]/g, '').split(' AND ');
    const parted = parts.map((part) => (part === manifest.license ? apache : licenceAtTheTop(directory, part)));
    if (parted.every((text) => text !== null)) return `${title}${parted.join('\n\n')}\n`;
    throw new Error(`${name} has no licence file`);
  });
  return `dist/ holds code of these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** Lays out the package as a user gets it. */
async function stage(): Promise<Bundle> {
  rmSync(staging, { recursive: true, force: true });
  const bundle = await buildBundle();
  mkdirSync(join(staging, 'dist'), { recursive: true });
  for (const file of bundle.files) cpSync(file, join(staging, file.slice(repository.length)));
  for (const file of shipped) cpSync(join(repository, file), join(staging, file), { recursive: true });
  writeFileSync(join(staging, 'package.json'), `${JSON.stringify(publishedManifest(), null, 2)}\n`);
  writeFileSync(join(staging, 'THIRD-PARTY-NOTICES'), notices(bundle));
  return bundle;
}

/** The moment that the contents were made: the last commit's, so that packing it again gives the same files. */
function madeAt(): Date {
  const given = process.env['SOURCE_DATE_EPOCH'];
  const seconds = given ?? execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: repository, encoding: 'utf8' });
  return new Date(Number(seconds) * 1000);
}

/** Packs the staged package; gives the tarball's path. */
function pack(): string {
  rmSync(releases, { recursive: true, force: true });
  mkdirSync(releases, { recursive: true });
  execFileSync('npm', ['pack', '--silent', '--pack-destination', releases], { cwd: staging, stdio: 'ignore' });
  return join(releases, `${manifest.name}-${manifest.version}.tgz`);
}

/** Writes `SHA256SUMS`, to be checked with `sha256sum --check`. */
function writeSums(files: readonly string[]): void {
  const lines = files.map(
    (file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${basename(file)}\n`,
  );
  writeFileSync(join(releases, 'SHA256SUMS'), lines.join(''));
}

/** Installs the tarball as a user would, in an empty directory and without a network, and runs it there. */
function tryTarball(tarball: string): void {
  const directory = mkdtempSync(join(tmpdir(), 'hallpass-pack-'));
  try {
    // Variables that npm gave to this script would make the inner npm take this repository for its prefix.
    const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
    const inside = { cwd: directory, encoding: 'utf8', env: { ...environment, HOME: directory } } as const;
    execFileSync('npm', ['init', '--yes'], { ...inside, stdio: 'ignore' });
    execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball], inside);
    const packages = readdirSync(join(directory, 'node_modules')).filter((name) => !name.startsWith('.'));
    if (packages.join() !== manifest.name) throw new Error(`it brought further packages: ${packages.join(', ')}`);
    console.log('tried: installed offline into an empty directory, and no other package came along');
    for (const node of nodesToTry())
      runInstalled(directory, { ...inside.env, PATH: `${node}:${pathWithoutTerraform()}` });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The directory of this Node, and that of another one (the oldest that is supported) which `HALLPASS_PACK_NODE` names. */
function nodesToTry(): readonly string[] {
  const other = process.env['HALLPASS_PACK_NODE'];
  return [dirname(process.execPath), ...(other ? [other] : [])];
}

/** Runs the installed program with the Node that comes first on PATH. */
function runInstalled(directory: string, environment: NodeJS.ProcessEnv): void {
  const hallpass = join(directory, 'node_modules/.bin/hallpass');
  const run = (file: string, ...args: string[]): string =>
    execFileSync(file, args, { cwd: directory, encoding: 'utf8', env: environment }).trim();
  const node = run('node', '--version');
  const version = run(hallpass, '--version');
  if (version !== manifest.version) throw new Error(`the installed program says it is ${version}`);
  const steps = JSON.parse(run(hallpass, 'demo', '--json')) as unknown[];
  console.log(
    `tried: with Node ${node}, "hallpass --version" says ${version}, the demo without terraform shows ${steps.length} steps`,
  );
}

function holds(directory: string, name: string): boolean {
  return statSync(join(directory, name), { throwIfNoEntry: false })?.isFile() === true;
}

/** PATH without the directories that hold a terraform or tofu. */
function pathWithoutTerraform(): string {
  return (process.env['PATH'] ?? '')
    .split(':')
    .filter((directory) => !holds(directory, 'terraform') && !holds(directory, 'tofu'))
    .join(':');
}

const bundle = await stage();
const tarball = pack();
const bill = join(releases, `${manifest.name}-${manifest.version}.cdx.json`);
const product = { ...manifest, dependencies: Object.keys(manifest.dependencies) };
writeFileSync(
  bill,
  `${JSON.stringify(billOfMaterials(product, bundle.packages.map(bundledPackage), madeAt()), null, 2)}\n`,
);
writeSums([tarball, bill]);
console.log(`packed: ${tarball} (${Math.round(statSync(tarball).size / 1000)} kB), ${basename(bill)}, SHA256SUMS`);
tryTarball(tarball);
