import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hallpass, hallpassProgram, cleanEnvironment, type ChildOptions, type ChildResult } from './hallpass.ts';
import { freePort, startServer, type ServerChild } from './servers.ts';

const account = '111122223333';
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
  /** Variables that lead Hallpass to its data directory and AWS clients to the stand-in. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs `hallpass` in the workspace. */
  hallpass(args: readonly string[], options?: ChildOptions): Promise<ChildResult>;
}

/** The trust policy of one phase's role: exact names, as `hallpass init` writes them. */
function trustPolicy(issuer: string, phase: string): object {
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

const allow = (...actions: string[]) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
});

/** The sandbox file of the story. JSON is YAML. */
function sandboxConfig(issuer: string): string {
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
    },
  });
}

/**
 * Sets up the story in a directory: keys, `hallpass.yaml` (allowed), the issuer's documents and the stand-in on loopback.
 *
 * @param directory an empty directory; the caller removes it
 * @param variables further entries of `variables` in `hallpass.yaml`
 */
export async function openAwsStory(
  directory: string,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<AwsStory> {
  const workDirectory = join(directory, 'work');
  const dataDirectory = join(directory, 'data');
  const keyEncryptionKeyFile = join(directory, 'kek');
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const base = {
    HOME: join(directory, 'home'),
    HALLPASS_DATA_DIR: dataDirectory,
    HALLPASS_KEK_FILE: keyEncryptionKeyFile,
  };
  for (const made of [workDirectory, base.HOME]) mkdirSync(made, { recursive: true });
  const run = (args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> =>
    hallpass(args, { cwd: workDirectory, ...options, env: { ...base, ...options.env } });
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
    writeFileSync(config, sandboxConfig(issuer));
    const sandbox = await start(['sandbox', '--config', config, '--json']);
    const { endpoints, environment } = JSON.parse(sandbox.firstLine) as {
      endpoints: { aws: string };
      environment: Record<string, string>;
    };
    writeFileSync(
      join(workDirectory, 'hallpass.yaml'),
      JSON.stringify({
        issuer,
        organization: 'acme',
        project: 'payments',
        workspace: 'payments-prod',
        variables: {
          ...environment,
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
      dataDirectory,
      keyEncryptionKeyFile,
      issuer,
      endpoint: endpoints.aws,
      env: base,
      hallpass: run,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function succeed(running: Promise<ChildResult>): Promise<void> {
  const { code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`setting up the story: exit code ${code}\n${stdout}${stderr}`);
}
