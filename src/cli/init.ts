import { readFile, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command, Option } from '@commander-js/extra-typings';
import { type AuditLog, openAuditLog } from '../audit/log.ts';
import { AppError, SettingsError, UsageError, type Problem } from '../domain/errors.ts';
import { quoted } from '../domain/printable.ts';
import { errnoOf, fileFailure } from '../files/file-failure.ts';
import { makeDirectories } from '../files/make-directories.ts';
import { isLoopbackIssuer } from '../identity/issuer-url.ts';
import { requireIssuer } from '../identity/issuer.ts';
import { keyKeeper } from '../identity/key-keeper.ts';
import { fileKeyStore } from '../identity/key-store/file.ts';
import { workloadFileName } from '../settings/find-workload-files.ts';
import type { Settings } from '../settings/settings.ts';
import { readWorkloadFile, type WorkloadFile } from '../settings/workload-file.ts';
import { recordAllowed, resolveClaim } from '../settings/workload.ts';
import { currentActor } from './actor.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { askMissing, askPlatform } from './init/ask.ts';
import { identityOf, identityQuestions, type Identity } from './init/identity.ts';
import type { InitPlatform, NewFile, PlatformSide } from './init/platform.ts';
import { initPlatforms } from './init/platforms.ts';
import { checkedAnswers, match, unanswered, type GivenAnswers, type Question } from './init/question.ts';
import { settingsFileText, variableLines } from './init/settings-file.ts';
import { refuseExisting, writeNewFiles } from './init/write-files.ts';
import { printWarning } from './print-error.ts';

const help = `
It makes the signing keys, writes hallpass.yaml (and allows it), and writes the platform's side, for an administrator to
apply once. It overwrites nothing. Where hallpass.yaml is there already, it writes the side of a further platform for the
same workspace, and prints the lines to add.

Platforms:
${initPlatforms.map(({ id, about }) => `  ${id.padEnd(12)} ${about}`).join('\n')}

Examples:
  $ hallpass init                       asks
  $ hallpass init --issuer https://id.example.com --organization acme --project payments \\
      --workspace payments-prod --aws-account 111122223333 --state-bucket acme-state --yes
  $ hallpass init --platform vault --vault-addr https://vault.example.com:8200`;

const defaultPlatform = 'aws';

const audienceQuestion: Question = {
  key: 'audience',
  flag: '--audience',
  argument: '<text>',
  about: "audience of the tokens (default: the platform's usual one)",
  asked: false,
  isOptional: true,
  check: match('--audience', /^[A-Za-z0-9._:/@+-]{1,255}$/, 'use letters, digits and "._:/@+-", at most 255'),
};

export const command: CommandFactory = (context) => {
  const built = new Command('init')
    .description("Sets up a workspace: signing keys, hallpass.yaml, and the platform's side as code.")
    .addOption(
      new Option('--platform <name...>', `whose side to write (default ${defaultPlatform})`).choices(
        initPlatforms.map(({ id }) => id),
      ),
    );
  for (const { flag, argument, about } of [...identityQuestions, audienceQuestion]) {
    built.option(`${flag} ${argument}`, about);
  }
  for (const { title, questions } of initPlatforms) {
    for (const { flag, argument, about } of questions) built.option(`${flag} ${argument}`, `${title}: ${about}`);
  }
  return built
    .option('--existing-provider', 'the platform knows this issuer already, as with its second workspace')
    .option('--directory <path>', 'where to write (default: here)')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', help)
    .action(async (options) => {
      await initialise(options as InitOptions & GivenAnswers, context);
    });
};

interface InitOptions {
  readonly platform?: readonly string[];
  readonly existingProvider?: boolean;
  readonly directory?: string;
  readonly yes?: boolean;
}

async function initialise(options: InitOptions & GivenAnswers, context: CliContext): Promise<void> {
  const directory = resolve(context.settings.workingDirectory, options.directory ?? '.');
  const there = await readThere(join(directory, workloadFileName));
  const asks = !options.yes && context.stdin.isTTY === true && context.stdout.isTTY === true;
  const chosen = await choosePlatforms(options, asks, context);
  const { identity, sides } = await collectAnswers(options, chosen, there, asks, context);
  const platformFiles = sides.flatMap(({ files }) => files);
  await refuseExisting(directory, platformFiles);
  const files =
    there === null
      ? [{ path: workloadFileName, text: settingsFileText(identity, sides) }, ...platformFiles]
      : platformFiles;
  await setUp(identity, directory, files, context);
  const warnings = [...warningsFor(identity.issuer), ...sides.flatMap(({ warnings: more }) => more)];
  for (const warning of warnings) printWarning(context.stderr, warning);
  context.stdout.write(nextSteps(identity, { directory, files, sides, isFurther: there !== null }));
}

async function choosePlatforms(
  { platform }: InitOptions,
  asks: boolean,
  context: CliContext,
): Promise<readonly InitPlatform[]> {
  const ids = platform ?? [asks ? await askPlatform(initPlatforms, context) : defaultPlatform];
  return initPlatforms.filter(({ id }) => ids.includes(id));
}

/** The `hallpass.yaml` that is there already, or null. */
async function readThere(path: string): Promise<WorkloadFile | null> {
  try {
    return readWorkloadFile(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (error instanceof AppError) throw error;
    throw fileFailure('read', path, error);
  }
}

async function collectAnswers(
  options: InitOptions & GivenAnswers,
  chosen: readonly InitPlatform[],
  there: WorkloadFile | null,
  asks: boolean,
  context: CliContext,
): Promise<{ readonly identity: Identity; readonly sides: readonly PlatformSide[] }> {
  if (chosen.length > 1 && options['audience'] !== undefined) {
    throw new UsageError({
      what: '--audience is for one platform: each relying party should have its own',
      mend: 'run hallpass init once for each platform',
    });
  }
  const questions = [...identityQuestions, audienceQuestion, ...chosen.flatMap((one) => one.questions)];
  const given = { ...namesThere(there, options), ...picked(questions, options) };
  const complete = asks ? await askMissing(questions, given, context) : given;
  const missing = unanswered(questions, complete);
  if (missing.length > 0) {
    throw new UsageError({
      what: `hallpass init needs ${missing.map(({ flag }) => flag).join(', ')}`,
      mend: 'give them as flags, or run it on a terminal, where it asks',
    });
  }
  const answers = checkedAnswers(questions, complete);
  const identity = { ...identityOf(answers), ...(there?.ids.workspace && { workspaceId: there.ids.workspace.value }) };
  const about = {
    identity,
    answers,
    hasProvider: options.existingProvider ?? false,
    audience: answers.get(audienceQuestion.key) ?? null,
    parentEnvironment: context.settings.parentEnvironment,
  };
  return { identity, sides: chosen.map((platform) => platform.setUp(about)) };
}

function picked(questions: readonly Question[], options: GivenAnswers): GivenAnswers {
  return Object.fromEntries(
    questions.flatMap(({ key }) => (options[key] === undefined ? [] : [[key, options[key]] as const])),
  );
}

/** Who the workspace is stands in its file already; a flag that says something else is a mistake. */
function namesThere(there: WorkloadFile | null, options: GivenAnswers): GivenAnswers {
  if (there === null) return {};
  const written = { issuer: there.issuer, ...there.names };
  for (const { key, flag } of identityQuestions) {
    const said = written[key as keyof typeof written];
    if (said && options[key] !== undefined && options[key] !== said.value) {
      throw new SettingsError({
        what: `${flag} is ${quoted(options[key])}, but hallpass.yaml says ${quoted(said.value)}`,
        where: said.place,
        mend: `leave ${flag} out, or take another directory with --directory; nothing was written`,
      });
    }
  }
  return Object.fromEntries(
    Object.entries(written).flatMap(([key, said]) => (said ? [[key, said.value] as const] : [])),
  );
}

/** Keys first: files that name an issuer without keys would help nobody, keys without files harm nobody. */
async function setUp(
  identity: Identity,
  directory: string,
  files: readonly NewFile[],
  context: CliContext,
): Promise<void> {
  const { settings, now } = context;
  const audit = await openAuditLog({ dataDirectory: settings.dataDirectory, now });
  try {
    await makeKeys(identity.issuer, settings, audit, now);
    await makeDirectories(directory, 0o777).catch((error: unknown) => {
      throw fileFailure('make', directory, error);
    });
    await writeNewFiles(directory, files);
    // What was there before is not ours to allow.
    if (files.some(({ path }) => path === workloadFileName)) await allowWritten(directory, audit, context);
  } finally {
    await audit.close();
  }
}

/** Allows what was written here, and nothing that a file further up says besides. */
async function allowWritten(directory: string, audit: AuditLog, { settings, now }: CliContext): Promise<void> {
  const real = await realpath(directory);
  const here = { ...settings, workingDirectory: real, parentEnvironment: {} };
  const { claimedByFile } = await resolveClaim(here, {});
  if (claimedByFile === null) return;
  const ours = join(real, workloadFileName);
  const statements = claimedByFile.statements.filter(({ file }) => file === ours);
  await recordAllowed(settings, { claimedByFile: { ...claimedByFile, statements } }, audit, {
    actor: currentActor(settings),
    at: now(),
  });
}

async function makeKeys(issuer: string, settings: Settings, audit: AuditLog, now: () => Date): Promise<void> {
  const store = await fileKeyStore(settings);
  const actor = currentActor(settings);
  const countsAsPublished = isLoopbackIssuer(issuer) ? 'creation' : 'observed';
  const ring = await keyKeeper({ store, audit, now, actor }).create(issuer, countsAsPublished);
  requireIssuer(ring, issuer, settings.dataDirectory);
}

function warningsFor(issuer: string): Problem[] {
  if (!isLoopbackIssuer(issuer)) return [];
  return [
    {
      what: `${issuer} is on this machine only: no platform elsewhere can fetch its keys`,
      mend: 'good for trying with "hallpass sandbox"; else take an https URL that the platform can reach',
    },
  ];
}

interface Written {
  readonly directory: string;
  readonly files: readonly NewFile[];
  readonly sides: readonly PlatformSide[];
  /** Whether `hallpass.yaml` was there before, so that its lines must be added by hand. */
  readonly isFurther: boolean;
}

function nextSteps({ issuer }: Identity, { directory, files, sides, isFurther }: Written): string {
  const steps = [
    ...(isFurther ? [] : [publishing(issuer)]),
    // Where tokens are sent is to be allowed, too.
    ...(isFurther
      ? [
          ['Add under "variables" in hallpass.yaml:', ...sides.flatMap(variableLines)],
          ['Allow what it says then:', '  hallpass allow'],
        ]
      : []),
    ...sides.map((side) => side.steps),
    ['From then on, without any stored key:', '  hallpass exec -- terraform plan'],
  ];
  return [
    `Written to ${directory}:`,
    ...files.map(({ path }) => `  ${path}`),
    '',
    'Next:',
    ...steps.flatMap(([first, ...rest], index) => [`  ${index + 1}. ${first}`, ...rest.map((line) => `     ${line}`)]),
    '',
  ].join('\n');
}

function publishing(issuer: string): string[] {
  if (isLoopbackIssuer(issuer)) {
    return [
      'Serve the two documents of the issuer, in another terminal:',
      `  hallpass issuer serve --listen ${new URL(issuer).host}`,
    ];
  }
  return [
    `Publish the two documents of the issuer at ${issuer}, and let Hallpass look at them:`,
    '  hallpass issuer export public      and upload what lies in public/',
    `  hallpass issuer check ${issuer}`,
  ];
}
