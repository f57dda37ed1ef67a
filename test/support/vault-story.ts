import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bao } from './bao.ts';
import { cleanEnvironment, hallpass, hallpassProgram, type ChildOptions, type ChildResult } from './hallpass.ts';
import { freePort, startServer } from './servers.ts';
import { setRole, setUpJwt, vaultAudience } from './vault-set-up.ts';

/** A workspace with roles in a real OpenBao; its issuer runs as a program of its own. */
export interface VaultStory extends AsyncDisposable {
  /** Where `hallpass.yaml` lies and commands run. */
  readonly workDirectory: string;
  readonly dataDirectory: string;
  readonly issuer: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs `hallpass` in the workspace. */
  hallpass(args: readonly string[], options?: ChildOptions): Promise<ChildResult>;
  /** Runs a command in a phase; variables stand in the environment. */
  exec(
    phase: string,
    command: readonly string[],
    variables?: Readonly<Record<string, string>>,
    flags?: readonly string[],
  ): Promise<ChildResult>;
}

/** The subject of a phase of this workspace. */
export const subjectOf = (phase: string): string =>
  `organization:acme:project:payments:workspace:payments-prod:run_phase:${phase}`;

/** A role that is bound to one phase. */
export const boundTo = (phase: string) => ({ bound_subject: subjectOf(phase), bound_audiences: [vaultAudience] });

/**
 * Sets up keys, `hallpass.yaml` (allowed), the issuer's documents and the roles `plan` and `apply` at the server.
 *
 * @param directory an empty directory; the caller removes it
 * @param bao       a server that nobody has set up yet
 */
export async function openVaultStory(directory: string, bao: Bao): Promise<VaultStory> {
  const workDirectory = join(directory, 'work');
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const env = {
    HOME: join(directory, 'home'),
    HALLPASS_DATA_DIR: join(directory, 'data'),
    HALLPASS_KEK_FILE: join(directory, 'kek'),
    HALLPASS_RUN_DIR: join(directory, 'runs'),
  };
  for (const made of [workDirectory, env.HOME]) mkdirSync(made, { recursive: true });
  const run = (args: readonly string[], how: ChildOptions = {}): Promise<ChildResult> =>
    hallpass(args, { cwd: workDirectory, ...how, env: { ...env, ...how.env } });
  await succeed(run(['keys', 'init', '--issuer', issuer]));
  const server = await startServer(hallpassProgram, ['issuer', 'serve', '--listen', `127.0.0.1:${port}`], {
    env: cleanEnvironment(env),
    cwd: directory,
  });
  try {
    await setUpJwt(bao, issuer);
    for (const phase of ['plan', 'apply']) await setRole(bao, phase, boundTo(phase));
    await bao.set('POST', 'secret/data/payments', { data: { region: 'eu-north-1' } });
    writeFileSync(
      join(workDirectory, 'hallpass.yaml'),
      JSON.stringify({ issuer, organization: 'acme', project: 'payments', workspace: 'payments-prod' }),
    );
    await succeed(run(['allow', '--yes']));
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  const usual = {
    TFC_VAULT_PROVIDER_AUTH: 'true',
    TFC_VAULT_ADDR: bao.address,
    TFC_VAULT_PLAN_ROLE: 'plan',
    TFC_VAULT_APPLY_ROLE: 'apply',
    ...(bao.ca === null ? {} : { TFC_VAULT_ENCODED_CACERT: Buffer.from(bao.ca).toString('base64') }),
  };
  return {
    workDirectory,
    dataDirectory: env.HALLPASS_DATA_DIR,
    issuer,
    env: { ...env, ...usual },
    hallpass: (args, how = {}) => run(args, { ...how, env: { ...usual, ...how.env } }),
    exec: (phase, command, variables = {}, flags = []) =>
      run(['exec', '--phase', phase, ...flags, '--', ...command], { env: { ...usual, ...variables } }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function succeed(running: Promise<ChildResult>): Promise<void> {
  const { code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`setting up the story: exit code ${code}\n${stdout}${stderr}`);
}
