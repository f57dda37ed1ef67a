import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from './find-program.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hallpass-find-'));
  await mkdir(join(root, 'bin'));
});
afterEach(() => rm(root, { recursive: true }));

async function script(path: string, text: string, mode = 0o755): Promise<string> {
  const file = join(root, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}

const places = (environment: Record<string, string> = {}) => ({
  workingDirectory: root,
  environment: { PATH: `/usr/bin:/bin:${join(root, 'bin')}`, HOME: root, ...environment },
});

describe('finding a program', () => {
  it('takes the first on PATH', async () => {
    const file = await script('bin/my-terraform', '#!/bin/sh\n');
    expect(await findProgram('my-terraform', places())).toEqual({ file, shim: null });
  });

  it('takes a path as it is, from the working directory', async () => {
    const file = await script('tools/terraform', '#!/bin/sh\n');
    expect(await findProgram('tools/terraform', places())).toEqual({ file, shim: null });
    expect(await findProgram(file, places())).toEqual({ file, shim: null });
  });

  it('passes over what is not executable while there is something that is', async () => {
    await script('a/prog', '', 0o644);
    const file = await script('b/prog', '#!/bin/sh\n');
    expect(await findProgram('prog', places({ PATH: `${root}/a:${root}/b` }))).toEqual({ file, shim: null });
  });

  it.each([
    ['nothing-like-it', 127],
    ['./nothing', 127],
    ['bin', 127],
    ['./bin', 126],
  ])('refuses %s with %i', async (name, exitCode) => {
    await expect(findProgram(name, places())).rejects.toMatchObject({ code: 'program_missing', exitCode });
  });

  it('refuses a file that may not be executed with 126 and the mend', async () => {
    await script('bin/prog', '', 0o644);
    await expect(findProgram('prog', places())).rejects.toMatchObject({
      exitCode: 126,
      problem: { mend: expect.stringContaining('chmod +x') },
    });
  });

  it('does not take a program of the working directory for want of a PATH', async () => {
    await script('prog', '#!/bin/sh\n');
    for (const PATH of ['', undefined]) {
      const environment = { HOME: root, ...(PATH === undefined ? {} : { PATH }) };
      await expect(findProgram('prog', { workingDirectory: root, environment })).rejects.toMatchObject({
        exitCode: 127,
        problem: { where: 'PATH, which is empty' },
      });
    }
  });

  it('says that no token was minted when Terraform is missing', async () => {
    await expect(findProgram('terraform', places({ PATH: join(root, 'bin') }))).rejects.toMatchObject({
      exitCode: 127,
      problem: { mend: expect.stringContaining('no token was minted') },
    });
  });
});

describe('looking through version managers', () => {
  it('asks a manager of the pyenv and asdf kind, which needs its root variable and HOME', async () => {
    const real = await script('asdf/installs/terraform/1.9.8/bin/terraform', '#!/bin/sh\n');
    const manager = await script(
      'asdf/bin/asdf',
      '#!/bin/sh\n[ -n "$ASDF_DATA_DIR" ] || { echo "no root" >&2; exit 1; }\n[ "$1" = which ] && echo "$ASDF_DATA_DIR/installs/$2/$(cat "$HOME/.version")/bin/$2"\n',
    );
    await script('.version', '1.9.8');
    const path = await script(
      'asdf/shims/terraform',
      `#!/usr/bin/env bash\n# asdf-plugin: terraform\nexec ${manager} exec "terraform" "$@"\n`,
    );
    const environment = { PATH: `${root}/asdf/shims:/usr/bin:/bin`, ASDF_DATA_DIR: `${root}/asdf` };
    expect(await findProgram('terraform', places(environment))).toEqual({
      file: real,
      shim: { path, manager: 'asdf' },
    });
  });

  it('repeats the manager when it does not know a version', async () => {
    const manager = await script(
      'asdf/bin/asdf',
      '#!/bin/sh\necho "No version is set for command terraform" >&2\nexit 126\n',
    );
    await script('bin/terraform', `#!/bin/sh\nexec "${manager}" exec "terraform" "$@"\n`);
    await expect(findProgram('terraform', places({ PATH: `${root}/bin:/bin` }))).rejects.toMatchObject({
      exitCode: 127,
      problem: { what: expect.stringContaining('No version is set for command terraform') },
    });
  });

  it('refuses an answer that is no program', async () => {
    const manager = await script('asdf/bin/asdf', '#!/bin/sh\necho /nowhere/terraform\n');
    await script('bin/terraform', `#!/bin/sh\nexec "${manager}" exec "terraform" "$@"\n`);
    await expect(findProgram('terraform', places({ PATH: `${root}/bin:/bin` }))).rejects.toMatchObject({
      exitCode: 127,
    });
  });

  it("looks through mise's links", async () => {
    const real = await script('installs/terraform', '#!/bin/sh\n');
    const mise = await script('mise-home/mise', `#!/bin/sh\n[ "$1 $2" = "which terraform" ] && echo ${real}\n`);
    await symlink(mise, join(root, 'bin', 'terraform'));
    expect(await findProgram('terraform', places({ PATH: `${root}/bin:/bin` }))).toMatchObject({
      file: real,
      shim: { manager: 'mise' },
    });
  });

  it("looks through tfenv's script", async () => {
    const real = await script('tfenv/versions/1.9.8/terraform', '#!/bin/sh\n');
    await script('tfenv/bin/tfenv', '#!/bin/sh\n[ "$1" = version-name ] && echo 1.9.8\n');
    const shim = await script('tfenv/bin/terraform', '#!/usr/bin/env bash\nexec tfenv-exec "$@"\n');
    await symlink(shim, join(root, 'bin', 'terraform'));
    expect(await findProgram('terraform', places({ PATH: `${root}/bin:/bin` }))).toMatchObject({
      file: real,
      shim: { manager: 'tfenv' },
    });
  });

  it.each([
    '#!/bin/sh\nexec docker exec -it tf terraform "$@"\n',
    '#!/bin/sh\necho exec asdf exec\n',
    'exec asdf exec x\n',
  ])('does not take %j for a shim', async (text) => {
    const file = await script('bin/terraform', text);
    expect(await findProgram('terraform', places({ PATH: `${root}/bin` }))).toEqual({ file, shim: null });
  });
});
