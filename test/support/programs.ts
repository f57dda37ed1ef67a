import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

/** A program or the like that tests use when the machine has it. */
export type ProgramName = keyof typeof finders;

/** Where something was found, or why it cannot be used. */
export type Found =
  | { readonly path: string; readonly missing?: undefined }
  | { readonly path?: undefined; readonly missing: string };

/** Directories where people keep a provider mirror; each may hold `registry.terraform.io` itself or one level down. */
const mirrorParents = ['/opt', '/usr/share', '/usr/local/share'] as const;

const finders = {
  terraform: () => onPath('terraform'),
  tofu: openTofu,
  'aws-provider': () => provider('aws'),
  aws: () => onPath('aws'),
  'python-boto3': () => pythonModule('boto3'),
  moto: () => pythonModule('moto.server'),
  bwrap: workingBubblewrap,
  nginx: () => onPath('nginx', ['/usr/sbin']),
  openssl: () => onPath('openssl'),
  wrk: () => onPath('wrk'),
  setpriv: () => onPath('setpriv'),
  expect: () => onPath('expect'),
  go: () => onPath('go'),
  curl: () => onPath('curl'),
  bao: openBao,
  'python-hvac': () => pythonModule('hvac'),
  'vault-provider': () => provider('vault'),
  'kubernetes-provider': () => provider('kubernetes'),
  postgres,
  'python-azure-identity': () => pythonModule('azure.identity'),
  'kube-authenticator': () => goProgram('kube-authenticator'),
  'go-azure-sdk': () => goProgram('azure-sdk-go'),
  'azurerm-provider': () => provider('azurerm'),
  'azuread-provider': () => provider('azuread'),
  gcloud: () => onPath('gcloud'),
  'python-google-auth': () => pythonModule('google.auth.transport.requests'),
  'google-provider': () => provider('google'),
  kubectl: () => onPath('kubectl'),
  'python-kubernetes': () => pythonModule('kubernetes'),
} as const satisfies Record<string, () => Found>;

const found = new Map<ProgramName, Found>();

/** Looks a program up, once per process. A program that is there but does not work counts as missing, with the reason. */
export function program(name: ProgramName): Found {
  const known = found.get(name);
  if (known) return known;
  const result: Found = finders[name]();
  found.set(name, result);
  return result;
}

/**
 * The path of a program that a test cannot do without; call it inside {@link describeWith}.
 *
 * @throws {Error} when it is missing
 */
export function requireProgram(name: ProgramName): string {
  const result = program(name);
  if (result.missing !== undefined) throw new Error(`${name}: ${result.missing}`);
  return result.path;
}

/**
 * A `describe` for real programs. When one is missing, it becomes a skip that names it; when the missing one stands in
 * `HALLPASS_TEST_REQUIRE` (names with commas between), it becomes a failure.
 */
export function describeWith(names: readonly ProgramName[], title: string, body: () => void): void {
  const missing = names.flatMap((name) => {
    const { missing: reason } = program(name);
    return reason === undefined ? [] : [{ name, reason }];
  });
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const why = missing.map(({ name, reason }) => `${name} (${reason})`).join(', ');
  const demanded = missing.filter(({ name }) => requiredPrograms().has(name));
  if (demanded.length === 0) {
    describe(title, () => it.skip(`skipped, missing: ${why}`, () => {}));
    return;
  }
  describe(title, () =>
    it(`needs ${demanded.map(({ name }) => name).join(', ')}`, () => {
      throw new Error(`HALLPASS_TEST_REQUIRE asks for it, but it is missing: ${why}`);
    }),
  );
}

/** The directory of a Terraform provider mirror that holds a provider of HashiCorp's, or undefined. */
export function providerMirror(name: string): string | undefined {
  const named = process.env['HALLPASS_PROVIDER_MIRROR'];
  if (named === 'none') return undefined;
  const candidates = named ? [named] : mirrorParents.flatMap((parent) => [parent, ...directoriesIn(parent)]);
  return candidates.find((directory) => existsSync(join(directory, 'registry.terraform.io/hashicorp', name)));
}

/** The text of a Terraform CLI configuration that takes providers from mirrors, and nothing from the network. */
export function terraformCliConfigText(providers: readonly string[]): string {
  const mirrors = providers.map((name) => {
    const mirror = providerMirror(name);
    if (mirror === undefined) throw new Error(`no Terraform provider mirror with ${name} on this machine`);
    return mirror;
  });
  const methods = [...new Set(mirrors)].flatMap((mirror) => [
    '  filesystem_mirror {',
    `    path = ${JSON.stringify(mirror)}`,
    '  }',
  ]);
  return ['disable_checkpoint = true', 'provider_installation {', ...methods, '}', ''].join('\n');
}

/** The path of a tool that every Linux machine has, and that Node runs on. */
export function requireTool(name: string): string {
  const { path, missing } = onPath(name);
  if (path === undefined) throw new Error(`${name}: ${missing}`);
  return path;
}

function requiredPrograms(): ReadonlySet<string> {
  return new Set((process.env['HALLPASS_TEST_REQUIRE'] ?? '').split(',').map((name) => name.trim()));
}

function onPath(file: string, further: readonly string[] = []): Found {
  for (const directory of [...(process.env['PATH'] ?? '').split(delimiter), ...further]) {
    if (directory === '') continue;
    const path = join(directory, file);
    if (isExecutable(path)) return { path };
  }
  return { missing: 'not on PATH' };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function pythonModule(module: string): Found {
  const python = onPath('python3');
  if (python.missing !== undefined) return { missing: 'python3 is not on PATH' };
  const { status } = spawnSync(python.path, ['-c', `import ${module}`], { stdio: 'ignore', timeout: 60_000 });
  return status === 0 ? python : { missing: `python3 has no module ${module}` };
}

function workingBubblewrap(): Found {
  const bwrap = onPath('bwrap');
  if (bwrap.missing !== undefined) return bwrap;
  const { status, stderr } = spawnSync(
    bwrap.path,
    ['--unshare-pid', '--ro-bind', '/', '/', '--proc', '/proc', 'true'],
    { encoding: 'utf8', timeout: 20_000 },
  );
  return status === 0 ? bwrap : { missing: `bwrap does not work here: ${stderr.trim().split('\n')[0]}` };
}

/** A small program over a Go library of others', in `test/support/NAME`; built where Go and the library can be had. */
function goProgram(name: string): Found {
  const go = program('go');
  if (go.missing !== undefined) return { missing: 'go is not on PATH' };
  const path = fileURLToPath(new URL(`../../node_modules/.cache/hallpass-test/${name}`, import.meta.url));
  const { status, stderr } = spawnSync(go.path, ['build', '-o', path, '.'], {
    cwd: fileURLToPath(new URL(name, import.meta.url)),
    encoding: 'utf8',
    timeout: 600_000,
  });
  return status === 0 ? { path } : { missing: `it cannot be built: ${stderr.trim().split('\n').at(-1)}` };
}

function provider(name: string): Found {
  const mirror = providerMirror(name);
  return mirror === undefined
    ? { missing: `no provider mirror with ${name} under ${mirrorParents.join(', ')} or in HALLPASS_PROVIDER_MIRROR` }
    : { path: mirror };
}

/** No registry has OpenTofu: a binary that was built elsewhere can be named. */
function openTofu(): Found {
  const named = process.env['HALLPASS_TEST_TOFU'];
  if (!named) return onPath('tofu');
  return isExecutable(named) ? { path: named } : { missing: `HALLPASS_TEST_TOFU names ${named}, which cannot be run` };
}

/** HashiCorp's Vault has another name, and other tokens; its answers are not what the tests hold against. */
function openBao(): Found {
  const bao = onPath('bao');
  if (bao.missing !== undefined) return bao;
  const { status, stdout } = spawnSync(bao.path, ['version'], { encoding: 'utf8', timeout: 20_000 });
  return status === 0 && stdout.startsWith('OpenBao') ? bao : { missing: 'bao version does not say OpenBao' };
}

/** The directory of PostgreSQL's programs. Its server does not run as root: then another user must be at hand. */
function postgres(): Found {
  const parent = '/usr/lib/postgresql';
  const candidates = directoriesIn(parent).map((directory) => join(directory, 'bin'));
  const bin = candidates.find((directory) => isExecutable(join(directory, 'initdb')));
  if (bin === undefined) return { missing: `no initdb under ${parent}` };
  return process.getuid?.() === 0 && onPath('setpriv').missing !== undefined
    ? { missing: 'its server does not run as root, and there is no setpriv' }
    : { path: bin };
}

function directoriesIn(parent: string): string[] {
  try {
    return readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(parent, entry.name));
  } catch {
    return [];
  }
}
