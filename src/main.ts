import manifest from '../package.json' with { type: 'json' };
import { runCli } from './cli/program.ts';
import { readSettings } from './settings/settings.ts';
import { noticeLostOutput } from './cli/lost-output.ts';
import { printError } from './cli/print-error.ts';
import { UsageError } from './domain/errors.ts';

/** Takes `--data-dir DIR` out of the arguments, wherever it stands before `--`: every command knows it. */
function takeDataDirectory(argv: readonly string[]): { args: string[]; dataDirectory: string | undefined } {
  const args: string[] = [];
  let dataDirectory: string | undefined;
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index]!;
    if (argument === '--') return { args: [...args, ...argv.slice(index)], dataDirectory };
    if (argument === '--data-dir' || argument.startsWith('--data-dir=')) {
      dataDirectory = argument === '--data-dir' ? argv[(index += 1)] : argument.slice('--data-dir='.length);
      if (!dataDirectory)
        throw new UsageError({ what: '--data-dir needs a directory', mend: 'hallpass --data-dir DIR COMMAND' });
    } else {
      args.push(argument);
    }
  }
  return { args, dataDirectory };
}

/** The command's name, also where `--data-dir DIR` stands before it: `exec` has exit codes of its own. */
function isExec(argv: readonly string[]): boolean {
  const name = argv.find((word, index) => !word.startsWith('--data-dir') && argv[index - 1] !== '--data-dir');
  return name === 'exec';
}

async function main(): Promise<void> {
  if (process.platform === 'win32') {
    process.stderr.write('error: Hallpass does not run on Windows; use Linux (or WSL 2)\n');
    process.exitCode = 2;
    return;
  }
  const argv = process.argv.slice(2);
  const failed = isExec(argv) ? 125 : 1;
  noticeLostOutput(process, () => process.once('exit', () => (process.exitCode ||= failed)));
  try {
    const { args, dataDirectory } = takeDataDirectory(argv);
    await runCli(
      args,
      {
        settings: readSettings(process.env, { dataDirectory }),
        stdin: process.stdin,
        stdout: process.stdout,
        stderr: process.stderr,
        now: () => new Date(),
        fetch: globalThis.fetch,
        color: process.stdout.isTTY && !process.env['NO_COLOR'],
        exit: (code) => {
          process.exitCode = code;
        },
      },
      manifest.version,
    );
  } catch (error) {
    printError(process.stderr, error);
    process.exitCode = isExec(argv) ? 125 : error instanceof UsageError ? 2 : 1;
  }
}

await main();
