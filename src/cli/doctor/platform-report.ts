import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AppError, SettingsError, UsageError, type Problem } from '../../domain/errors.ts';
import { quoted } from '../../domain/printable.ts';
import type { Claims } from '../../domain/token.ts';
import { TrustDocumentError } from '../../domain/trust.ts';
import type { Phase } from '../../domain/workload.ts';
import { errnoOf } from '../../files/file-failure.ts';
import { fetchDocuments } from '../../identity/fetch-documents.ts';
import { isLoopbackIssuer } from '../../identity/issuer-url.ts';
import { platformViews } from '../../identity/platform-views.ts';
import {
  configurationsInForce,
  platforms,
  type Platform,
  type TrustAnswer,
  type TrustQuestion,
} from '../../platforms/index.ts';
import { fullName, switchOf } from '../../platforms/variables.ts';
import type { CliContext } from '../context.ts';
import type { OpenWorkload } from '../open-workload.ts';
import { claimsForQuestion } from './exchanges.ts';

/** What a configured platform will say to our token, as far as it can be known before a run. */
export interface PlatformReport {
  readonly platform: string;
  readonly tag: string | null;
  readonly phase: Phase;
  readonly settings: readonly {
    readonly name: string;
    readonly value: string | null;
    readonly source: string | null;
  }[];
  /** Why there is no token to be sent; all below is null then. */
  readonly problem: Problem | null;
  readonly offered: string | null;
  readonly claims: Claims | null;
  readonly issuer: IssuerReport | null;
  /** What the platform's own document says; null when none was given. */
  readonly trust: TrustAnswer | null;
}

/** Whether the platform can fetch the issuer's keys. */
export interface IssuerReport {
  readonly url: string;
  /** By the looks of the URL. */
  readonly usable: boolean;
  readonly notes: readonly string[];
  /** What was wrong when this machine fetched them. */
  readonly errors: readonly string[];
}

/**
 * Looks at one platform's configurations.
 *
 * @param trustFile the platform's native trust document, by path
 * @throws {UsageError} when the platform is not there, or not switched on
 */
export async function examinePlatform(
  context: CliContext,
  open: OpenWorkload,
  asked: { readonly id: string; readonly phases: readonly Phase[]; readonly trustFile: string | null },
): Promise<readonly PlatformReport[]> {
  const platform = platforms.find(({ id }) => id === asked.id)!;
  const document = asked.trustFile === null ? null : await readDocument(context, asked.trustFile);
  const issuer = await lookAtIssuer(context, open.workload.issuer, platform);
  const reports = await Promise.all(
    asked.phases.map((phase) => examinePhase(context, open, { platform, phase, document, issuer })),
  );
  if (reports.every((of) => of.length === 0)) throw notSwitchedOn(platform);
  return reports.flat();
}

function notSwitchedOn(platform: Platform): UsageError {
  return new UsageError({
    what: `${platform.title} is not switched on for this workspace`,
    mend: `set ${fullName(platform, switchOf(platform), null, {})} to "true" under variables in hallpass.yaml`,
  });
}

async function examinePhase(
  context: CliContext,
  open: OpenWorkload,
  about: { platform: Platform; phase: Phase; document: TrustDocument | null; issuer: IssuerReport },
): Promise<readonly PlatformReport[]> {
  const { platform, phase, document, issuer } = about;
  const { variables, workspace, sources } = open.workload;
  const found = configurationsInForce(platform, variables, phase, { workspace: workspace.name });
  return Promise.all(
    found.map(async ({ tag, settings, request, problem }): Promise<PlatformReport> => {
      const shown = settings.map(({ name, value, variable }) => ({
        name: variable ?? name,
        value,
        source: variable === null ? null : (sources.get(variable) ?? 'environment'),
      }));
      const base = { platform: platform.id, tag, phase, settings: shown };
      if (request === null) return { ...base, problem, offered: null, claims: null, issuer: null, trust: null };
      const claims = await claimsForQuestion(open, open.leaseFor(phase), request);
      const { offered } = request;
      const trust = document === null ? null : await judged(platform, document, { claims, at: context.now(), offered });
      return { ...base, problem: null, offered, claims, issuer, trust };
    }),
  );
}

/** What `--trust` names. */
interface TrustDocument {
  readonly path: string;
  readonly text: string;
}

/** The platforms' own errors know line and column only. */
async function judged(
  platform: Platform,
  { path, text }: TrustDocument,
  question: TrustQuestion,
): Promise<TrustAnswer> {
  try {
    return await platform.trust.judge(text, question);
  } catch (error) {
    if (!(error instanceof TrustDocumentError)) throw error;
    const where = `--trust ${quoted(path)}, line ${error.line}, column ${error.column}`;
    throw new AppError(error.code, { ...error.problem, where }, { cause: error });
  }
}

async function readDocument(context: CliContext, path: string): Promise<TrustDocument> {
  const file = resolve(context.settings.workingDirectory, path);
  try {
    return { path, text: await readFile(file, 'utf8') };
  } catch (error) {
    throw new SettingsError(
      {
        what: `the trust document cannot be read: ${errnoOf(error) ?? 'unknown'}`,
        where: `--trust ${quoted(path)}`,
        mend: 'give the path of the platform\'s own document; "hallpass doctor --help" says which',
      },
      { cause: error },
    );
  }
}

async function lookAtIssuer(context: CliContext, url: string, platform: Platform): Promise<IssuerReport> {
  const view = platformViews(url).find(({ id }) => id === platform.id);
  const { findings } = await fetchDocuments(url, context.fetch);
  return {
    url,
    usable: view?.usable ?? true,
    notes: view?.notes ?? [],
    errors: findings.filter(({ severity }) => severity === 'error').map(({ what }) => what),
  };
}

/**
 * Whether nothing is refused, or will fail.
 *
 * @param isAccepted the platform has taken the token just now
 */
export function isWellWith({ problem, issuer, trust }: PlatformReport, isAccepted: boolean): boolean {
  if (problem !== null || trust?.allowed === false) return false;
  return isAccepted || (issuer !== null && issuer.usable && issuer.errors.length === 0);
}

const marks = { pass: '✓', fail: '✗', unknown: '?' } as const;

/** The report for people. */
export function platformReportText(report: PlatformReport): string {
  const { platform, tag, phase, problem, claims, issuer, trust, offered } = report;
  const title = `${platform}, ${tag === null ? 'default configuration' : `tag ${tag}`}, ${phase} phase`;
  if (problem !== null) {
    const where = problem.where === undefined ? [] : [`    where: ${problem.where}`];
    const mend = problem.mend === undefined ? [] : [`    hint:  ${problem.mend}`];
    return [title, `  ✗ ${problem.what}`, ...where, ...mend, ''].join('\n');
  }
  return [
    title,
    ...section('set', settingLines(report)),
    ...section('token', [
      ...(offered === null ? [] : [`offered to ${offered}`]),
      ...(claims === null ? [] : [`sub ${claims.sub}`, `aud ${claims.aud}`, `iss ${claims.iss}`]),
    ]),
    ...section('issuer', issuer === null ? [] : issuerLines(issuer)),
    ...section(
      'trust',
      trust === null ? ["not looked at: give the platform's own document with --trust"] : trustLines(trust),
    ),
    '',
  ].join('\n');
}

function settingLines({ settings }: PlatformReport): string[] {
  const longest = 80;
  return settings.map(({ name, value, source }) => {
    if (value === null) return `${name}: not set`;
    const shown = value.length > longest ? `${value.slice(0, longest)}…` : value;
    return `${name} = ${shown}  [${source ?? 'built-in default'}]`;
  });
}

function issuerLines({ url, usable, notes, errors }: IssuerReport): string[] {
  return [
    `${usable ? '✓' : '✗'} ${url}: ${notes.join('; ')}`,
    ...(usable || !isLoopbackIssuer(url)
      ? []
      : ['  a stand-in on this machine (hallpass sandbox) takes it all the same']),
    ...(errors.length === 0
      ? ['✓ both documents could be fetched from here; whether the platform can too depends on its network']
      : errors.map((error) => `✗ ${error}`)),
  ];
}

function trustLines({ allowed, error, reasons, identity, checks }: TrustAnswer): string[] {
  return [
    allowed
      ? `✓ accepted${identity === null ? '' : ` as ${identity}`}`
      : `✗ refused${error === null ? '' : `: ${error.code}: ${error.message}`}`,
    ...checks.map((check) => `  ${marks[check.result]} ${check.sentence}`),
    ...(checks.length > 0 ? [] : reasons.map((reason) => `  ✗ ${reason}`)),
  ];
}

function section(name: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `  ${(index === 0 ? name : '').padEnd(8)} ${line}`);
}
