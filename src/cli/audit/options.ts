import { InvalidArgumentError, Option, type Command } from '@commander-js/extra-typings';
import type { AuditFilter } from '../../audit/filter.ts';
import { outcomes } from '../../audit/event.ts';
import { readMoment, type Zone } from '../../audit/moment.ts';
import { phases } from '../../domain/workload.ts';

/** Adds the filters that `list` and `export` share. */
export function addFilterOptions<Args extends any[], Opts extends {}, Globals extends {}>(
  command: Command<Args, Opts, Globals>,
) {
  return command
    .option('--since <TIME>', 'from then on: 2h, 7d (ago), 2026-05-03, 2026-05-03T14:02')
    .option('--until <TIME>', 'up to then, included')
    .option('--workspace <GLOB>', 'workspace, organization/workspace or organization/project/workspace')
    .addOption(new Option('--phase <PHASE>', 'plan or apply').choices(phases))
    .option('--role <ROLE>', 'a part of the role that tokens were offered to, or a pattern with * and ?')
    .option('--actor <NAME>', 'a part of the name of who asked, or a pattern with * and ?')
    .addOption(new Option('--outcome <OUTCOME>', 'ok, refused or failed').choices(outcomes))
    .option('--type <TYPE>', 'kind of event, such as token_minted or key_*')
    .option('--limit <NUMBER>', 'the last NUMBER of them', wholeNumber)
    .option('--utc', 'read and show times in UTC, not in the zone of this machine', false);
}

export interface FilterOptions {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly workspace?: string | undefined;
  readonly phase?: AuditFilter['phase'];
  readonly role?: string | undefined;
  readonly actor?: string | undefined;
  readonly outcome?: AuditFilter['outcome'];
  readonly type?: string | undefined;
  readonly limit?: number | undefined;
  readonly utc: boolean;
}

/** @throws {UsageError} for a time that cannot be read */
export function filterFrom(options: FilterOptions, now: Date): AuditFilter {
  const zone = zoneFrom(options);
  const { since, until, workspace, phase, role, actor, outcome, type } = options;
  return {
    since: since === undefined ? undefined : readMoment('--since', since, now, zone, 'start'),
    until: until === undefined ? undefined : readMoment('--until', until, now, zone, 'end'),
    workspace,
    phase,
    role,
    actor,
    outcome,
    type,
  };
}

export function zoneFrom(options: { readonly utc: boolean }): Zone {
  return options.utc ? 'utc' : 'local';
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}
