import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import { type AuditLog, openAuditLog } from '../audit/log.ts';
import type { Problem } from '../domain/errors.ts';
import { fileFailure } from '../files/file-failure.ts';
import { makeDirectories } from '../files/make-directories.ts';
import { isLoopbackIssuer } from '../identity/issuer-url.ts';
import { requireIssuer } from '../identity/issuer.ts';
import { keyKeeper } from '../identity/key-keeper.ts';
import { fileKeyStore } from '../identity/key-store/file.ts';
import { workloadFileName } from '../settings/find-workload-files.ts';
import type { Settings } from '../settings/settings.ts';
import { recordAllowed, resolveClaim } from '../settings/workload.ts';
import { currentActor } from './actor.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { type Answers, checkedAnswers, type GivenAnswers, questions } from './init/answers.ts';
import { askMissing } from './init/ask.ts';
import { settingsFileText } from './init/settings-file.ts';
import { awsDirectory, awsFiles, type NewFile } from './init/terraform-code.ts';
import { refuseExisting, writeNewFiles } from './init/write-files.ts';
import { printWarning } from './print-error.ts';

const help = `
It makes the signing keys, writes hallpass.yaml (and allows it), and writes Terraform code to ${awsDirectory}/ for the
OIDC provider, a plan role and an apply role. It overwrites nothing.

Example:
  $ hallpass init             asks
  $ hallpass init --issuer https://id.example.com --organization acme --project payments \\
      --workspace payments-prod --aws-account 111122223333 --state-bucket acme-state --yes`;

export const command: CommandFactory = (context) => {
  const built = new Command('init').description(
    'Sets up your own account: signing keys, hallpass.yaml, and Terraform code for provider and roles.',
  );
  for (const { flag, argument, about } of questions) built.option(`${flag} ${argument}`, about);
  return built
    .option('--existing-provider', 'the account has an OIDC provider for this issuer already')
    .option('--directory <path>', 'where to write (default: here)')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', help)
    .action(async (options: InitOptions) => {
      const answers = await collectAnswers(options, context);
      const directory = resolve(context.settings.workingDirectory, options.directory ?? '.');
      const files: NewFile[] = [{ path: workloadFileName, text: settingsFileText(answers) }, ...awsFiles(answers)];
      await refuseExisting(directory, files);
      await setUp(answers, directory, files, context);
      for (const warning of warningsFor(answers)) printWarning(context.stderr, warning);
      context.stdout.write(nextSteps(answers, files, directory));
    });
};

interface InitOptions extends GivenAnswers {
  readonly existingProvider?: boolean;
  readonly directory?: string;
  readonly yes?: boolean;
}

async function collectAnswers(options: InitOptions, context: CliContext): Promise<Answers> {
  const given: GivenAnswers = Object.fromEntries(
    questions.flatMap(({ key }) => (options[key] === undefined ? [] : [[key, options[key]]])),
  );
  const asks = !options.yes && context.stdin.isTTY === true && context.stdout.isTTY === true;
  const complete = asks ? await askMissing(given, context) : given;
  return checkedAnswers(complete, options.existingProvider ?? false, context.settings.parentEnvironment);
}

/** Keys first: files that name an issuer without keys would help nobody, keys without files harm nobody. */
async function setUp(
  answers: Answers,
  directory: string,
  files: readonly NewFile[],
  context: CliContext,
): Promise<void> {
  const { settings, now } = context;
  const audit = await openAuditLog({ dataDirectory: settings.dataDirectory, now });
  try {
    await makeKeys(answers.issuer, settings, audit, now);
    await makeDirectories(directory, 0o777).catch((error: unknown) => {
      throw fileFailure('make', directory, error);
    });
    await writeNewFiles(directory, files);
    await allowWritten(directory, audit, context);
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

function warningsFor({ issuer }: Answers): Problem[] {
  if (isLoopbackIssuer(issuer)) {
    return [
      {
        what: `${issuer} is on this machine only: AWS cannot fetch its keys`,
        mend: 'good for trying with "hallpass sandbox"; for AWS, take an https URL that the internet can reach',
      },
    ];
  }
  if (new URL(issuer).port === '') return [];
  return [
    {
      what: `${issuer} has a port, and AWS expects issuers without one`,
      mend: 'host the documents on port 443',
    },
  ];
}

function nextSteps(answers: Answers, files: readonly NewFile[], directory: string): string {
  return [
    `Written to ${directory}:`,
    ...files.map(({ path }) => `  ${path}`),
    '',
    'Next:',
    ...publishing(answers.issuer),
    "  2. Once, with an administrator's credentials for the account:",
    `       cd ${join(directory, awsDirectory)} && terraform init && terraform apply`,
    `     What an apply may change is yours to say: ${awsDirectory}/apply.tf`,
    '  3. From then on, without any stored key:',
    '       hallpass exec -- terraform plan',
    '',
  ].join('\n');
}

function publishing(issuer: string): string[] {
  if (isLoopbackIssuer(issuer)) {
    return [
      '  1. Serve the two documents of the issuer, in another terminal:',
      `       hallpass issuer serve --listen ${new URL(issuer).host}`,
    ];
  }
  return [
    `  1. Publish the two documents of the issuer at ${issuer}, and let Hallpass look at them:`,
    '       hallpass issuer export public      and upload what lies in public/',
    `       hallpass issuer check ${issuer}`,
  ];
}
