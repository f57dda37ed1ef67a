import { isoSeconds } from '../domain/iso-seconds.ts';
import { shellQuoted } from '../files/shell-quoted.ts';
import type { AuditRecord } from './event.ts';

/** Everything that is known of one run. */
export interface Trace {
  readonly runId: string;
  readonly records: readonly AuditRecord[];
  /** Commands that show what the run's roles did, by the platform's own log. */
  readonly lookups: readonly string[];
}

/** Shortest beginning of a run id that may stand for it: `run-` and four characters. */
const shortestPrefix = 8;

/**
 * The ids of the runs that are meant by a run id, the beginning of one (8 characters or more), or the `jti` of a token. One,
 * usually; none, or several for a beginning that is too short.
 */
export function runsMeant(records: Iterable<AuditRecord>, text: string): ReadonlySet<string> {
  const exact = new Set<string>();
  const begun = new Set<string>();
  for (const record of records) {
    const runId = record.workload?.run_id;
    if (runId === undefined) continue;
    if (runId === text || jtiOf(record) === text) exact.add(runId);
    else if (text.length >= shortestPrefix && runId.startsWith(text)) begun.add(runId);
  }
  return exact.size > 0 ? exact : begun;
}

/** Gathers one run's records, in order, and what to ask the platforms. */
export function traceRun(records: Iterable<AuditRecord>, runId: string): Trace {
  const own: AuditRecord[] = [];
  for (const record of records) if (record.workload?.run_id === runId) own.push(record);
  return { runId, records: own, lookups: cloudTrailLookups(own) };
}

function jtiOf(record: AuditRecord): string | null {
  if (record.type === 'token_minted') return record.token.jti;
  return record.type === 'exchange_refused' ? record.jti : null;
}

/** CloudTrail shows an event up to 15 minutes late, and what a session does goes on until its credentials expire. */
const slackSeconds = 900;

/** One command a phase that had tokens for AWS: the session is called `<run id>-<phase>`. */
function cloudTrailLookups(records: readonly AuditRecord[]): string[] {
  const sessions = new Map<string, { from: number; to: number }>();
  for (const record of records) {
    if (record.type !== 'token_minted' || record.platform !== 'aws' || record.workload === null) continue;
    const session = `${record.workload.run_id}-${record.workload.phase}`;
    const at = Math.floor(Date.parse(record.at) / 1000);
    const known = sessions.get(session) ?? { from: at, to: record.token.exp };
    sessions.set(session, { from: Math.min(known.from, at), to: Math.max(known.to, record.token.exp) });
  }
  return [...sessions].map(([session, { from, to }]) =>
    [
      'aws cloudtrail lookup-events',
      `--lookup-attributes ${shellQuoted(`AttributeKey=Username,AttributeValue=${session}`)}`,
      `--start-time ${isoSeconds(new Date(from * 1000))}`,
      `--end-time ${isoSeconds(new Date((to + slackSeconds) * 1000))}`,
    ].join(' '),
  );
}
