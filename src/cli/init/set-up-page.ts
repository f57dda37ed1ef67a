import { identityOf, identityQuestions, type Identity } from './identity.ts';
import type { InitPlatform, PlatformSide } from './platform.ts';
import { initPlatforms } from './platforms.ts';
import { checkedAnswers, type Question } from './question.ts';
import { variableLines } from './settings-file.ts';

const who: Readonly<Record<string, string>> = {
  issuer: 'https://id.example.com',
  organization: 'acme',
  project: 'payments',
  workspace: 'payments-prod',
};

/** Paragraphs on setting each platform up, by its id: what `hallpass init` writes for an example. Pure. */
export function setUpParagraphs(): ReadonlyMap<string, readonly string[]> {
  return new Map(initPlatforms.map((platform) => [platform.id, paragraphs(platform)]));
}

function paragraphs(platform: InitPlatform): readonly string[] {
  const required = platform.questions.filter(({ isOptional }) => !isOptional);
  const answers = checkedAnswers([...identityQuestions, ...required], {
    ...who,
    ...Object.fromEntries(required.map(({ key, placeholder }) => [key, placeholder])),
  });
  const identity = identityOf(answers);
  const side = platform.setUp({ identity, answers, hasProvider: false, audience: null, parentEnvironment: {} });
  return [
    '## Set-up',
    block('', command(platform, required)),
    ...side.warnings.map(({ what }) => what),
    `writes the code below for ${identity.workspace}, an administrator applies it once, and the workspace gets these variables:`,
    block('yaml', ['variables:', ...variableLines(side)].join('\n')),
    ...side.files.filter(({ path }) => !path.endsWith('versions.tf')).flatMap(({ path, text }) => codeOf(path, text)),
    trustRemark(identity, side),
  ];
}

function command({ id }: InitPlatform, required: readonly Question[]): string {
  const flags = [
    ...identityQuestions.map(({ key, flag }) => `${flag} ${who[key]}`),
    ...required.map(({ flag, placeholder }) => `${flag} ${placeholder}`),
  ];
  return [`hallpass init --platform ${id}`, ...flags].join(' \\\n  ');
}

function codeOf(path: string, text: string): readonly string[] {
  return [`\`${path}\`:`, block(path.endsWith('.tf') ? 'terraform' : 'yaml', text.trimEnd())];
}

function trustRemark({ workspace }: Identity, { steps }: PlatformSide): string {
  return [
    `Each phase of ${workspace} is let in by what it is, compared exactly; another workspace, another organization and the other phase are refused.`,
    ...steps.filter((step) => !step.startsWith(' ') && !step.endsWith(':')),
  ].join(' ');
}

function block(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
