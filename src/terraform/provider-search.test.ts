import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProviderSource, mirrorConfiguration, type ProviderSearch } from './provider-search.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hallpass-test-'));
});
afterEach(() => rm(directory, { recursive: true }));

// A provider that no machine has: the well-known directories of the machine under test must not decide.
const provider = 'example/hallpass-test';
const noRegistry: typeof fetch = async () => {
  throw new TypeError('fetch failed');
};
const registry: typeof fetch = async () => new Response('{}');

async function mirror(name: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(join(path, 'registry.terraform.io', provider, '1.0.0', 'linux_amd64'), { recursive: true });
  return path;
}

function search(changes: Partial<ProviderSearch> = {}): ProviderSearch {
  return {
    provider,
    namedMirror: null,
    cliConfigurationFile: null,
    homeDirectory: join(directory, 'home'),
    environment: {},
    fetch: noRegistry,
    ...changes,
  };
}

describe('findProviderSource', () => {
  it('takes the mirror that is named', async () => {
    const named = await mirror('named');
    expect(await findProviderSource(search({ namedMirror: named }))).toEqual({
      kind: 'mirror',
      directory: named,
      passedOver: [],
    });
  });

  it('reports a named mirror without the provider, and goes on', async () => {
    const implied = await mirror('home/.terraform.d/plugins');
    const found = await findProviderSource(search({ namedMirror: join(directory, 'empty') }));
    expect(found).toMatchObject({ kind: 'implied_directory', directory: implied });
    expect(found.passedOver).toEqual([expect.stringContaining('HALLPASS_PROVIDER_MIRROR')]);
  });

  it('does not search when told "none", not even the registry', async () => {
    await mirror('home/.terraform.d/plugins');
    expect(await findProviderSource(search({ namedMirror: 'none', fetch: registry }))).toMatchObject({ kind: 'none' });
  });

  it('takes a filesystem mirror from the CLI configuration', async () => {
    const configured = await mirror('configured');
    const file = join(directory, 'terraformrc');
    await writeFile(
      file,
      `# mine\nprovider_installation {\n  filesystem_mirror {\n    path    = "${configured}"\n  }\n}\n`,
    );
    expect(await findProviderSource(search({ cliConfigurationFile: file }))).toMatchObject({
      kind: 'configured_mirror',
      directory: configured,
    });
  });

  it.each(['.local/share/terraform/plugins', '.terraform.d/plugins'])(
    'looks into the implied directory ~/%s',
    async (implied) => {
      const path = await mirror(join('home', implied));
      expect(await findProviderSource(search())).toMatchObject({ kind: 'implied_directory', directory: path });
    },
  );

  it('follows XDG_DATA_DIRS', async () => {
    const path = await mirror('data/terraform/plugins');
    expect(await findProviderSource(search({ environment: { XDG_DATA_DIRS: join(directory, 'data') } }))).toMatchObject(
      { directory: path },
    );
  });

  it('asks the registry last, and says none when it does not answer', async () => {
    expect(await findProviderSource(search({ fetch: registry }))).toMatchObject({ kind: 'registry', directory: null });
    expect(await findProviderSource(search())).toMatchObject({ kind: 'none', directory: null });
    expect(await findProviderSource(search({ fetch: async () => new Response('', { status: 502 }) }))).toMatchObject({
      kind: 'none',
    });
  });

  it('passes over a CLI configuration that is missing or a mirror that is empty', async () => {
    const file = join(directory, 'terraformrc');
    expect(await findProviderSource(search({ cliConfigurationFile: file }))).toMatchObject({
      kind: 'none',
      passedOver: [],
    });
    await writeFile(file, mirrorConfiguration(join(directory, 'gone')));
    const found = await findProviderSource(search({ cliConfigurationFile: file }));
    expect(found.passedOver).toEqual([expect.stringContaining('CLI configuration')]);
  });
});
