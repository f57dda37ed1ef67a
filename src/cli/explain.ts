import type { CredentialRequest, Refusal } from '../domain/credential.ts';
import type { Problem } from '../domain/errors.ts';
import { isoSeconds } from '../domain/iso-seconds.ts';
import type { Lease } from '../domain/lease.ts';
import type { Claims } from '../domain/token.ts';
import { phaseOf, runIdOf, type Workload } from '../domain/workload.ts';
import type { PhaseEvent } from '../environment/phase.ts';

/** Text of Hallpass' own lines begins like this, so that they can be told from the command's. */
const mark = 'hallpass: ';

/**
 * A refusal as people need it: what was asked for, with which claims, what the platform said, what is likely behind
 * it, and what to run next. Several lines, with a line feed at the end.
 *
 * @param claims of the token that was refused; null when it is not known
 */
export function refusalText(refusal: Refusal, claims: Claims | null, next: string | null): string {
  const answer = [
    refusal.status === null || refusal.code === `HTTP ${refusal.status}` ? null : `HTTP ${refusal.status}`,
    refusal.requestId === null ? null : `request ${refusal.requestId}`,
  ].filter((part) => part !== null);
  const rows: readonly (readonly [string, string | null | undefined])[] = [
    ['role', refusal.role],
    ['iss', claims?.iss],
    ['aud', claims?.aud],
    ['sub', claims?.sub],
    ['answer', `${refusal.code}: ${refusal.message}${answer.length > 0 ? ` (${answer.join(', ')})` : ''}`],
    ...refusal.reasons.map((reason, index) => [index === 0 ? 'checks' : '', reason] as const),
    ...refusal.causes.map((cause, index) => [index === 0 ? 'likely' : '', `${index + 1}. ${cause}`] as const),
    ['next', next],
  ];
  const lines = rows
    .filter((row): row is [string, string] => typeof row[1] === 'string')
    .map(([name, value]) => `  ${(name === '' ? '' : `${name}:`).padEnd(8)} ${value}`);
  return [`error: ${platformName(refusal)} refused this phase's token`, ...lines, ''].join('\n');
}

/** A problem that does not stop the command. */
export function warningText(problem: Problem): string {
  const where = problem.where === undefined ? '' : ` (${problem.where})`;
  const mend = problem.mend === undefined ? '' : `\n  hint:  ${problem.mend}`;
  return `${mark}warning: ${problem.what}${where}${mend}\n`;
}

/**
 * What stands before a command: which phase of what it is, and what it may be. One line, and where there are several
 * configurations a further one for each.
 */
export function openingText(lease: Lease, requests: readonly CredentialRequest[]): string {
  const opening = `${mark}${phaseOf(lease.workload)} as ${workloadName(lease.workload)}, ${runIdOf(lease.workload)}`;
  const offers = requests.map(
    (request) => `${platformName(request)} → ${request.offered ?? `token for ${request.audience}`}`,
  );
  if (offers.length > 1) return [opening, ...offers.map((offer) => `  ${offer}`), ''].join('\n');
  return `${opening}; ${offers[0] ?? 'no credentials'}\n`;
}

/**
 * An event of a phase as text for standard error; null for what needs no word. Refusals are not among them: they need
 * the claims ({@link refusalText}).
 */
export function eventText(event: PhaseEvent): string | null {
  switch (event.type) {
    case 'warning':
      return warningText({ what: event.text, ...(event.mend === undefined ? {} : { mend: event.mend }) });
    case 'leftovers_cleared':
      return `${mark}cleared what an earlier phase left: ${event.directories.join(', ')}\n`;
    case 'exchange_waiting':
      return `${mark}waiting for ${platformName(event)}${event.address === null ? '' : ` at ${event.address}`}\n`;
    case 'revocation_failed':
      return warningText(unrevoked(event));
    default:
      return null;
  }
}

function unrevoked(event: Extract<PhaseEvent, { type: 'revocation_failed' }>): Problem {
  const end = event.expiresAt === null ? 'by their own lifetime' : `by themselves at ${isoSeconds(event.expiresAt)}`;
  return {
    what: `the credentials for ${platformName(event)} were not revoked: ${event.reason}; they end ${end}`,
    mend: event.triedAgain
      ? 'following hallpass commands try again'
      : 'revoke them at the platform if that is too late',
  };
}

/** `aws`, or `aws AUDIT` for a tagged configuration. */
export function platformName(configuration: { readonly platform: string; readonly tag: string | null }): string {
  return configuration.tag === null ? configuration.platform : `${configuration.platform} ${configuration.tag}`;
}

/** `organization/project/workspace`. */
function workloadName(workload: Workload): string {
  switch (workload.kind) {
    case 'workspace_run':
      return `${workload.organization.name}/${workload.project.name}/${workload.workspace.name}`;
    case 'module_test':
      return `${workload.organization.name}/${workload.module}`;
    case 'stack_deployment':
      return `${workload.organization.name}/${workload.project.name}/${workload.stack.name}/${workload.deployment}`;
  }
}
