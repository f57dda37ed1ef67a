import { CommanderError } from '@commander-js/extra-typings';
import { AppError, UsageError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { printError } from './print-error.ts';

interface CommandEntry {
  readonly name: string;
  readonly about: string;
  readonly load: () => Promise<{ command: CommandFactory }>;
}

/** Every command, in the order of `--help`. A command's file is read only when it is called. */
const commands: readonly CommandEntry[] = [
  { name: 'demo', about: 'the seven steps on this machine, no cloud account', load: () => import('./demo.ts') },
  {
    name: 'init',
    about: 'your own account: hallpass.yaml and Terraform code for provider and roles',
    load: () => import('./init.ts'),
  },
  { name: 'exec', about: "run a command with the workspace's identity", load: () => import('./exec.ts') },
  { name: 'allow', about: 'let this hallpass.yaml choose an identity', load: () => import('./allow.ts') },
  { name: 'token', about: 'mint, inspect or verify a token', load: () => import('./token.ts') },
  { name: 'issuer', about: 'show, export, check or serve the issuer documents', load: () => import('./issuer.ts') },
  { name: 'keys', about: 'make, list, rotate or drop signing keys', load: () => import('./keys.ts') },
  { name: 'audit', about: 'what was minted, for whom, and what became of it', load: () => import('./audit.ts') },
  { name: 'sandbox', about: 'stand-ins of the platforms, until Ctrl-C', load: () => import('./sandbox.ts') },
  { name: 'doctor', about: 'what holds here, and why a token is refused', load: () => import('./doctor.ts') },
];

/** Exit codes: 0 done, 1 refused or failed, 2 wrong usage. `exec` has its own (see `exec.ts`). */
export async function runCli(argv: readonly string[], context: CliContext, version: string): Promise<void> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const asked = name === 'help' ? commands.find((entry) => entry.name === rest[0]) : undefined;
    if (asked) return runCommand(asked, ['--help'], context);
    context.stdout.write(overview());
    if (name === undefined) context.exit(2);
    return undefined;
  }
  if (name === '--version' || name === '-V') {
    context.stdout.write(`${version}\n`);
    return undefined;
  }
  const entry = commands.find((candidate) => candidate.name === name);
  if (entry) return runCommand(entry, rest, context);
  const close = nearest(
    name,
    commands.map((candidate) => candidate.name),
  );
  printError(
    context.stderr,
    new UsageError({
      what: `there is no command ${JSON.stringify(name)}`,
      mend: close
        ? `did you mean "hallpass ${close}"? "hallpass --help" lists all`
        : '"hallpass --help" lists the commands',
    }),
  );
  context.exit(2);
  return undefined;
}

async function runCommand(entry: CommandEntry, args: readonly string[], context: CliContext): Promise<void> {
  const wrongUsage = entry.name === 'exec' ? 125 : 2;
  const failed = entry.name === 'exec' ? 125 : 1;
  try {
    const { command } = await entry.load();
    const built = command(context).name(`hallpass ${entry.name}`);
    governOutput(built, context);
    await built.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      context.exit(error.exitCode === 0 ? 0 : wrongUsage);
      return;
    }
    printError(context.stderr, error);
    context.exit(error instanceof AppError && error.code === 'usage' ? wrongUsage : failed);
  }
}

/** Commander writes to our streams and throws instead of leaving the process, in subcommands too. */
function governOutput(command: ReturnType<CommandFactory>, context: CliContext): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => context.stdout.write(text),
    writeErr: (text) => context.stderr.write(text),
  });
  for (const child of command.commands) governOutput(child, context);
}

function overview(): string {
  const width = Math.max(...commands.map((entry) => entry.name.length));
  return [
    'Hallpass gives every Terraform and OpenTofu run an identity of its own, and no run a stored cloud key.',
    '',
    'Usage: hallpass COMMAND [options]',
    '',
    ...commands.map((entry) => `  ${entry.name.padEnd(width)}  ${entry.about}`),
    '',
    'Every command takes --help, with an example, and --data-dir DIR (or HALLPASS_DATA_DIR) for another data directory.',
    'Start with: hallpass demo',
    '',
  ].join('\n');
}
