import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { directoryName } from '../../src/environment/directory.ts';
import { hallpass, run, type ChildOptions, type ChildResult } from './hallpass.ts';
import { requireProgram } from './programs.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A configuration that needs no provider, so that only Terraform and Hallpass are at work. */
export const configuration = `
variable "name" { default = "first" }
resource "terraform_data" "a" { input = var.name }
resource "terraform_data" "b" { input = var.name }
output "name" { value = terraform_data.a.output }
`;

/** A workspace on disk: configuration, `hallpass.yaml` (allowed), data directory; a manual token, so that no platform is needed. */
export class Place {
  readonly root = temporaryDirectory('exec');
  /** A name of its own, so that tests at the same time do not share private directories. */
  readonly workspace = `payments-${randomBytes(4).toString('hex')}`;
  readonly runs = join(this.root, 'runs');
  readonly work = join(this.root, 'work');
  readonly data: string;
  readonly env: Record<string, string>;

  constructor(change: { configuration?: string; settings?: Record<string, unknown> } = {}) {
    this.data = join(this.root, 'data');
    mkdirSync(this.work);
    mkdirSync(join(this.root, 'config'), { mode: 0o700 });
    this.write('main.tf', change.configuration ?? configuration);
    this.write(
      'hallpass.yaml',
      JSON.stringify({
        issuer: 'http://127.0.0.1:9',
        organization: 'acme',
        project: 'payments',
        workspace: this.workspace,
        variables: { TFC_WORKLOAD_IDENTITY_AUDIENCE: 'somebody' },
        ...change.settings,
      }),
    );
    this.env = {
      HALLPASS_DATA_DIR: this.data,
      HALLPASS_KEK_FILE: join(this.root, 'config/kek'),
      HALLPASS_RUN_DIR: this.runs,
      CHECKPOINT_DISABLE: '1',
    };
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.work, name), text);
  }

  file(name: string): string {
    return join(this.work, name);
  }

  async allowed(): Promise<this> {
    await this.succeeds(['allow', '--yes']);
    await this.succeeds(['exec', '--', 'terraform', 'init']);
    return this;
  }

  hallpass(args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
    return hallpass(args, { cwd: this.work, ...options, env: { ...this.env, ...options.env } });
  }

  exec(command: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
    return this.hallpass(['exec', '--', 'terraform', ...command], options);
  }

  async succeeds(args: readonly string[]): Promise<ChildResult> {
    const result = await this.hallpass(args);
    if (result.code !== 0) throw new Error(`${args.join(' ')}: ${result.code}\n${result.stdout}${result.stderr}`);
    return result;
  }

  /** Terraform itself, without Hallpass. */
  bare(command: readonly string[]): Promise<ChildResult> {
    return run(requireProgram('terraform'), command, { cwd: this.work, env: this.env });
  }

  async output(): Promise<unknown> {
    const { stdout } = await this.bare(['output', '-json']);
    return (JSON.parse(stdout) as { name?: { value: unknown } }).name?.value;
  }

  /** Every record of the audit. */
  events(): { type: string; workload: { run_id: string; phase: string } | null; command?: string }[] {
    const directory = join(this.data, 'audit');
    return readdirSync(directory)
      .filter((name) => name.endsWith('.jsonl'))
      .flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  /** What phases and plans have left on disk; nothing, when all is well. */
  leftovers(): string[] {
    const name = directoryName(['acme', 'payments', this.workspace]);
    return [this.runs, '/tmp', `/tmp/hallpass-tmp-${process.getuid!()}`].flatMap((base) =>
      readdirSync(existsSync(base) ? base : this.work)
        .filter((entry) => entry.startsWith(name) || (base === this.runs && entry !== ''))
        .map((entry) => join(base, entry)),
    );
  }

  started(): string[] {
    return this.events()
      .filter((event) => event.type === 'phase_started')
      .map((event) => `${event.workload!.phase}: ${event.command}`);
  }
}
