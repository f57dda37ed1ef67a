import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hallpass, hallpassProgram, cleanEnvironment, type ChildOptions, type ChildResult } from './hallpass.ts';
import { freePort, startServer, type ServerChild } from './servers.ts';

export const account = '111122223333';
export const planRole = `arn:aws:iam::${account}:role/payments-plan`;
export const applyRole = `arn:aws:iam::${account}:role/payments-apply`;

/** A workspace that is set up: its issuer and the AWS stand-in run as programs of their own. */
export interface AwsStory extends AsyncDisposable {
  /** Where `hallpass.yaml` lies and commands run. */
  readonly workDirectory: string;
  readonly dataDirectory: string;
  readonly keyEncryptionKeyFile: string;
  readonly issuer: string;
  /** Endpoint of the stand-in. */
  readonly endpoint: string;
  /** What the sandbox says that its clients need. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables that lead Hallpass to its data directory and AWS clients to the stand-in. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs `hallpass` in the workspace. */
  hallpass(args: readonly string[], options?: ChildOptions): Promise<ChildResult>;
}

/** What a story has otherwise than usual. */
export interface StoryChanges {
  /** Members of the sandbox file's `aws`, in place of the usual ones. */
  readonly aws?: (issuer: string) => Readonly<Record<string, unknown>>;
  /** Parts of the sandbox file for other platforms, by their keys. */
  readonly parts?: (issuer: string) => Readonly<Record<string, unknown>>;
  /** Members of `hallpass.yaml`. */
  readonly file?: Readonly<Record<string, unknown>>;
  /** Whether clients find the stand-in under AWS' own names; its variables then stand in the environment, as a user has them. */
  readonly isIntercepting?: true;
  /** Variables of Hallpass' own environment, besides the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The trust policy of one phase's role: exact names, as `hallpass init` writes them. */
export function trustPolicy(issuer: string, phase: string): object {
  const host = issuer.replace(/^https?:\/\//, '');
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/${host}` },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: {
          StringEquals: {
            [`${host}:aud`]: 'aws.workload.identity',
            [`${host}:sub`]: `organization:acme:project:payments:workspace:payments-prod:run_phase:${phase}`,
          },
        },
      },
    ],
  };
}

export const allow = (...actions: string[]) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
});

/** The sandbox file of the story. JSON is YAML. */
function sandboxConfig(issuer: string, changes: StoryChanges): string {
  const read = ['ssm:GetParameter', 'ssm:GetParameters', 'ssm:DescribeParameters', 'ssm:ListTagsForResource'];
  const write = ['ssm:PutParameter', 'ssm:DeleteParameter', 'ssm:AddTagsToResource'];
  return JSON.stringify({
    aws: {
      account,
      providers: [{ url: issuer, client_ids: ['aws.workload.identity'] }],
      roles: [
        { name: 'payments-plan', trust_policy: trustPolicy(issuer, 'plan'), policies: [allow(...read)] },
        { name: 'payments-apply', trust_policy: trustPolicy(issuer, 'apply'), policies: [allow(...read, ...write)] },
      ],
      parameters: { '/payments/region': 'eu-north-1' },
      ...changes.aws?.(issuer),
    },
    ...changes.parts?.(issuer),
  });
}

/**
 * Sets up the story in a directory: keys, `hallpass.yaml` (allowed), the issuer's documents and the stand-in on loopback.
 *
 * @param directory an empty directory; the caller removes it
 * @param variables further entries of `variables` in `hallpass.yaml`
 * @param changes   what the story has otherwise than usual
 */
export async function openAwsStory(
  directory: string,
  variables: Readonly<Record<string, unknown>> = {},
  changes: StoryChanges = {},
): Promise<AwsStory> {
  const workDirectory = join(directory, 'work');
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const base: Record<string, string> & Record<'HOME' | 'HALLPASS_DATA_DIR' | 'HALLPASS_KEK_FILE', string> = {
    HOME: join(directory, 'home'),
    HALLPASS_DATA_DIR: join(directory, 'data'),
    HALLPASS_KEK_FILE: join(directory, 'kek'),
    ...changes.env,
  };
  for (const made of [workDirectory, base.HOME]) mkdirSync(made, { recursive: true });
  const run = (args: readonly string[], how: ChildOptions = {}): Promise<ChildResult> =>
    hallpass(args, { cwd: workDirectory, ...how, env: { ...base, ...how.env } });
  await succeed(run(['keys', 'init', '--issuer', issuer]));

  const servers: ServerChild[] = [];
  const close = async () => {
    for (const server of servers.reverse()) await server[Symbol.asyncDispose]();
  };
  try {
    const start = async (args: readonly string[]) => {
      const server = await startServer(hallpassProgram, args, { env: cleanEnvironment(base), cwd: directory });
      servers.push(server);
      return server;
    };
    await start(['issuer', 'serve', '--listen', `127.0.0.1:${port}`]);
    const config = join(directory, 'sandbox.yaml');
    writeFileSync(config, sandboxConfig(issuer, changes));
    const flags = changes.isIntercepting ? ['--intercept'] : [];
    const sandbox = await start(['sandbox', '--config', config, '--json', ...flags]);
    const { endpoints, environment } = JSON.parse(sandbox.firstLine) as {
      endpoints: { aws: string };
      environment: Record<string, string>;
    };
    // Certificate files may not stand in `hallpass.yaml`; a user exports them.
    const [exported, written] = split(environment, (name) => changes.isIntercepting === true || /CERT|CA_/.test(name));
    Object.assign(base, exported);
    writeFileSync(
      join(workDirectory, 'hallpass.yaml'),
      JSON.stringify({
        issuer,
        organization: 'acme',
        project: 'payments',
        workspace: 'payments-prod',
        ...changes.file,
        variables: {
          ...written,
          TFC_AWS_PROVIDER_AUTH: 'true',
          TFC_AWS_PLAN_ROLE_ARN: planRole,
          TFC_AWS_APPLY_ROLE_ARN: applyRole,
          ...variables,
        },
      }),
    );
    await succeed(run(['allow', '--yes']));
    return {
      workDirectory,
      dataDirectory: base.HALLPASS_DATA_DIR,
      keyEncryptionKeyFile: base.HALLPASS_KEK_FILE,
      issuer,
      endpoint: endpoints.aws,
      environment,
      env: base,
      hallpass: run,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Variables for which the name decides, and the others. */
function split(
  variables: Readonly<Record<string, string>>,
  decides: (name: string) => boolean,
): readonly [Record<string, string>, Record<string, string>] {
  const entries = Object.entries(variables);
  const [yes, no] = [true, false].map((side) => entries.filter(([name]) => decides(name) === side));
  return [Object.fromEntries(yes!), Object.fromEntries(no!)];
}

async function succeed(running: Promise<ChildResult>): Promise<void> {
  const { code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`setting up the story: exit code ${code}\n${stdout}${stderr}`);
}
