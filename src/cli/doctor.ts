import { Command, Option } from '@commander-js/extra-typings';
import { UsageError } from '../domain/errors.ts';
import { jsonText } from '../domain/json.ts';
import type { WorkloadFlags, WorkloadSettings } from '../settings/workload.ts';
import { resolveWorkload } from '../settings/workload.ts';
import { phases, type Phase } from '../domain/workload.ts';
import type { CliContext, CommandFactory } from './context.ts';
import {
  checkAllowed,
  checkAudit,
  checkConflicts,
  checkDetours,
  checkIssuer,
  checkPlaces,
  checkRunDirectory,
  checkSharedAudiences,
  checkTerraform,
} from './doctor/checks.ts';
import { tryExchanges, type ExchangeResult } from './doctor/exchanges.ts';
import { looked, type Finding } from './doctor/finding.ts';
import { checkIsolation } from './doctor/isolation.ts';
import { checkSandboxLeftovers } from './doctor/sandbox-leftovers.ts';
import { processRows, workloadRows, type SettingRow } from './doctor/settings-rows.ts';
import { platformName, refusalText } from './explain.ts';
import { openWorkload } from './open-workload.ts';
import { platforms } from '../platforms/index.ts';
import { addWorkloadOptions } from './workload-options.ts';

const help = `
Examples:
  hallpass doctor                  what is set, from where, and what holds on this machine
  hallpass doctor --phase plan     and whether each platform accepts a token of the plan phase
  hallpass doctor --platform aws --trust trust-policy.json
                                   what one platform will say, by its own document, without asking it

Documents for --trust:
${platforms.map(({ id, trust }) => `  ${id.padEnd(11)} ${trust.document.replaceAll('\n', `\n${' '.repeat(14)}`)}`).join('\n')}
Where each phase has a document of its own, name the phase too.

Exit codes: 0 all is well, 1 something is refused or will fail, 2 wrong usage.
`;

/** `hallpass doctor`: what is set, what holds here, and why a token is refused. */
export const command: CommandFactory = (context) =>
  addWorkloadOptions(
    new Command('doctor')
      .description('Show the settings in force, check this machine, and ask the platforms why they refuse.')
      .addOption(new Option('--phase <phase>', 'try the exchanges of this phase').choices(phases))
      .addOption(
        new Option('--platform <name>', 'say what this platform will say to our token').choices(
          platforms.map(({ id }) => id),
        ),
      )
      .option('--trust <file>', "with --platform: the platform's own trust document, to be judged")
      .option('--json', 'print one JSON object')
      .addHelpText('after', help),
  ).action(async ({ phase, platform, trust, json, ...flags }) => {
    if (trust !== undefined && platform === undefined) {
      throw new UsageError({ what: '--trust needs --platform', mend: 'say whose document it is: --platform aws' });
    }
    if (platform !== undefined) {
      await reportPlatform(context, flags, { id: platform, phase: phase ?? null, trustFile: trust ?? null, json });
      return;
    }
    const report = await examine(context, flags, phase ?? null);
    context.stdout.write(json ? jsonText(report) : reportText(report, phase ?? null));
    context.exit(report.ok ? 0 : 1);
  });

interface AskedPlatform {
  readonly id: string;
  readonly phase: Phase | null;
  readonly trustFile: string | null;
  readonly json: true | undefined;
}

async function reportPlatform(context: CliContext, flags: WorkloadFlags, asked: AskedPlatform): Promise<void> {
  await using open = await openWorkload(context, flags);
  const { examinePlatform, isWellWith, platformReportText } = await import('./doctor/platform-report.ts');
  const reports = await examinePlatform(context, open, {
    ...asked,
    phases: asked.phase === null ? phases : [asked.phase],
  });
  const exchanges = asked.phase === null ? null : await tryExchanges(context, open, asked.phase, asked.id);
  // Who has just accepted the token can read the issuer, whatever its URL looks like.
  const accepted = (exchanges ?? []).filter(({ state }) => state === 'accepted').map(({ tag }) => tag);
  const ok = reports.every((report) => isWellWith(report, accepted.includes(report.tag))) && isWell([], exchanges);
  const text = [
    ...reports.map(platformReportText),
    ...(exchanges ?? []).map((exchange) => `${exchangeText(exchange)}\n`),
  ].join('\n');
  context.stdout.write(asked.json ? jsonText({ ok, platforms: reports, exchanges }) : text);
  context.exit(ok ? 0 : 1);
}

interface Report {
  /** False when something is refused or will fail. */
  readonly ok: boolean;
  readonly settings: readonly SettingRow[];
  readonly findings: readonly Finding[];
  /** Null when no phase was named, or none could be tried. */
  readonly exchanges: readonly ExchangeResult[] | null;
}

async function examine(context: CliContext, flags: WorkloadFlags, phase: Phase | null): Promise<Report> {
  let workload: WorkloadSettings | null = null;
  const settled = await looked('workload', async () => {
    workload = await resolveWorkload(context.settings, flags);
    return workload.warnings.map(({ what, mend }) => ({ check: 'workload', state: 'note', what, mend: mend ?? null }));
  });
  const found: WorkloadSettings | null = workload;
  const findings = [
    ...settled,
    ...(await machineFindings(context)),
    ...(found ? await workloadFindings(context, found) : []),
  ];
  let exchanges: readonly ExchangeResult[] | null = null;
  if (phase !== null && found !== null) {
    findings.push(
      ...(await looked('exchange', async () => {
        await using open = await openWorkload(context, flags);
        exchanges = await tryExchanges(context, open, phase, null);
        return [];
      })),
    );
  }
  const settings = [...processRows(context.settings), ...(found ? workloadRows(found) : [])];
  return { ok: isWell(findings, exchanges), settings, findings, exchanges };
}

async function machineFindings(context: CliContext): Promise<readonly Finding[]> {
  const checks: readonly [string, () => Promise<readonly Finding[]>][] = [
    ['data directory', () => checkPlaces(context)],
    ['audit and clock', () => checkAudit(context)],
    ['run directory', () => checkRunDirectory(context)],
    ['isolation', () => checkIsolation(context)],
    ['terraform', () => checkTerraform(context)],
    ['variables', () => checkDetours(context)],
    ['variables', () => checkSandboxLeftovers(context)],
  ];
  return (await Promise.all(checks.map(([name, check]) => looked(name, check)))).flat();
}

async function workloadFindings(context: CliContext, workload: WorkloadSettings): Promise<readonly Finding[]> {
  return [
    ...(await looked('identity', () => checkAllowed(context, workload))),
    ...(await looked('issuer', () => checkIssuer(context, workload))),
    ...checkConflicts(workload),
    ...(await looked('variables', async () => checkSharedAudiences(workload))),
  ];
}

function isWell(findings: readonly Finding[], exchanges: readonly ExchangeResult[] | null): boolean {
  const refused = (exchanges ?? []).some((exchange) => ['refused', 'unreachable'].includes(exchange.state));
  return !refused && findings.every((one) => one.state !== 'problem');
}

function reportText(report: Report, phase: Phase | null): string {
  const width = Math.max(...report.settings.map((row) => row.name.length));
  const settings = report.settings.map(
    (row) =>
      `  ${row.name.padEnd(width)}  ${row.value ?? (row.isHidden ? '(not shown)' : '(not set)')}  [${row.source}]`,
  );
  const findings = report.findings.flatMap((one) => [
    `  ${one.state.padEnd(7)}  ${one.check}: ${one.what}`,
    ...(one.mend === null ? [] : [`           hint: ${one.mend}`]),
  ]);
  const exchanges = (report.exchanges ?? []).map((exchange) => exchangeText(exchange));
  return [
    'Settings',
    ...settings,
    '',
    'This machine',
    ...findings,
    ...(exchanges.length > 0 ? ['', `Exchanges of the ${phase} phase`, ...exchanges] : []),
    '',
  ].join('\n');
}

const stateSentences: Readonly<Record<Exclude<ExchangeResult['state'], 'refused'>, string>> = {
  accepted: 'accepted',
  unreachable: 'could not be asked: it did not answer within 3 s, or failed by itself',
  not_asked:
    'not asked: nothing says where it is (KUBE_HOST, ARM_TENANT_ID); providers may be told in their own blocks',
  not_tried: 'token made; whoever takes it must be asked by you',
};

function exchangeText(exchange: ExchangeResult): string {
  const { claims, refusal, state } = exchange;
  if (state === 'refused' && refusal !== null) return refusalText(refusal, claims, null).trimEnd();
  const offered = exchange.offered === null ? '' : ` → ${exchange.offered}`;
  const sentence = stateSentences[state as Exclude<ExchangeResult['state'], 'refused'>];
  return `  ${platformName(exchange)}${offered}: ${sentence}\n    sub ${claims.sub}\n    aud ${claims.aud}`;
}
