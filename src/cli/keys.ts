import { Command } from '@commander-js/extra-typings';
import { AppError, UsageError } from '../domain/errors.ts';
import { jsonText } from '../domain/json.ts';
import { isLoopbackIssuer } from '../identity/issuer-url.ts';
import { requireIssuer } from '../identity/issuer.ts';
import {
  activeKey,
  documentMaxAgeSeconds,
  isReady,
  nextKey,
  publishedKeys,
  readyAt,
  type KeyRing,
} from '../identity/key-ring.ts';
import type { StoredRing } from '../identity/key-store/key-store.ts';
import { columns } from './columns.ts';
import { isConfirmed } from './confirm.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { compromiseAdvice, denyEarlierSessions } from './keys/compromise-advice.ts';
import { iso, isoOrNull, keyRecord, nextKeySentence } from './keys/key-record.ts';
import { issuerUnknown, namedIssuer, openKeys } from './keys/open-keys.ts';
import { printWarning } from './print-error.ts';

const help = `
One key signs (active), one is published and waits (next), earlier ones stay published until their last token has
expired (retired). The active key is replaced by itself after 90 days.

Example:
  $ hallpass keys init --issuer https://id.example.com
  $ hallpass keys list`;

/** `hallpass keys`: makes, lists, rotates and drops signing keys. */
export const command: CommandFactory = (context) => {
  const built = new Command('keys')
    .description('Makes, lists, rotates and drops the signing keys of the data directory.')
    .addHelpText('after', help);
  for (const subcommand of [init, list, rotate, compromise, rewrap]) built.addCommand(subcommand(context));
  return built;
};

const init: CommandFactory = (context) =>
  new Command('init')
    .description('Makes the first keys. A data directory serves one issuer; its URL is remembered with the keys.')
    .option('--issuer <url>', 'issuer URL (default: HALLPASS_ISSUER, hallpass.yaml)')
    .option('--json', 'print the keys as JSON', false)
    .addHelpText('after', '\nExample:\n  $ hallpass keys init --issuer https://id.example.com')
    .action(async (options) => {
      const issuer = await namedIssuer(context, options.issuer);
      if (issuer === null) throw issuerUnknown();
      await using keys = await openKeys(context);
      const before = await keys.store.read();
      const stored = before ?? (await keys.keeper.create(issuer, isLoopbackIssuer(issuer) ? 'creation' : 'observed'));
      requireIssuer(stored, issuer, context.settings.dataDirectory);
      print(context, options.json, stored.ring.keys.map(keyRecord), initText(stored.ring, before !== null, context));
    });

function initText(ring: KeyRing, wereThere: boolean, { settings }: CliContext): string {
  const first = wereThere
    ? `The keys for ${ring.issuer} are there already; nothing was changed.`
    : `Made two keys for ${ring.issuer} in ${settings.dataDirectory}; ${settings.keyEncryptionKeyFile} encrypts them.`;
  const next =
    ring.publishing === 'creation'
      ? 'Next: hallpass issuer serve'
      : `Next: hallpass issuer export DIR, upload, then hallpass issuer check ${ring.issuer}`;
  return `${first}\n${next}\n`;
}

const list: CommandFactory = (context) =>
  new Command('list')
    .description('Lists the keys with their states.')
    .option('--json', 'print an array of keys as JSON', false)
    .addHelpText('after', '\nExample:\n  $ hallpass keys list --json')
    .action(async (options) => {
      await using keys = await openKeys(context);
      const { ring } = await keys.ring();
      const now = secondsOf(context);
      const there = publishedKeys(ring, now);
      print(context, options.json, there.map(keyRecord), `${table(ring, there)}\n\n${nextKeySentence(ring, now)}\n`);
    });

function table(ring: KeyRing, keys: KeyRing['keys']): string {
  const rows = keys.map((key) => [
    key.kid,
    key.state,
    isoOrNull(key.publishedAt) ?? 'not seen yet',
    isoOrNull(key.activatedAt) ?? '-',
    isoOrNull(key.retiredAt) ?? '-',
  ]);
  const lines = columns([['KID', 'STATE', 'PUBLISHED', 'ACTIVE SINCE', 'RETIRED'], ...rows]);
  return [`Keys of ${ring.issuer}`, '', ...lines].join('\n');
}

const rotate: CommandFactory = (context) =>
  new Command('rotate')
    .description('Lets the next key sign, if it has been published for long enough; else says when it will be.')
    .option('--now', 'do not wait until every cache knows the key', false)
    .option('--json', 'print what happened as JSON', false)
    .addHelpText('after', '\nExample:\n  $ hallpass keys rotate')
    .action(async (options) => {
      await using keys = await openKeys(context);
      const before = await keys.ring();
      const now = secondsOf(context);
      const wasReady = isReady(before.ring, now);
      const after = wasReady || options.now ? await keys.keeper.rotate(options.now) : before;
      const rotated = activeKey(after.ring).kid !== activeKey(before.ring).kid;
      if (rotated && !wasReady) printWarning(context.stderr, forcedWarning(after.ring));
      print(context, options.json, rotationRecord(after.ring, rotated), rotationText(before.ring, after.ring, now));
    });

function forcedWarning(ring: KeyRing) {
  const { kid } = activeKey(ring);
  return ring.publishing === 'creation'
    ? {
        what: `${kid} signs before every cache knows it: tokens may be refused for the next ${documentMaxAgeSeconds} s`,
      }
    : {
        what: `${kid} signs before it was seen published long enough: tokens are refused until it is, and caches have ended`,
        mend: `publish it now (hallpass issuer export DIR, upload), then: hallpass issuer check ${ring.issuer}`,
      };
}

function rotationRecord(ring: KeyRing, rotated: boolean) {
  return {
    rotated,
    active: activeKey(ring).kid,
    next: nextKey(ring).kid,
    next_ready_at: isoOrNull(readyAt(ring)),
  };
}

function rotationText(before: KeyRing, after: KeyRing, now: number): string {
  const [was, is] = [activeKey(before), activeKey(after)];
  if (was.kid === is.kid) return `Not rotated: ${is.kid} goes on signing.\n${nextKeySentence(after, now)}\n`;
  const retired = after.keys.find((key) => key.kid === was.kid);
  const until = retired?.signedUntil ?? null;
  return [
    `${is.kid} signs now.`,
    `${was.kid} is retired${until === null ? '; it never signed' : ` and stays published until its last token has expired, at most until ${iso(until)}`}.`,
    nextKeySentence(after, now),
    '',
  ].join('\n');
}

const compromise: CommandFactory = (context) =>
  new Command('compromise')
    .description(
      'Drops a key at once, because somebody else may have it. Every token that it signed becomes worthless.',
    )
    .argument('[kid]', 'the key (hallpass keys list)')
    .option('--all', 'drop every key and make new ones: after the loss of a data directory or a backup', false)
    .option('-y, --yes', 'do not ask', false)
    .option('--json', 'print what happened as JSON', false)
    .addHelpText('after', '\nExample:\n  $ hallpass keys compromise --all')
    .action(async (kid, options) => {
      if ((kid !== undefined) === options.all) throw whichKey();
      await using keys = await openKeys(context);
      const before = await keys.ring();
      if (kid !== undefined) requireKey(before, kid);
      const dropped = kid === undefined ? before.ring.keys.map((key) => key.kid) : [kid];
      if (!options.yes) await confirmed(context, dropped, kid ?? '--all');
      const { ring } = await keys.keeper.compromise(dropped);
      const at = context.now();
      print(context, options.json, compromiseRecord(ring, dropped, at), compromiseText(ring, dropped, at));
    });

function whichKey(): UsageError {
  return new UsageError({
    what: 'name one key, or --all',
    mend: 'hallpass keys list names them; hallpass keys compromise KID, or --all',
  });
}

function requireKey({ ring }: StoredRing, kid: string): void {
  if (ring.keys.some((key) => key.kid === kid)) return;
  throw new AppError('key_missing', {
    what: `there is no key ${JSON.stringify(kid)}`,
    where: ring.issuer,
    mend: `the keys are ${ring.keys.map((key) => key.kid).join(', ')}`,
  });
}

async function confirmed(context: CliContext, dropped: readonly string[], word: string): Promise<void> {
  const question = `Drop ${dropped.join(', ')}? Running plans and applies that hold its tokens will be refused.`;
  const nobodyThere = new UsageError({
    what: 'dropping a key must be confirmed, and nobody is at a terminal',
    mend: `hallpass keys compromise ${word} --yes`,
  });
  if (await isConfirmed(context, question, nobodyThere)) return;
  throw new AppError('command_failed', { what: 'nothing was dropped' });
}

function compromiseRecord(ring: KeyRing, dropped: readonly string[], at: Date) {
  return { dropped, keys: ring.keys.map(keyRecord), aws_deny_policy: denyEarlierSessions(at) };
}

function compromiseText(ring: KeyRing, dropped: readonly string[], at: Date): string {
  return [
    `Dropped ${dropped.join(', ')}.`,
    `${activeKey(ring).kid} signs now; ${nextKey(ring).kid} is next.`,
    '',
    compromiseAdvice(ring, dropped, at),
  ].join('\n');
}

const rewrap: CommandFactory = (context) =>
  new Command('rewrap')
    .description('Encrypts the private keys by a new key-encryption key.')
    .option(
      '--forget-earlier',
      'remove earlier key-encryption keys, which other data directories may still need',
      false,
    )
    .option('--json', 'print what happened as JSON', false)
    .addHelpText('after', '\nExample:\n  $ hallpass keys rewrap')
    .action(async ({ forgetEarlier, json }) => {
      await using keys = await openKeys(context);
      const kids = (await keys.ring()).ring.keys.filter((key) => key.state !== 'retired').map((key) => key.kid);
      const recorded = { type: 'keys_rewrapped', kids, outcome: 'ok', workload: null, lease: null } as const;
      await keys.store.rewrap({
        forgetEarlier,
        beforeWrite: async () => {
          await keys.audit.append({ ...recorded, actor: keys.actor, known_by: 'issuer' });
        },
      });
      print(context, json, { rewrapped: kids, earlier_forgotten: forgetEarlier }, rewrapText(forgetEarlier, context));
    });

function rewrapText(forgotten: boolean, { settings }: CliContext): string {
  const { keyEncryptionKeyFile: file } = settings;
  const earlier = forgotten
    ? 'Earlier ones were removed from it.'
    : `Earlier ones stay below it in the file, since other data directories may need them: "hallpass keys rewrap --forget-earlier" removes them.`;
  return `The private keys are encrypted by a new key, the first line of ${file}.\n${earlier}\n`;
}

function secondsOf({ now }: CliContext): number {
  return Math.floor(now().getTime() / 1000);
}

function print(context: CliContext, json: boolean, record: unknown, text: string): void {
  context.stdout.write(json ? jsonText(record) : text);
}
