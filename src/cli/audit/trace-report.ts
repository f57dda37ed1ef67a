import { formatDuration } from '../../domain/duration.ts';
import type { AuditRecord, TokenMinted } from '../../audit/event.ts';
import { dayOf, timeOf, zoneName, type Zone } from '../../audit/moment.ts';
import { plain, sentenceOf, workloadText } from '../../audit/sentence.ts';
import type { Trace } from '../../audit/trace.ts';

/** One run's story as text: when it began, each event with the time since then, what to ask the platforms. Pure. */
export function traceText(trace: Trace, zone: Zone): string {
  const first = trace.records[0]!;
  const start = new Date(first.at);
  return [
    `${plain(trace.runId)}${first.workload ? ` of ${workloadText(first.workload)}` : ''}`,
    `began ${dayOf(start, zone)} ${timeOf(start, zone)} (${zoneName(start, zone)})`,
    '',
    ...trace.records.flatMap((record) => eventLines(record, start, zone)),
    ...lookupLines(trace),
    '',
  ].join('\n');
}

function eventLines(record: AuditRecord, start: Date, zone: Zone): string[] {
  const since = sinceStart(Date.parse(record.at) - start.getTime());
  const line = `${since.padStart(sinceWidth)}  ${sentenceOf(record, zone)}`;
  return record.type === 'token_minted' ? [line, ...tokenLines(record)] : [line];
}

const sinceWidth = 9;

function sinceStart(milliseconds: number): string {
  if (milliseconds < 0) return `-${formatDuration(-milliseconds / 1000)}`;
  return milliseconds < 60_000 ? `+${(milliseconds / 1000).toFixed(3)}s` : `+${formatDuration(milliseconds / 1000)}`;
}

function tokenLines({ token }: TokenMinted): string[] {
  return (['sub', 'aud', 'jti', 'kid', 'sha256'] as const).map(
    (name) => `${' '.repeat(sinceWidth)}    ${name.padEnd(6)}  ${plain(token[name])}`,
  );
}

function lookupLines({ lookups }: Trace): string[] {
  if (lookups.length === 0) return [];
  return [
    '',
    'What its roles did stands in CloudTrail, in each region that was used, up to 15 minutes late:',
    ...lookups.map((lookup) => `  ${lookup}`),
  ];
}
