import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { readSettings } from '../settings/settings.ts';
import { requireAllowed, resolveClaim } from '../settings/workload.ts';
import type { CliContext } from './context.ts';
import { runCli } from './program.ts';

const file = `issuer: https://id.example.com
organization: acme
workspace: web-\${dir}
variables:
  DB_PASSWORD: { env: DB_PASSWORD }
  KEY: { file: "keys/\\e[1A\\e[2Kharmless" }
`;

/** A repository with a `hallpass.yaml`, and the world as a command sees it. */
function place(text: string | null = file) {
  const home = temporaryDirectory('allow');
  const work = join(home, 'live');
  mkdirSync(join(work, '.git'), { recursive: true });
  if (text !== null) writeFileSync(join(work, 'hallpass.yaml'), text);
  const settings = { ...readSettings({ HOME: home }), workingDirectory: work };

  const call = async (args: readonly string[], keys: string | null = null) => {
    const output = { stdout: '', stderr: '', code: 0 };
    const stream = (name: 'stdout' | 'stderr') => {
      const made = Object.assign(new PassThrough(), { isTTY: keys !== null, columns: 80 });
      made.on('data', (chunk: Buffer) => (output[name] += chunk.toString()));
      return made;
    };
    const stdin = Object.assign(new PassThrough(), { isTTY: keys !== null, setRawMode: () => stdin });
    const context: CliContext = {
      settings,
      stdin,
      stdout: stream('stdout'),
      stderr: stream('stderr'),
      now: () => new Date(),
      fetch,
      color: false,
      exit: (code) => {
        output.code = code;
      },
    };
    const running = runCli(['allow', ...args], context, '0.0.0');
    // The question is asked some time after the start; keys that come early are read all the same.
    if (keys !== null) stdin.write(keys);
    await running;
    return output;
  };
  const isAllowed = async () =>
    requireAllowed(settings, await resolveClaim(settings, {})).then(
      () => true,
      () => false,
    );
  return { call, isAllowed, work, write: (more: string) => writeFileSync(join(work, 'hallpass.yaml'), more) };
}

describe('hallpass allow', () => {
  it('shows who the runs will be and what of the caller they take, and refuses where nobody can answer', async () => {
    const { call, isAllowed, work } = place();
    const { code, stdout, stderr } = await call([]);
    expect(code).toBe(1);
    expect(stdout).toBe(`${work}/hallpass.yaml
says who runs under ${work} are:

  issuer        https://id.example.com
  organization  acme
  project       Default Project  (since no file names one)
  workspace     web-\${dir}  (here: web-live; allowed in ${work} only)

It also hands these values of yours to the command:

  variables.DB_PASSWORD  { env: DB_PASSWORD }
  variables.KEY          { file: keys/\\u{1b}[1A\\u{1b}[2Kharmless }

`);
    expect(stderr).toContain('error: this must be allowed by a person');
    expect(stderr).toContain('hallpass allow --yes');
    expect(await isAllowed()).toBe(false);
  });

  it('records it with --yes, and says so the next time', async () => {
    const { call, isAllowed, work } = place();
    expect((await call(['--yes'])).stdout).toMatch(new RegExp(`\\nAllowed for ${work}\\.\\n$`));
    expect(await isAllowed()).toBe(true);
    expect(await call([])).toEqual({ code: 0, stdout: `Already allowed for ${work}.\n`, stderr: '' });
  });

  it('shows what has changed', async () => {
    const { call, write } = place();
    await call(['--yes']);
    write(file.replace('acme', 'evil'));
    expect((await call([])).stdout).toContain('Changed since you allowed it:\n\n  organization "acme" → "evil"\n');
  });

  it.each([
    ['y', true],
    ['\r', false],
    ['n', false],
    ['\u0003', false],
  ])('asks on a terminal: %j', async (key, allowed) => {
    const { call, isAllowed } = place();
    const { code, stdout } = await call([], key);
    expect(stdout).toContain('Let it choose this identity?');
    expect(code).toBe(allowed ? 0 : 1);
    expect(await isAllowed()).toBe(allowed);
  });

  it('prints JSON, and nothing else, with --json', async () => {
    const { call, work } = place();
    expect(JSON.parse((await call(['--yes', '--json'])).stdout)).toMatchObject({
      allowed: true,
      directory: work,
      statements: expect.arrayContaining([
        { field: 'organization', value: 'acme', file: join(work, 'hallpass.yaml'), in_force: true },
        { field: 'project', value: 'Default Project', file: null, in_force: true },
      ]),
    });
  });

  it('has nothing to do when flags say all', async () => {
    const flags = ['--issuer', 'https://a.example', '--organization', 'o', '--project', 'p', '--workspace', 'w'];
    expect((await place('token_lifetime: 15m\n').call(flags)).stdout).toContain('Nothing to allow');
  });

  it('shows what the file takes of the caller, also where flags say who it is', async () => {
    const { call, work } = place('variables: { DB_PASSWORD: { env: DB_PASSWORD } }\n');
    const { code, stdout } = await call(['--issuer', 'https://a.example', '--organization', 'o', '--workspace', 'w']);
    expect(code).toBe(1);
    expect(stdout).toBe(`${work}/hallpass.yaml
hands these values of yours to the command:

  variables.DB_PASSWORD  { env: DB_PASSWORD }

`);
  });

  it('says when there is no file, or a broken one', async () => {
    expect((await place(null).call(['--yes'])).stderr).toContain('there is no hallpass.yaml to allow');
    const broken = await place('workspace: a:b').call(['--yes']);
    expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining('hallpass.yaml:1:12') });
  });
});
