import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AuditLog } from '../audit/log.ts';
import { AppError } from '../domain/errors.ts';
import { isJsonObject, jsonText, type JsonObject } from '../domain/json.ts';
import type { Actor } from '../domain/lease.ts';
import { quoted } from '../domain/printable.ts';
import { withLock } from '../files/lock.ts';
import { openPrivateDirectory, readPrivateFileIfThere, writePrivateFile } from '../files/private-file.ts';
import type { FileIdentity } from './file-identity.ts';
import type { Settings } from './settings.ts';

/** A statement that was not allowed as it stands now; `before` is null where the allowance is silent. */
export interface IdentityChange {
  readonly field: string;
  readonly before: string | null;
  readonly now: string;
}

/** Anything that carries what the files claim: workload settings, or their identity alone. */
export interface Claimed {
  readonly claimedByFile: FileIdentity | null;
}

/** One record of `allowed.json`. */
interface Allowance {
  readonly digest: string;
  readonly statements: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly allowed_at: string;
  readonly allowed_by: string;
}

interface Allowances {
  readonly version: 1;
  /** By real path of the directory. */
  readonly allowed: Readonly<Record<string, Allowance>>;
}

/** Where the allowances lie in a data directory. */
export function allowancesFile(dataDirectory: string): string {
  return join(dataDirectory, 'allowed.json');
}

/**
 * The SHA-256, in lower-case hex, of what files say about identity: fields and values, in a fixed order. The files'
 * paths do not count: the directory for which it is recorded does.
 */
export function identityDigest(identity: FileIdentity): string {
  const pairs = Object.entries(statementsOf(identity)).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(`hallpass identity v1\n${JSON.stringify(pairs)}`)
    .digest('hex');
}

/**
 * Refuses to go on while what the files say about identity was not allowed by the user.
 *
 * @throws {AppError} `identity_not_allowed`, saying what changed since the last `hallpass allow`
 */
export async function requireAllowed(settings: Settings, workload: Claimed): Promise<void> {
  const changes = await changesSinceAllowed(settings, workload);
  if (changes === 'allowed') return;
  const identity = workload.claimedByFile!;
  const files = filesOf(identity).join(', ');
  throw new AppError('identity_not_allowed', {
    what:
      changes === 'never allowed'
        ? `${files} ${doing(identity)}, and you have not allowed it: ${described(identity)}`
        : `${files} has changed since you allowed it: ${changes.map(describedChange).join('; ')}`,
    where: identity.directory,
    mend: 'read the file, then run "hallpass allow"',
  });
}

/**
 * How what the files say compares with what was allowed for their directory. What a variable or a flag says otherwise
 * in this run does not count.
 */
export async function changesSinceAllowed(
  settings: Settings,
  { claimedByFile: identity }: Claimed,
): Promise<'allowed' | 'never allowed' | readonly IdentityChange[]> {
  if (identity === null) return 'allowed';
  const recorded = (await readAllowances(settings)).allowed[identity.directory];
  if (recorded === undefined) return 'never allowed';
  const before = new Map(Object.entries(recorded.statements));
  const changes = identity.statements
    .filter(({ isInForce }) => isInForce)
    .map(({ field, value }) => ({ field, before: before.get(field) ?? null, now: value }))
    .filter((change) => change.before !== change.now);
  return changes.length === 0 ? 'allowed' : changes;
}

/**
 * Records that somebody allows what the files say about identity; audited before it counts.
 *
 * @param by who and when; default: the settings' user, now
 */
export async function recordAllowed(
  settings: Settings,
  { claimedByFile: identity }: Claimed,
  audit: AuditLog,
  by: { readonly actor?: Actor; readonly at?: Date } = {},
): Promise<void> {
  const { actor = { name: settings.userName, source: 'operating_system' }, at = new Date() } = by;
  if (identity === null) return;
  await openPrivateDirectory(settings.dataDirectory, 'data directory');
  await withLock(join(settings.dataDirectory, 'allowed.lock'), async () => {
    const allowances = await readAllowances(settings);
    const allowance: Allowance = {
      digest: identityDigest(identity),
      statements: statementsOf(identity),
      files: filesOf(identity),
      allowed_at: at.toISOString(),
      allowed_by: actor.name,
    };
    await audit.append({
      type: 'identity_allowed',
      outcome: 'ok',
      actor,
      workload: null,
      lease: null,
      known_by: 'runner',
      file: allowance.files[0] ?? identity.directory,
      identity: { directory: identity.directory, digest: allowance.digest, ...allowance.statements },
    });
    const next: Allowances = { version: 1, allowed: { ...allowances.allowed, [identity.directory]: allowance } };
    await writePrivateFile(allowancesFile(settings.dataDirectory), jsonText(next));
  });
}

/** Paths of the files that say something about identity, each once. */
export function filesOf(identity: FileIdentity): string[] {
  return [...new Set(identity.statements.flatMap(({ file }) => file ?? []))];
}

function statementsOf(identity: FileIdentity): Record<string, string> {
  return Object.fromEntries(identity.statements.map(({ field, value }) => [field, value]));
}

async function readAllowances(settings: Settings): Promise<Allowances> {
  const path = allowancesFile(settings.dataDirectory);
  const text = await readPrivateFileIfThere(path, 'record of allowed identities');
  if (text === null) return { version: 1, allowed: {} };
  try {
    return checkedAllowances(JSON.parse(text));
  } catch (error) {
    throw new AppError(
      'identity_not_allowed',
      {
        what: 'the record of allowed identities is damaged, so nothing counts as allowed',
        where: path,
        mend: `rm ${path}, then run "hallpass allow" where you need it`,
      },
      { cause: error },
    );
  }
}

/** By hand, since a schema library would cost every start of `exec` more than the whole rest of this file. */
function checkedAllowances(value: unknown): Allowances {
  const { version, allowed } = object(value);
  const records = Object.values(object(allowed)).map(object);
  const areWhole = records.every(
    ({ digest, statements }) =>
      typeof digest === 'string' && Object.values(object(statements)).every((text) => typeof text === 'string'),
  );
  if (version !== 1 || !areWhole) throw new TypeError('not a record of allowances');
  return value as Allowances;
}

function object(value: unknown): JsonObject {
  if (isJsonObject(value)) return value;
  throw new TypeError('not an object');
}

function doing({ statements }: FileIdentity): string {
  const does = (about: string): boolean => statements.some((statement) => statement.about === about);
  if (does('identity')) return 'chooses an identity';
  return does('reference') ? 'hands values of yours to commands' : 'chooses where tokens are sent';
}

function described(identity: FileIdentity): string {
  return identity.statements.map(({ field, value }) => `${field} ${quoted(value)}`).join(', ');
}

/** One change as people read it: `workspace "web" → "web-prod"`. */
export function describedChange({ field, before, now }: IdentityChange): string {
  return `${field} ${shownValue(before)} → ${shownValue(now)}`;
}

function shownValue(value: string | null): string {
  return value === null ? '(nothing)' : quoted(value);
}
