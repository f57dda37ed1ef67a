import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import { SettingsError, UsageError } from '../domain/errors.ts';
import { jsonText } from '../domain/json.ts';
import { errnoOf } from '../files/file-failure.ts';
import { shellQuoted } from '../files/shell-quoted.ts';
import type { SandboxConfig } from '../sandbox/config.ts';
import { sandboxSentence } from '../sandbox/log.ts';
import type { Sandbox } from '../sandbox/open.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { callCommand } from './sandbox-call.ts';
import { untilStopped } from './until-stopped.ts';

interface SandboxFlags {
  readonly config?: string;
  readonly json?: true;
  readonly log?: string;
  readonly schema?: true;
  readonly intercept?: true;
}

const help = `
Roles, providers and the like come from the file, with the platforms' native trust documents; docs/guides/sandbox.md
explains it. Everything that the stand-ins know is in memory and ends with them.

With --intercept, clients reach the stand-ins under the platforms' real names, through a proxy on loopback that passes
nothing on. Copy its variables into the shells that shall use it, and no further; its certificate is good until Ctrl-C,
a day at most. Never install it for a whole machine.

Examples:
  hallpass sandbox --config sandbox.yaml
  hallpass sandbox --config sandbox.yaml --intercept
  hallpass sandbox --config sandbox.yaml --json --log sandbox.jsonl
`;

/** `hallpass sandbox`: the stand-ins of the platforms, until SIGTERM or SIGINT. */
export const command: CommandFactory = (context) =>
  new Command('sandbox')
    .description('Strict stand-ins of the platforms, on loopback, until Ctrl-C')
    .option('--config <file>', 'what the stand-ins know: accounts, trusted issuers, roles (YAML)')
    .option('--intercept', "answer under the platforms' real names too, for clients whose hosts are fixed")
    .option('--json', 'print one JSON line when ready, and log in JSON Lines')
    .option('--log <file>', 'append the log to this file as JSON Lines, beside the sentences on stderr')
    .option('--schema', 'print the JSON Schema of the configuration file, and end')
    .addHelpText('after', help)
    .action((flags) => serve(flags, context))
    .addCommand(callCommand(context));

async function serve(flags: SandboxFlags, context: CliContext): Promise<void> {
  if (flags.schema) {
    const { sandboxConfigJsonSchema } = await import('../sandbox/config.ts');
    context.stdout.write(jsonText(sandboxConfigJsonSchema()));
    return;
  }
  if (flags.config === undefined)
    throw new UsageError({
      what: 'hallpass sandbox needs a configuration file',
      where: '--config',
      mend: 'give --config FILE; examples/sandbox.yaml is one to start from',
    });
  const config = await readConfigFile(resolve(context.settings.workingDirectory, flags.config));
  const logFile = flags.log === undefined ? null : await openLog(resolve(context.settings.workingDirectory, flags.log));
  // Every platform's stand-in comes with it; `sandbox call` needs none of them.
  const { openSandbox } = await import('../sandbox/open.ts');
  const stopped = untilStopped();
  const sandbox = await openSandbox({
    config,
    now: context.now,
    fetch: context.fetch,
    intercept: flags.intercept === true,
    log(line) {
      const json = `${JSON.stringify(line)}\n`;
      context.stderr.write(flags.json ? json : `${sandboxSentence(line)}\n`);
      logFile?.write(json);
    },
  });
  try {
    context.stdout.write(flags.json ? readyLine(sandbox) : readyText(sandbox));
    await stopped;
  } finally {
    await sandbox.close();
    if (logFile !== null) await new Promise((done) => logFile.end(done));
  }
}

async function readConfigFile(path: string): Promise<SandboxConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new SettingsError(
      {
        what: `the sandbox configuration cannot be read: ${errnoOf(error)}`,
        where: path,
        mend: 'give the path of a YAML file; examples/sandbox.yaml is one to start from',
      },
      { cause: error },
    );
  }
  const { readSandboxConfig } = await import('../sandbox/config.ts');
  return readSandboxConfig(text, dirname(path), basename(path));
}

async function openLog(path: string): Promise<WriteStream> {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  try {
    await once(stream, 'open');
  } catch (error) {
    throw new SettingsError(
      {
        what: `the log cannot be written: ${errnoOf(error)}`,
        where: `--log ${path}`,
        mend: 'give a file in a directory that exists and that you may write to',
      },
      { cause: error },
    );
  }
  return stream;
}

function readyLine(sandbox: Sandbox): string {
  return `${JSON.stringify({ ready: true, endpoints: sandbox.endpoints, environment: sandbox.environment })}\n`;
}

function readyText(sandbox: Sandbox): string {
  return [
    ...sandbox.playing.flatMap(({ title, endpoint, standIn }) => [
      `The ${title} stand-in plays ${standIn.summary} at ${endpoint}, until Ctrl-C.`,
      ...standIn.notes,
    ]),
    ...certificateNotes(sandbox),
    'To use it, copy into another shell:',
    '',
    ...Object.entries(sandbox.environment).map(([name, value]) => `export ${name}=${shellQuoted(value)}`),
    '',
    '',
  ].join('\n');
}

function certificateNotes({ certificatesEndAt }: Sandbox): readonly string[] {
  return certificatesEndAt === null
    ? []
    : [`Its certificates end at ${certificatesEndAt.toISOString()}; start it again for new ones.`];
}
