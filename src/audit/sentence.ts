import { formatDuration } from '../domain/duration.ts';
import { printable } from '../domain/printable.ts';
import type { AuditEventType, AuditRecord, WorkloadRecord } from './event.ts';
import { workloadName } from './filter.ts';
import { dayOf, timeOf, type Zone } from './moment.ts';

type RecordOf<T extends AuditEventType, R = AuditRecord> = R extends { type: unknown }
  ? T extends R['type']
    ? R
    : never
  : never;

type Sentences = { readonly [T in AuditEventType]: (record: RecordOf<T>, zone: Zone) => string };

/** What each type of event says after who it was. */
const sentences: Sentences = {
  token_minted: (record, zone) =>
    `got a token for ${purpose(record, record.token.aud)}, good until ${until(record.token.exp, record.at, zone)}`,
  token_refused: (record) => `was not given a token for ${purpose(record, record.audience)}: ${plain(record.reason)}`,
  exchange_refused: (record) =>
    `was refused by ${purpose(record, '')}: ${plain(record.code)}, "${plain(record.message)}"`,
  credentials_revoked: (record) => `ended its credentials for ${purpose(record, '')}`,
  revocation_failed: (record, zone) =>
    `could not end its credentials for ${purpose(record, '')}: ${plain(record.reason)}; ` +
    (record.expires_at === null
      ? 'they end by their own lifetime'
      : `they end by themselves at ${until(Date.parse(record.expires_at) / 1000, record.at, zone)}`),
  phase_started: (record) => `started ${plain(record.command)}${inIsolation(record.isolation)}`,
  phase_ended: (record) => `ended after ${formatDuration(record.duration_seconds)} ${exit(record)}`,
  leftovers_cleared: (record) =>
    `cleared what a killed Hallpass had left: ${count(record.directories.length, 'directory', 'directories')}` +
    (record.orphans > 0 ? `, and ended ${count(record.orphans, 'orphaned command', 'orphaned commands')}` : ''),
  key_created: (record) => `made the signing key ${key(record)}`,
  key_published: (record) => `published the signing key ${key(record)}`,
  key_activated: (record) => `signs with the key ${key(record)} from now on`,
  key_retired: (record) => `signs no more with the key ${key(record)}`,
  key_removed: (record) => `took the retired key ${key(record)} out of the published keys`,
  key_compromised: (record) => `dropped the key ${key(record)} as compromised`,
  key_withdrawn: (record) => `withdrew the key ${plain(record.kid)} from the documents in ${plain(record.directory)}`,
  keys_rewrapped: (record) => `encrypted ${count(record.kids.length, 'key', 'keys')} under another key-encryption key`,
  issuer_exported: (record) =>
    `exported the issuer's documents with ${count(record.kids.length, 'key', 'keys')} to ${plain(record.directory)}`,
  issuer_checked: (record) =>
    `checked the issuer at ${plain(record.url)}: ` +
    (record.problems.length > 0
      ? record.problems.map(plain).join('; ')
      : `good, ${count(record.kids.length, 'key', 'keys')}`),
  identity_allowed: (record) => `allowed ${plain(record.file)} to choose an identity: ${members(record.identity)}`,
  audit_line_set_aside: (record) =>
    `set aside a line of ${plain(record.file)} that was cut off (${count(record.set_aside.size, 'byte', 'bytes')}, ` +
    `now ${plain(record.set_aside.file)})`,
  audit_damage_accepted: (record) =>
    `accepted ${count(record.problem_count, 'problem', 'problems')} of the audit itself: ` +
    record.problems.map(plain).join('; '),
  clock_set_back: (record) =>
    `noticed that the clock was set back by ${formatDuration(record.seconds)} (the record before is of ${plain(record.last_at)})`,
};

/** How platforms are called in sentences. */
const platformNames: Readonly<Record<string, string>> = {
  aws: 'AWS',
  gcp: 'Google Cloud',
  azure: 'Azure',
  vault: 'Vault',
  kubernetes: 'Kubernetes',
  hcp: 'HCP',
  'vault-aws': 'AWS through Vault',
  'vault-gcp': 'Google Cloud through Vault',
  'vault-azure': 'Azure through Vault',
};

/**
 * Tells a record in one sentence, without its time: `acme/payments-prod plan (run-…, started by ci@acme) got a token for
 * AWS, offered role …, good until 15:02`. Text from outside is shown with control characters escaped. Pure.
 */
export function sentenceOf(record: AuditRecord, zone: Zone): string {
  return `${who(record)} ${whatOf(record, zone)}`;
}

function whatOf(record: AuditRecord, zone: Zone): string {
  const say = sentences[record.type] as ((record: AuditRecord, zone: Zone) => string) | undefined;
  try {
    if (say) return say(record, zone);
  } catch {
    // Told below.
  }
  // Another version may know other types, or other members of a type.
  return `${plain(record.type)} (${plain(record.outcome)})`;
}

/** Text from outside as {@link printable} shows it; cut when it is too long. */
export function plain(text: unknown): string {
  const escaped = printable(String(text));
  return escaped.length > longestText ? `${escaped.slice(0, longestText)}…` : escaped;
}

const longestText = 500;

function who(record: AuditRecord): string {
  const actor = record.actor ? actorText(record.actor) : null;
  if (record.workload === null) return actor ?? 'Hallpass';
  const { run_id: run, phase } = record.workload;
  const started = actor === null ? '' : `, started by ${actor}`;
  return `${workloadText(record.workload)} ${plain(phase)} (${plain(run)}${started})`;
}

function actorText(actor: NonNullable<AuditRecord['actor']>): string {
  return actor.source === 'pipeline' ? `${plain(actor.name)} as a pipeline claims` : plain(actor.name);
}

/** `acme/payments-prod`. */
export function workloadText(workload: WorkloadRecord): string {
  return `${plain(workload.organization)}/${plain(workloadName(workload))}`;
}

function purpose(
  record: { readonly platform: string; readonly tag: string | null; readonly offered: string | null },
  audience: string,
): string {
  const platform =
    record.platform === 'manual'
      ? `the audience ${plain(audience)}`
      : (platformNames[record.platform] ?? plain(record.platform));
  const tag = record.tag === null ? '' : `, tag ${plain(record.tag)}`;
  const noun = record.platform === 'aws' ? 'role ' : '';
  return `${platform}${tag}${record.offered === null ? '' : `, offered ${noun}${plain(record.offered)}`}`;
}

/** `15:02`, with the date when it is another day. */
function until(expirySeconds: number, at: string, zone: Zone): string {
  const expiry = new Date(expirySeconds * 1000);
  if (Number.isNaN(expiry.getTime())) return plain(expirySeconds);
  const time = timeOf(expiry, zone).slice(0, 5);
  const day = dayOf(expiry, zone);
  return day === dayOf(new Date(at), zone) ? time : `${day} ${time}`;
}

function inIsolation(isolation: string | null): string {
  return isolation === null ? '' : ` (isolation: ${plain(isolation)})`;
}

function exit(record: { readonly exit_code: number | null; readonly signal: string | null }): string {
  return record.signal === null ? `with exit code ${plain(record.exit_code)}` : `by ${plain(record.signal)}`;
}

function key(record: { readonly kid: string; readonly reason: string | null }): string {
  return record.reason === null ? plain(record.kid) : `${plain(record.kid)} (${plain(record.reason)})`;
}

function members(identity: object): string {
  return Object.entries(identity)
    .map(([name, value]) => `${plain(name)} ${plain(typeof value === 'string' ? value : JSON.stringify(value))}`)
    .join(', ');
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
